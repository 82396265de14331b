/* SPDX-License-Identifier: MIT */
/*
 * A C task that serves a Python one (conversation.py): for each message of
 * numbers it sends back their sum; an empty message ends it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "pvm3.h"

int main(void)
{
	int parent = pvm_parent();
	int count;

	if (parent < 0) {
		fprintf(stderr, "sum_worker: to be started by conversation.py\n");
		return 1;
	}
	for (;;) {
		pvm_recv(parent, 1);
		if (pvm_upkint(&count, 1, 1) < 0 || count <= 0)
			break;
		double *numbers = malloc(count * sizeof *numbers);
		double sum = 0;
		if (!numbers || pvm_upkdouble(numbers, count, 1) < 0) {
			free(numbers);
			break;
		}
		for (int i = 0; i < count; i++)
			sum += numbers[i];
		free(numbers);
		pvm_initsend(PvmDataDefault);
		pvm_pkdouble(&sum, 1, 1);
		pvm_send(parent, 2);
	}
	pvm_exit();
	return 0;
}
