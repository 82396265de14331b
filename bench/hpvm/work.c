/* SPDX-License-Identifier: MIT */
/* What tasks do, the same machine code for all parties: as a kernel of HPVM, and through ctypes. */
#include <math.h>
#include <time.h>

enum { MILLISECOND = 1000000 };

void chunk(float *roots, long start, long end);
void chunk(float *roots, long start, long end)
{
	for (long x = start; x < end; x++)
		roots[x] = (float)sqrt((double)x);
}

static long processor_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1000 * MILLISECOND + t.tv_nsec;
}

/* Use the processor for a millisecond. */
void millisecond(void);
void millisecond(void)
{
	long end = processor_time() + MILLISECOND;

	while (processor_time() < end)
		;
}
