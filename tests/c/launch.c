/* SPDX-License-Identifier: MIT */
/*
 * Spawn COUNT copies of PROGRAM with the remaining arguments, print what they
 * print, and end when they have ended.
 *
 *   launch COUNT PROGRAM [ARGUMENT...]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pvm3.h"

int main(int argc, char **argv)
{
	int count = argc > 2 ? atoi(argv[1]) : 0;
	int *tids, started;

	if (count < 1) {
		fprintf(stderr, "usage: launch COUNT PROGRAM [ARGUMENT...]\n");
		return 2;
	}
	tids = calloc(count, sizeof *tids);
	if (!tids)
		return 2;
	pvm_catchout(stdout);
	started = pvm_spawn(argv[2], argv + 3, PvmTaskDefault, "", count, tids);
	if (started != count)
		fprintf(stderr, "launch: started %d of %d, first code %d\n", started, count,
			tids[count - 1]);
	free(tids);
	pvm_exit();
	return started == count ? 0 : 1;
}
