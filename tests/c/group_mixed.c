/* SPDX-License-Identifier: MIT */
/*
 * group_mixed GROUP SIZE: member of a group whose others are written in other languages
 * (tests/fortran/group_mixed.f90, tests/py/support/programs/group_mixed.py): the same calls in the
 * same order.
 */
#include "check.h"

/* An operation of the program: x and y become (1 + x)(1 + y) - 1. */
static void combine(int *type, void *x, void *y, int *count, int *info)
{
	double *a = x, *b = y;

	CHECK_INT(*type, PVM_DOUBLE);
	for (int i = 0; i < *count; i++)
		a[i] = (1 + a[i]) * (1 + b[i]) - 1;
	*info = PvmOk;
}

/* Every operation on two items, with every member as the root, whose function is called. */
static void check_operations(char *group, int size, int me)
{
	void (*operations[])() = { PvmSum, PvmProduct, PvmMin, PvmMax, combine };
	double expected[5] = { 0, 1, 1, size, 1 };

	for (int i = 1; i <= size; i++) {
		expected[0] += i;
		expected[1] *= i;
		expected[4] *= i + 1;
	}
	expected[4] -= 1;
	for (int root = 0; root < size; root++)
		for (int i = 0; i < 5; i++) {
			double items[2] = { me + 1, me + 1 };
			int tag = 10 * root + 10 + i, code;

			code = pvm_reduce(operations[i], items, 2, PVM_DOUBLE, tag, group, root);
			CHECK(code == 0);
			if (me == root)
				CHECK(items[0] == expected[i] && items[1] == expected[i]);
		}
}

int main(int argc, char **argv)
{
	char *group = argc > 2 ? argv[1] : "";
	int size = argc > 2 ? atoi(argv[2]) : 0;
	int all[64] = { 0 };
	int me, one;

	check_start();
	me = pvm_joingroup(group);
	CHECK(pvm_barrier(group, size) == 0);
	CHECK_INT(pvm_gsize(group), size);
	for (int i = 0; i < size; i++)
		CHECK_INT(pvm_getinst(group, pvm_gettid(group, i)), i);
	CHECK_INT(pvm_gettid(group, me), pvm_mytid());
	if (me == 0) {
		pvm_initsend(PvmDataDefault);
		pvm_pkint(&size, 1, 1);
		CHECK(pvm_bcast(group, 1) == 0);
	} else {
		CHECK_INT(check_recv_int(-1, 1), size);
	}
	one = 10 * me;
	CHECK(pvm_gather(all, &one, 1, PVM_INT, 2, group, 0) == 0);
	for (int i = 0; me == 0 && i < size; i++)
		CHECK_INT(all[i], 10 * i);
	CHECK(pvm_scatter(&one, all, 1, PVM_INT, 3, group, 0) == 0);
	CHECK_INT(one, 10 * me);
	check_operations(group, size, me);
	CHECK_INT(pvm_freezegroup(group, size), size);
	CHECK_INT(pvm_gsize(group), size);
	CHECK(pvm_barrier(group, -1) == 0);
	pvm_exit();
	return check_done();
}
