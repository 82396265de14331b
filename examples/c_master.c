/* SPDX-License-Identifier: MIT */
/* A C master with workers in Python (python_worker.py): each squares the numbers that it gets. */
#include <stdio.h>

#include "pvm3.h"

#define WORKERS 3
#define NUMBERS 1
#define SQUARES 2

int main(int argc, char **argv)
{
	int workers[WORKERS];
	double sum = 0;

	if (argc != 2)
		return fprintf(stderr, "usage: c_master PATH/python_worker.py\n"), 2;
	if (pvm_mytid() < 0)
		return 1;
	if (pvm_spawn(argv[1], NULL, PvmTaskDefault, "", WORKERS, workers) < WORKERS)
		return fprintf(stderr, "c_master: cannot start %s\n", argv[1]), pvm_exit(), 1;
	for (int i = 0; i < WORKERS; i++) {
		double x[2] = { i, i + 0.5 };

		pvm_initsend(PvmDataDefault);
		pvm_pkdouble(x, 2, 1);
		pvm_send(workers[i], NUMBERS);
	}
	for (int i = 0; i < WORKERS; i++) {
		double x[2];

		pvm_recv(workers[i], SQUARES);
		pvm_upkdouble(x, 2, 1);
		sum += x[0] + x[1];
	}
	printf("c_master: the sum of the squares is %g\n", sum);
	pvm_exit();
	return 0;
}
