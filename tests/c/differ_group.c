/* SPDX-License-Identifier: MIT */
/* The functions of libgpvm3 as steps of a script. */
#include "differ.h"

static void (*operation(int number))(int *, void *, void *, int *, int *)
{
	static void (*const functions[])(int *, void *, void *, int *, int *) = { PvmSum, PvmMax,
		PvmMin, PvmProduct };

	return number < 0 ? NULL : functions[number & 3];
}

/* operate OPERATION TYPE ACCUMULATOR OPERAND COUNT */
static int operate(const struct step *s)
{
	int type = N(1), count = N(4), info = -99;

	operation(N(0))(&type, P(2), P(3), &count, &info);
	return info;
}

CALL(joingroup, PLAIN, pvm_joingroup(P(0)))
CALL(lvgroup, PLAIN, pvm_lvgroup(P(0)))
CALL(freezegroup, PLAIN, pvm_freezegroup(P(0), N(1)))
CALL(gettid, TASK, pvm_gettid(P(0), N(1)))
CALL(getinst, PLAIN, pvm_getinst(P(0), N(1)))
CALL(gsize, PLAIN, pvm_gsize(P(0)))
CALL(barrier, PLAIN, pvm_barrier(P(0), N(1)))
CALL(bcast, PLAIN, pvm_bcast(P(0), N(1)))
CALL(reduce, PLAIN, pvm_reduce(operation(N(0)), P(1), N(2), N(3), N(4), P(5), N(6)))
CALL(gather, PLAIN, pvm_gather(P(0), P(1), N(2), N(3), N(4), P(5), N(6)))
CALL(scatter, PLAIN, pvm_scatter(P(0), P(1), N(2), N(3), N(4), P(5), N(6)))
CALL(operate, PLAIN, operate(s))
