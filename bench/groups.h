/* SPDX-License-Identifier: MIT */
/* What driver and members share in the measurements of groups. */
#ifndef BENCH_GROUPS_H
#define BENCH_GROUPS_H

#include "common.h"

static char bench_group[] = "bench";

#define GROUP_ITEMS 64 /* ints in a bcast or reduce */
#define GROUP_TAG 100  /* of their messages */

/* A collective operation, done by every member; the driver is the root. */
typedef void group_operation(int members, int is_root);

static inline void group_barrier(int members, int is_root)
{
	(void)is_root;
	CHECK(pvm_barrier(bench_group, members) == 0);
}

/* One member sends to all, who acknowledge in a barrier. */
static inline void group_bcast(int members, int is_root)
{
	int items[GROUP_ITEMS];

	fill(items, GROUP_ITEMS, 1);
	if (is_root) {
		pvm_initsend(PvmDataDefault);
		pvm_pkint(items, GROUP_ITEMS, 1);
		CHECK(pvm_bcast(bench_group, GROUP_TAG) == 0);
	} else {
		CHECK(pvm_recv(-1, GROUP_TAG) > 0);
		CHECK(pvm_upkint(items, GROUP_ITEMS, 1) == 0);
	}
	group_barrier(members, is_root);
}

/* The sum of all members' items, and a barrier, without which calls could overlap. */
static inline void group_reduce(int members, int is_root)
{
	int items[GROUP_ITEMS];

	for (int i = 0; i < GROUP_ITEMS; i++)
		items[i] = i;
	CHECK(pvm_reduce(PvmSum, items, GROUP_ITEMS, PVM_INT, GROUP_TAG, bench_group, 0) == 0);
	if (is_root)
		CHECK(items[GROUP_ITEMS - 1] == members * (GROUP_ITEMS - 1));
	group_barrier(members, is_root);
}

/* The operation with a name, NULL: there is none. */
static inline group_operation *group_operation_named(const char *name)
{
	if (strcmp(name, "barrier") == 0)
		return group_barrier;
	if (strcmp(name, "bcast") == 0)
		return group_bcast;
	return strcmp(name, "reduce") == 0 ? group_reduce : NULL;
}

#endif
