/* SPDX-License-Identifier: MIT */
/*
 * A kernel: how many steps the points of some rows of an image take, added up into item `id` of
 * the share "sums". The sum over the whole image shows whether two processors round alike.
 */
#include "hpvm.h"

enum { SIZE = 1024, STEPS = 256 };

static long steps(double re, double im)
{
	double x = 0, y = 0;
	long n = 0;

	while (n < STEPS && x * x + y * y < 4.0) {
		double next = x * x - y * y + re;

		y = 2 * x * y + im;
		x = next;
		n++;
	}
	return n;
}

/* args: the first row, and the one behind the last. */
int kernel_main(long id, long size, long *args)
{
	long *sums = hpvm_get_share("sums");

	if (!sums || size != 2 * (long)sizeof *args)
		return 1;
	for (long row = args[0]; row < args[1]; row++)
		for (long column = 0; column < SIZE; column++)
			sums[id] += steps(-2.0 + 3.0 * (double)column / SIZE,
				-1.5 + 3.0 * (double)row / SIZE);
	return hpvm_merge_share("sums", sums, id, id + 1);
}
