/* SPDX-License-Identifier: MIT */
/* Enrolling and leaving, as programs ask for it. */
#include "calls/api.h"

#include <stdlib.h>
#include <string.h>

/* Own tid; connects. PvmSysErr. */
int pvm_mytid(void)
{
	API_LOCK();
	int code = pvm__connect();

	API_BEGIN_AS_IS(TEV_MYTID);
	return API_LEAVE(TEV_MYTID, TEV_DID_MT,
		pvm__result("pvm_mytid", code < 0 ? code : pvmmytid));
}

/* pvm_mytid for libraries on top of this one: 0 or an error code, not reported. */
int pvmbeatask(void)
{
	API_LOCK();
	return pvm__connect();
}

/* Drop all connections without a word to anybody. Returns 0. */
int pvmendtask(void)
{
	API_LOCK();
	pvm__disconnect();
	return 0;
}

/* Name that pvm_tasks shows, to be set before the first call that connects. */
int pvmsettaskname(char *name)
{
	API_LOCK();
	char *copy;

	if (!name)
		return PvmBadParam;
	if (pvmmytid != -1)
		return PvmExists;
	copy = strdup(name);
	if (!copy)
		return PvmNoMem;
	free(pvm__task.name);
	pvm__task.name = copy;
	return 0;
}

/* Leave the virtual machine; a later call may enrol again. 0 or PvmSysErr. */
int pvm_exit(void)
{
	API_LOCK();
	int code;

	API_BEGIN_AS_IS(TEV_EXIT);
	code = pvm__leave();
	API_END_SILENT();
	return pvm__result("pvm_exit", code);
}
