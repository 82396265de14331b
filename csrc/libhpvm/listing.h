/* SPDX-License-Identifier: MIT */
/*
 * The file hpvm.tree, in which hpvm-build lists the kernels of a tree. Its first line is
 * "hpvm.tree 1"; each further line is a kernel, of six fields with one tab between them:
 *
 *	SHA-256   size   argument type   compiler   flags   path
 *
 * The argument type is the number that HPVM's header gives the type, the path
 * ARCH/OS/LEVEL/kernel.so, or source/kernel.tar. Lines that begin with '#' are comments.
 */
#ifndef HPVM_LISTING_H
#define HPVM_LISTING_H

#include <stddef.h>
#include "sha256.h"

#define HPVM_LISTING_NAME "hpvm.tree"
/* Where the source is, if the tree has it; its architecture's name. */
#define HPVM_SOURCE "source"
#define HPVM_SOURCE_PATH HPVM_SOURCE "/kernel.tar"

enum {
	HPVM_LISTING_VERSION = 1,
	HPVM_TREE_KERNELS = 512,
	HPVM_LEVEL_NAME = 32, /* a level's name, the NUL included */
	HPVM_KERNEL_PATH = 3 * HPVM_LEVEL_NAME + 10,
};
#define HPVM_KERNEL_SIZE (64L << 20)

/* A line. For source, os and level are empty. */
struct hpvm_listed {
	unsigned char hash[HPVM_HASH];
	long size;
	int argtype;
	char path[HPVM_KERNEL_PATH];
	char arch[HPVM_LEVEL_NAME], os[HPVM_LEVEL_NAME], level[HPVM_LEVEL_NAME];
};

/*
 * Read the text of hpvm.tree into `listed`, which has room for HPVM_TREE_KERNELS. The number of
 * kernels, which is not 0; -1 with a sentence's end in `why`, such as "line 3: the size is no
 * number from 1 to 67108864", or "lists no kernel".
 */
int hpvm_listing_read(const char *text, size_t size, struct hpvm_listed *listed, char *why,
	size_t room);

#endif
