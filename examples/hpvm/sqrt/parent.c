/* SPDX-License-Identifier: MIT */
/* The square roots of the first million numbers, computed by all hosts, in output.dat. */
#include <stdio.h>
#include "hpvm.h"

#define CHUNK_NUMBER 10000
#define TASKS 100
#define START_NUMBER_ARG 0
#define END_NUMBER_ARG 1

/* The arguments of a task: where its part begins and ends. */
void *callproc(long id, long *size)
{
	long *arg;

	*size = sizeof(long) * 2;
	arg = (long *)malloc(*size);
	arg[START_NUMBER_ARG] = id * CHUNK_NUMBER;
	arg[END_NUMBER_ARG] = (id + 1) * CHUNK_NUMBER;
	return arg;
}

int main(void)
{
	float *output;
	FILE *fp;
	long x;

	output = (float *)calloc(TASKS * CHUNK_NUMBER, sizeof(float));
	hpvm_share("output", output, TASKS * CHUNK_NUMBER * sizeof(float));
	hpvm_spawn("", TASKS, callproc);
	hpvm_unshare("output");
	fp = fopen("output.dat", "w");
	for (x = 0; x < TASKS * CHUNK_NUMBER; x++)
		fprintf(fp, "%ld = %f \n", x, output[x]);
	fclose(fp);
	return 0;
}
