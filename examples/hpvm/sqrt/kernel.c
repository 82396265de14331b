/* SPDX-License-Identifier: MIT */
/* One task: the square roots from one number to another. */
#include <math.h>
#include "hpvm.h"

#define START_NUMBER_ARG 0
#define END_NUMBER_ARG 1

int kernel_main(long id, long size, long *args)
{
	float *endshare;
	long x;

	endshare = (float *)hpvm_get_share("output");
	for (x = args[START_NUMBER_ARG]; x < args[END_NUMBER_ARG]; x++)
		endshare[x] = sqrt(x);
	hpvm_merge_share("output", endshare, args[START_NUMBER_ARG], args[END_NUMBER_ARG]);
	return HPVM_OK;
}
