/* SPDX-License-Identifier: MIT */
/* Waiting in an event loop of the program's: for the Python interface. */
#include "calls/api.h"

static int watch(void)
{
	int code = pvm__connect();

	return code < 0 ? code : pvm__watch_always();
}

int pvmwatch(void)
{
	API_LOCK();
	return pvm__result("pvm_getfds", watch());
}

/* The loop finds out what has become of the connection by a receive. */
int pvmdoze(void)
{
	API_LOCK();
	return pvm__task.daemon ? pvm__doze() : pvm__result("pvm_getfds", PvmSysErr);
}
