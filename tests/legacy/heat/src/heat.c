/* heat.c - nothing but group calls */

#include <stdio.h>
#include "pvm3.h"
#include "grid.h"

void
main()
{
	int inum;
	double sum;

	inum = pvm_joingroup(GROUP);
	if (inum < 0)
		exit(1);
	new_grid(10);
	sum = norm();
	pvm_barrier(GROUP, 1);
	pvm_reduce(PvmSum, &sum, 1, PVM_DOUBLE, 3, GROUP, 0);
	if (inum == 0)
		printf("sum %g\n", sum);
	pvm_lvgroup(GROUP);
	exit(0);
}
