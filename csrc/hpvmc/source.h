/* SPDX-License-Identifier: MIT */
/*
 * The last resort: a tree's source, compiled by this host's compiler. The source is a ustar archive
 * with the files and, in "hpvm.source", how to compile them: after the line "hpvm.source 1" lines
 * of a word and what belongs to it:
 *
 *	language c          or c++: the compiler is $HPVM_CC or cc, $HPVM_CXX or c++
 *	flag -O2            for all architectures, flag@x86 -msse2 for one of them
 *	unit 0.c            a file to compile
 *	library -lm         behind the units
 */
#ifndef HPVMC_SOURCE_H
#define HPVMC_SOURCE_H

#include "libhpvm/select.h"

/*
 * Compile a source for this host, or take what was made of it before out of the cache. The best of
 * the traits' levels is for the compiler; if it does not know that, none is.
 *
 * 0 with a new descriptor of a sealed memory file in *memfd; -1 with a line in `why`, which is the
 * compiler's first one if that failed. Waits for the compiler, which may take seconds.
 */
int hpvmc_compile(const void *source, size_t size, const struct hpvm_traits *traits, int *memfd,
	char *why, size_t room);

#endif
