/* SPDX-License-Identifier: MIT */
/* Fortran calls for hosts and the machine as a whole. */
#include <stdlib.h>
#include <string.h>

#include "fortran.h"

ENTRY pvmfhalt_(int *info) { *info = pvm_halt(); }

/* One host: info is its status, or the error of the call. */
ENTRY pvmfaddhost_(char *host, int *info, int host_length)
{
	int status;
	TEXT(host, info)

	*info = pvm_addhosts(&c_host, 1, &status);
	if (*info >= 0)
		*info = status;
}

ENTRY pvmfdelhost_(char *host, int *info, int host_length)
{
	int status;
	TEXT(host, info)

	*info = pvm_delhosts(&c_host, 1, &status);
	if (*info >= 0)
		*info = status;
}

ENTRY pvmfmstat_(char *host, int *info, int host_length)
{
	TEXT(host, info)

	*info = pvm_mstat(c_host);
}

ENTRY pvmfarchcode_(char *arch, int *code, int arch_length)
{
	TEXT(arch, code)

	*code = pvm_archcode(c_arch);
}

/* One host a call, in turn; then the table is read again. info is 1, or an error code. */
ENTRY pvmfconfig_(int *hosts, int *archs, int *tid, char *name, char *arch, int *speed, int *info,
	int name_length, int arch_length)
{
	static __thread struct pvmhostinfo *table;
	static __thread int known, kinds, next;

	*info = 0;
	if (next >= known) {
		next = known = 0;
		*info = pvm_config(&known, &kinds, &table);
	}
	if (*info < 0)
		return;
	*hosts = known;
	*archs = kinds;
	*tid = table[next].hi_tid;
	*speed = table[next].hi_speed;
	fpvm__store(name, name_length, table[next].hi_name);
	fpvm__store(arch, arch_length, table[next].hi_arch);
	next++;
	*info = 1;
}

ENTRY pvmfhostsync_(int *host, int *seconds, int *microseconds, int *delta_seconds,
	int *delta_microseconds, int *info)
{
	struct timeval clock = { 0 }, delta = { 0 };

	*info = pvm_hostsync(*host, &clock, &delta);
	*seconds = (int)clock.tv_sec;
	*microseconds = (int)clock.tv_usec;
	*delta_seconds = (int)delta.tv_sec;
	*delta_microseconds = (int)delta.tv_usec;
}

/* Arguments of the daemon in one string, with blanks between them. */
ENTRY pvmfstartpvmd_(char *args, int *block, int *info, int args_length)
{
	char **argv;
	char *rest;
	int argc = 0;
	TEXT(args, info)

	argv = malloc((strlen(c_args) / 2 + 2) * sizeof *argv);
	if (!argv) {
		*info = PvmNoMem;
		return;
	}
	for (char *arg = strtok_r(c_args, " ", &rest); arg; arg = strtok_r(NULL, " ", &rest))
		argv[argc++] = arg;
	argv[argc] = NULL;
	*info = pvm_start_pvmd(argc, argv, *block);
	free(argv);
}
