/* SPDX-License-Identifier: MIT */
/* The segment of a task that shares memory (csrc/wire/share.h), for tests that look at their own. */
#ifndef PVM3PY_TESTS_OWN_SEGMENT_H
#define PVM3PY_TESTS_OWN_SEGMENT_H

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../../csrc/wire/share.h"

/* The own segment as it is mapped, NULL: there is none. It may be written to. */
static inline struct share_home *own_segment(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long start = 0, found = 0;
	char line[300], mode[5];

	while (maps && fgets(line, sizeof line, maps))
		if (strstr(line, "memfd:pvm") && sscanf(line, "%lx-%*x %4s", &start, mode) == 2 &&
			strcmp(mode, "rw-s") == 0)
			found = start;
	if (maps)
		fclose(maps);
	return (struct share_home *)found;
}

/* Seconds of a clock that only goes forward. */
static inline double seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

#endif
