/* SPDX-License-Identifier: MIT */
/* Which kernel of a tree a host gets. */
#ifndef HPVM_SELECT_H
#define HPVM_SELECT_H

#include "tree.h"

enum { HPVM_TRAIT_LEVELS = 16 };

/* What a host is. */
struct hpvm_traits {
	char arch[HPVM_LEVEL_NAME], os[HPVM_LEVEL_NAME];
	int n_levels;
	/* The levels that its processor has, the best one first; without "generic". */
	char levels[HPVM_TRAIT_LEVELS][HPVM_LEVEL_NAME];
};

/*
 * The choice number `nth`, from 0, for a host: its levels that the tree has, the best one first,
 * then "generic", then the source. NULL if there are no so many: for 0 the tree has nothing for it.
 */
const struct hpvm_kernel *hpvm_select(const struct hpvm_tree *tree,
	const struct hpvm_traits *traits, int nth);

/* Why the choice is what it is, as "x86-64-v3: the processor has no x86-64-v4", or why there is
 * none, as "no kernel for aarch64 linux, and no source". */
void hpvm_select_why(const struct hpvm_tree *tree, const struct hpvm_traits *traits, int nth,
	char *text, size_t room);

#endif
