/* SPDX-License-Identifier: MIT */
/* Messages that hold a number, and behind it bytes of its value. */
#ifndef PVM3PY_TESTS_NUMBERED_H
#define PVM3PY_TESTS_NUMBERED_H

#include "check.h"

/* Most bytes behind a number. */
enum { NUMBERED_MAX = 1 << 20 };

static char numbered_bytes[NUMBERED_MAX];

/* Send the number with n bytes of its value. */
static inline void send_number(int tid, int tag, int number, int n)
{
	memset(numbered_bytes, number, (size_t)n);
	CHECK(pvm_initsend(PvmDataRaw) >= 0);
	CHECK_INT(pvm_pkint(&number, 1, 1), 0);
	CHECK_INT(pvm_pkbyte(numbered_bytes, n, 1), 0);
	CHECK_INT(pvm_send(tid, tag), 0);
}

/* Unpack the number of the message that was received, and check its n bytes; the number. */
static inline int unpack_number(int n)
{
	const char *got = numbered_bytes;
	int found = -1;

	CHECK_INT(pvm_upkint(&found, 1, 1), 0);
	CHECK_INT(pvm_upkbyte(numbered_bytes, n, 1), 0);
	CHECK(got[0] == (char)found && got[n / 2] == (char)found && got[n - 1] == (char)found);
	return found;
}

#endif
