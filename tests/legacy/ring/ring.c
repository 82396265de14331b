/*
 *	ring.c
 *
 *	One program for all tasks.  The first starts the others, and a task in
 *	Fortran that counts what it gets.
 */

#include <stdio.h>
#include "pvm3.h"
#include "token.h"

double count();

main(argc, argv)
	int argc;
	char **argv;
{
	int mytid, first, tally;

	mytid = pvm_mytid();
	first = pvm_parent() < 0;
	if (first) {
		ntask = argc > 1 ? atoi(argv[1]) : 3;
		tids[0] = mytid;
		if (pvm_spawn("ring", (char**)0, 0, "", ntask - 1, tids + 1) != ntask - 1) {
			fprintf(stderr, "can't spawn\n");
			pvm_exit();
			exit(1);
		}
		announce();
	} else
		listen_to(pvm_parent());

	pass(mytid, first);

	if (first) {
		if (pvm_spawn("tally", (char**)0, 0, "", 1, &tally) != 1)
			exit(1);
		printf("%d tasks, sum %g\n", ntask, count(tally));
	}
	pvm_exit();
	exit(0);
}
