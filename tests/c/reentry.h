/* SPDX-License-Identifier: MIT */
/* What checks of calls that are left by a jump share: the task, and that the library is whole. */
#ifndef PVM3PY_TESTS_REENTRY_H
#define PVM3PY_TESTS_REENTRY_H

#include <setjmp.h>

#include "check.h"

enum { TAG_HANDLED = 60, TAG_PLAIN, TAG_REPLY, TAG_LARGE, TAG_END, TAG_NOISE, TAG_NUMBER };

static __thread jmp_buf back;
static volatile int returns, seen;
static int mytid;

/* A handler that returns. */
static inline int note(int id)
{
	int value = -1;

	(void)id;
	pvm_upkint(&value, 1, 1);
	seen = value;
	returns++;
	return 0;
}

/* The library is as if nothing had been: buffers, context, waiting, and handlers that return. */
static inline void usable(void)
{
	int id;

	CHECK_CODE("context", pvm_getcontext(), 0);
	check_send_int(mytid, TAG_PLAIN, 4);
	CHECK_INT(check_recv_int(mytid, TAG_PLAIN), 4);
	returns = 0;
	id = pvm_addmhf(-1, TAG_REPLY, -1, note);
	check_send_int(mytid, TAG_REPLY, 5);
	check_send_int(mytid, TAG_PLAIN, 6);
	CHECK_INT(check_recv_int(mytid, TAG_PLAIN), 6);
	while (!returns) /* another thread may run it */
		pvm_probe(-1, TAG_PLAIN);
	CHECK_INT(returns, 1);
	CHECK_INT(seen, 5);
	pvm_delmhf(id);
}

/* Be another task, whose messages go by memory, or by streams alone, where a large send waits. */
static inline void enrol_anew(const char *memory)
{
	CHECK_INT(pvm_exit(), 0);
	setenv("PVM_SHM", memory, 1);
	mytid = pvm_mytid();
	CHECK(mytid > 0);
}

#endif
