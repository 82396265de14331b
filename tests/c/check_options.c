/* SPDX-License-Identifier: MIT */
/* pvm_setopt and pvm_getopt: defaults, old values, limits and error codes. */
#include "check.h"

static void defaults(void)
{
	CHECK_INT(pvm_getopt(PvmRoute), PvmAllowDirect);
	CHECK_INT(pvm_getopt(PvmDebugMask), 0);
	CHECK_INT(pvm_getopt(PvmAutoErr), 0);
	CHECK_INT(pvm_getopt(PvmOutputTid), 0);
	CHECK_INT(pvm_getopt(PvmOutputCode), 0);
	CHECK_INT(pvm_getopt(PvmTraceTid), 0);
	CHECK_INT(pvm_getopt(PvmTraceCode), 0);
	CHECK_INT(pvm_getopt(PvmResvTids), 0);
	CHECK_INT(pvm_getopt(PvmShowTids), 1);
	CHECK_INT(pvm_getopt(PvmNoReset), 0);
	CHECK_INT(pvm_getopt(PvmSelfOutputTid), 0);
	CHECK_INT(pvm_getopt(PvmSelfTraceTid), 0);
}

static void simple_options(void)
{
	const int any[] = { PvmDebugMask, PvmResvTids, PvmShowTids, PvmTraceBuffer };

	for (unsigned i = 0; i < sizeof any / sizeof *any; i++) {
		int old = pvm_getopt(any[i]);

		if (any[i] == PvmDebugMask)
			continue;
		CHECK_INT(pvm_setopt(any[i], 77), old);
		CHECK_INT(pvm_getopt(any[i]), 77);
		CHECK_INT(pvm_setopt(any[i], old), 77);
	}
	CHECK_INT(pvm_setopt(PvmAutoErr, 1), 0);
	CHECK_INT(pvm_setopt(PvmAutoErr, 0), 1);
}

static void limits(void)
{
	int size = pvm_getopt(PvmFragSize);

	CHECK_INT(pvm_setopt(PvmRoute, 0), PvmBadParam);
	CHECK_INT(pvm_setopt(PvmRoute, 4), PvmBadParam);
	CHECK_INT(pvm_getopt(PvmRoute), PvmAllowDirect);
	CHECK_INT(pvm_setopt(PvmRoute, PvmRouteDirect), PvmAllowDirect);
	CHECK_INT(pvm_setopt(PvmRoute, PvmAllowDirect), PvmRouteDirect);
	CHECK_INT(pvm_setopt(PvmFragSize, 51), PvmBadParam);
	CHECK_INT(pvm_setopt(PvmFragSize, 1048577), PvmBadParam);
	CHECK_INT(pvm_setopt(PvmFragSize, 52), size);
	CHECK_INT(pvm_setopt(PvmFragSize, 1048576), 52);
	CHECK_INT(pvm_setopt(PvmFragSize, size), 1048576);
	CHECK_INT(pvm_setopt(PvmTraceOptions, 0), PvmBadParam);
	CHECK_INT(pvm_setopt(PvmTraceOptions, 4), PvmBadParam);
	CHECK_INT(pvm_setopt(PvmPollType, 1), PvmNotImpl);
	CHECK_INT(pvm_getopt(PvmPollType), PvmBadParam);
	CHECK_INT(pvm_setopt(4711, 1), PvmBadParam);
	CHECK_INT(pvm_getopt(4711), PvmBadParam);
	CHECK_INT(pvm_getopt(0), PvmBadParam);
}

static void output_targets(int mytid)
{
	CHECK_INT(pvm_setopt(PvmOutputTid, mytid + 1), PvmBadParam);
	CHECK_INT(pvm_setopt(PvmOutputTid, mytid), 0);
	CHECK_INT(pvm_setopt(PvmOutputCode, 99), 0);
	CHECK_INT(pvm_getopt(PvmOutputCode), 99);
	CHECK_INT(pvm_setopt(PvmOutputTid, 0), mytid);
	CHECK_INT(pvm_setopt(PvmTraceTid, mytid), 0);
	CHECK_INT(pvm_setopt(PvmTraceTid, 0), mytid);
	/* The own codes cannot be set while there is no target. */
	pvm_setopt(PvmSelfOutputCode, 5);
	CHECK_INT(pvm_getopt(PvmSelfOutputCode), 0);
	pvm_setopt(PvmSelfTraceCode, 5);
	CHECK_INT(pvm_getopt(PvmSelfTraceCode), 0);
}

int main(void)
{
	check_start();
	CHECK_INT(pvm_getopt(PvmFragSize), 4080);
	int mytid = pvm_mytid();
	CHECK(mytid > 0);
	defaults();
	simple_options();
	limits();
	output_targets(mytid);
	CHECK_INT(pvm_setopt(PvmNoReset, 1), 0);
	CHECK_INT(pvm_getopt(PvmNoReset), 1);
	CHECK_INT(pvm_setopt(PvmNoReset, 0), 1);
	pvm_exit();
	return check_done();
}
