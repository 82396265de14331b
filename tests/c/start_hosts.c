/* SPDX-License-Identifier: MIT */
/*
 * Start a machine with the hosts of a file, and say after a line on the standard input how many
 * there are, each time:
 *
 *     start_hosts BLOCK NAME HOSTFILE
 *
 * The first line on the standard output is pvm_start_pvmd's result and the number of hosts then.
 * At the end of the input the machine is halted.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "pvm3.h"

static int count_hosts(void)
{
	int count = -1;

	pvm_config(&count, NULL, NULL);
	return count;
}

int main(int argc, char **argv)
{
	int code;

	if (argc != 4)
		return 2;
	/* pvm_halt ends all tasks. */
	signal(SIGTERM, SIG_IGN);
	code = pvm_start_pvmd(2, argv + 2, atoi(argv[1]));
	printf("%d %d\n", code, count_hosts());
	fflush(stdout);
	while (getchar() == '\n') {
		printf("%d\n", count_hosts());
		fflush(stdout);
	}
	return pvm_halt();
}
