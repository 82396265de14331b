/* SPDX-License-Identifier: MIT */
/*
 * group_mixed GROUP SIZE: member of a group whose others are written in other languages
 * (tests/fortran/group_mixed.f90, tests/py/support/group_mixed.py): the same calls in the same order.
 */
#include "check.h"

int main(int argc, char **argv)
{
	char *group = argc > 2 ? argv[1] : "";
	int size = argc > 2 ? atoi(argv[2]) : 0;
	int all[64] = { 0 };
	int me, one;
	double sum;

	check_start();
	me = pvm_joingroup(group);
	CHECK(pvm_barrier(group, size) == 0);
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
	sum = me + 0.5;
	CHECK(pvm_reduce(PvmSum, &sum, 1, PVM_DOUBLE, 4, group, 0) == 0);
	if (me == 0)
		CHECK(sum == size * (size - 1) / 2 + 0.5 * size);
	CHECK(pvm_barrier(group, size) == 0);
	one = me;
	CHECK(pvm_reduce(PvmMax, &one, 1, PVM_INT, 5, group, size - 1) == 0);
	if (me == size - 1)
		CHECK_INT(one, size - 1);
	CHECK_INT(pvm_freezegroup(group, size), size);
	CHECK_INT(pvm_gsize(group), size);
	CHECK(pvm_barrier(group, -1) == 0);
	pvm_exit();
	return check_done();
}
