/* SPDX-License-Identifier: MIT */
/*
 * A group of a C, a Fortran and a Python task, which do each collective call together. This one
 * starts the others: member.f, compiled to `member_f`, and member.py.
 */
#include <stdio.h>

#include "pvm3.h"

#define MEMBERS 3
#define TAG 7

/* Send a number to all others. */
static void broadcast(int number)
{
	pvm_initsend(PvmDataDefault);
	pvm_pkint(&number, 1, 1);
	pvm_bcast("mixed", TAG);
}

int main(int argc, char **argv)
{
	double own, all[MEMBERS], slice;
	int me;

	if (argc != 2)
		return fprintf(stderr, "usage: member_c PATH/member.py\n"), 2;
	if (pvm_mytid() < 0)
		return 1;
	/* The first one to join is number 0, the root of what follows. */
	me = pvm_joingroup("mixed");
	pvm_catchout(stdout);
	if (pvm_spawn("member_f", NULL, PvmTaskDefault, "", 1, NULL) != 1 ||
		pvm_spawn(argv[1], NULL, PvmTaskDefault, "", 1, NULL) != 1)
		return fprintf(stderr, "member_c: cannot start the others\n"), pvm_exit(), 1;
	pvm_barrier("mixed", MEMBERS);

	broadcast(42);
	own = me + 1;
	pvm_gather(all, &own, 1, PVM_DOUBLE, TAG, "mixed", 0);
	printf("C: gathered %g %g %g\n", all[0], all[1], all[2]);
	for (int i = 0; i < MEMBERS; i++)
		all[i] *= 10;
	pvm_scatter(&slice, all, 1, PVM_DOUBLE, TAG, "mixed", 0);
	pvm_reduce(PvmSum, &slice, 1, PVM_DOUBLE, TAG, "mixed", 0);
	printf("C: the slices add up to %g\n", slice);
	pvm_barrier("mixed", MEMBERS);
	pvm_lvgroup("mixed");
	pvm_exit();
	return 0;
}
