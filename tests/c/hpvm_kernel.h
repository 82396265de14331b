/* SPDX-License-Identifier: MIT */
/* What the parents of the tests ask the kernel hpvm_kernel.c for: the first of its arguments. */
#ifndef PVM3PY_TESTS_HPVM_KERNEL_H
#define PVM3PY_TESTS_HPVM_KERNEL_H

enum {
	DO_NOTHING,
	DO_RETURN,      /* the second argument */
	DO_RAISE,       /* the signal that the second argument names */
	DO_RAISE_ONCE,  /* the same, at the first try; then as DO_DOUBLE */
	DO_EXIT,        /* call exit(3) */
	DO_DOUBLE,      /* item `id` of "numbers", in place */
	DO_FILL,        /* "numbers" from the second argument to the third, by x -> 3x */
	DO_MERGE_TWICE, /* item `id`: 1, then 2, then fail with the second argument */
	DO_MISUSE,      /* what a kernel must not do; the second argument says what */
	DO_LARGE,       /* all of "bytes", as `id` + 1 */
	DO_SIGNAL_GROUP /* a signal to the process group, once */
};

enum { NO_SUCH_SHARE, RANGE_BEYOND, OTHER_TYPE, NULL_ARRAY, SPAWN_IN_KERNEL, SHARE_IN_KERNEL };

#endif
