/* SPDX-License-Identifier: MIT */
/* What becomes of calls of signal handlers: carried out, or refused with PvmNotImpl. */
#ifndef PVM3PY_TESTS_JUDGE_H
#define PVM3PY_TESTS_JUDGE_H

#include "check.h"

/* Calls that were carried out, and refused; a result that is neither. */
static volatile int accepted, refused, odd;

/* Count a result. Was the call carried out? */
static inline bool judge(int result)
{
	if (result >= 0)
		accepted++;
	else if (result == PvmNotImpl)
		refused++;
	else
		odd = result;
	return result >= 0;
}

/* Count the result of a request that, if carried out, succeeds. */
static inline void judge_status(int status)
{
	if (judge(status) && status != PvmOk)
		odd = status;
}

#endif
