/* SPDX-License-Identifier: MIT */
/* Fortran calls for groups; a program that uses one needs libgpvm3. */
#include "fortran.h"

ENTRY pvmfjoingroup_(char *group, int *instance, int group_length)
{
	TEXT(group, instance)

	*instance = pvm_joingroup(c_group);
}

ENTRY pvmflvgroup_(char *group, int *info, int group_length)
{
	TEXT(group, info)

	*info = pvm_lvgroup(c_group);
}

ENTRY pvmfgsize_(char *group, int *size, int group_length)
{
	TEXT(group, size)

	*size = pvm_gsize(c_group);
}

ENTRY pvmfgettid_(char *group, int *instance, int *tid, int group_length)
{
	TEXT(group, tid)

	*tid = pvm_gettid(c_group, *instance);
}

ENTRY pvmfgetinst_(char *group, int *tid, int *instance, int group_length)
{
	TEXT(group, instance)

	*instance = pvm_getinst(c_group, *tid);
}

ENTRY pvmfbarrier_(char *group, int *count, int *info, int group_length)
{
	TEXT(group, info)

	*info = pvm_barrier(c_group, *count);
}

ENTRY pvmffreezegroup_(char *group, int *size, int *info, int group_length)
{
	TEXT(group, info)

	*info = pvm_freezegroup(c_group, *size);
}

ENTRY pvmfbcast_(char *group, int *tag, int *info, int group_length)
{
	TEXT(group, info)

	*info = pvm_bcast(c_group, *tag);
}

ENTRY pvmfgather_(void *result, void *items, int *count, int *type, int *tag, char *group,
	int *root, int *info, int group_length)
{
	TEXT(group, info)

	*info = pvm_gather(result, items, *count, *type, *tag, c_group, *root);
}

ENTRY pvmfscatter_(void *result, void *items, int *count, int *type, int *tag, char *group,
	int *root, int *info, int group_length)
{
	TEXT(group, info)

	*info = pvm_scatter(result, items, *count, *type, *tag, c_group, *root);
}

/* The function takes its arguments by reference in both languages. */
ENTRY pvmfreduce_(void (*function)(int *, void *, void *, int *, int *), void *items, int *count,
	int *type, int *tag, char *group, int *root, int *info, int group_length)
{
	TEXT(group, info)

	*info = pvm_reduce(function, items, *count, *type, *tag, c_group, *root);
}

ENTRY pvmmax_(int *type, void *x, void *y, int *count, int *info)
{
	PvmMax(type, x, y, count, info);
}

ENTRY pvmmin_(int *type, void *x, void *y, int *count, int *info)
{
	PvmMin(type, x, y, count, info);
}

ENTRY pvmsum_(int *type, void *x, void *y, int *count, int *info)
{
	PvmSum(type, x, y, count, info);
}

ENTRY pvmproduct_(int *type, void *x, void *y, int *count, int *info)
{
	PvmProduct(type, x, y, count, info);
}
