/* SPDX-License-Identifier: MIT */
/*
 * group_waiter GROUP SIZE COUNT join|freeze: join, when SIZE have joined wait for an int on
 * standard input or its end, then call pvm_barrier with COUNT and print what it returns. With
 * `freeze` the group is made static first.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pvm3.h"

int main(int argc, char **argv)
{
	char line[16];

	if (argc < 5)
		return 2;
	pvm_joingroup(argv[1]);
	pvm_barrier(argv[1], atoi(argv[2]));
	if (strcmp(argv[4], "freeze") == 0)
		pvm_freezegroup(argv[1], atoi(argv[2]));
	printf("ready\n");
	fflush(stdout);
	if (fgets(line, sizeof line, stdin))
		printf("%d\n", pvm_barrier(argv[1], atoi(argv[3])));
	pvm_exit();
	return 0;
}
