/* SPDX-License-Identifier: MIT */
/*
 * A kernel tree: a directory ARCH/OS/LEVEL/kernel.so, or one file with such a directory in it, and
 * its list hpvm.tree. What is not listed is no part of the tree.
 */
#ifndef HPVM_TREE_H
#define HPVM_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include "listing.h"

#define HPVM_GENERIC "generic"

/* One kernel, or the source, whose arch is HPVM_SOURCE; os and level are empty then. */
struct hpvm_kernel {
	const char *path; /* inside the tree */
	const char *arch, *os, *level;
	unsigned char hash[HPVM_HASH];
	long size;
	int argtype;
	const void *bytes;
};

struct hpvm_tree;

/*
 * Open the tree `name` and read all of it. An empty name is what $HPVM_KERNELS says, else the
 * directory PROGRAM.kernels, else the file PROGRAM.hpvm beside the running program.
 *
 * The files must be regular ones that only their owner can write, who is the user or root; each
 * must be of the size and the hash that hpvm.tree says, and of the architecture that its path says;
 * each ARCH/OS must have a level "generic".
 *
 * NULL with a sentence in `why` if it cannot be had. errno says of what kind the reason is: ENOENT
 * (there is no such tree: HPVM_NOTREE), EBADMSG (something is wrong with it: HPVM_BADTREE), ENOMEM.
 */
struct hpvm_tree *hpvm_tree_open(const char *name, char *why, size_t room);

/* The tree and its kernels are gone; NULL is allowed. */
void hpvm_tree_close(struct hpvm_tree *tree);

/* What the tree was found as: a path. */
const char *hpvm_tree_name(const struct hpvm_tree *tree);

/* How many kernels it has, the source counted; the kernel number i, from 0. */
int hpvm_tree_count(const struct hpvm_tree *tree);
const struct hpvm_kernel *hpvm_tree_kernel(const struct hpvm_tree *tree, int i);

/* Is the tree on the disk still the one that was opened? Costs one look at a file's times: a parent
 * that spawns often keeps its tree open. */
bool hpvm_tree_is_current(const struct hpvm_tree *tree);

#endif
