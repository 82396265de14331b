/* SPDX-License-Identifier: MIT */
/*
 * One after the other start two machines, make a static group in each and halt it, without heed
 * of the SIGTERM that every task gets then. Prints what the calls of each machine return.
 */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "pvm3.h"

int pvmendtask(void);

int main(void)
{
	alarm(100);
	pvm_setopt(PvmAutoErr, 0);
	for (int machine = 0; machine < 2; machine++) {
		char group[] = "group";
		int started, early, joined;

		/* The daemon of the first machine may need a moment to end. */
		while ((started = pvm_start_pvmd(0, NULL, 1)) == PvmDupHost)
			usleep(1000);
		early = pvm_gsize(group);
		joined = pvm_joingroup(group);
		printf("%d %x %d %d", started, (unsigned)pvm_mytid(), early, joined);
		printf(" %d", pvm_freezegroup(group, 1));
		printf(" %d", pvm_gsize(group));
		signal(SIGTERM, SIG_IGN);
		printf(" %d", pvm_halt());
		printf(" %d\n", pvmendtask());
		signal(SIGTERM, SIG_DFL);
	}
	return 0;
}
