/* SPDX-License-Identifier: MIT */
/*
 * parent TREE: reads names of rows, a line each, and prints a figure for each of them: seconds of a
 * spawn, or kilobytes that it took.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "hpvm.h"
#include "rows.h"

enum { EMPTY = 100000, MANY = 1000000, NAPS = 1000 };

static const char *tree;
static long what;
static float roots[CHUNK * CHUNKS];
static char big[BIG];

static void *block(long id, long *size)
{
	long *args = malloc(*size = sizeof *args);

	(void)id;
	args[0] = what;
	return args;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Seconds of a spawn of so many tasks, or -1. */
static double spawn(long count, long which)
{
	double start = seconds();
	int code;

	what = which;
	code = hpvm_spawn(tree, count, which < 0 ? NULL : block);
	return code == HPVM_OK ? seconds() - start : -1;
}

/* The most memory that this process has had since the mark. */
static long kilobytes(void)
{
	FILE *file = fopen("/proc/self/status", "r");
	char line[256];
	long most = 0;

	while (file && fgets(line, sizeof line, file))
		sscanf(line, "VmHWM: %ld", &most);
	if (file)
		fclose(file);
	return most;
}

static void mark_memory(void)
{
	FILE *file = fopen("/proc/self/clear_refs", "w");

	if (!file)
		return;
	fputs("5", file);
	fclose(file);
}

/* Kilobytes that a spawn needs at most, or -1. */
static double memory_of(long count)
{
	long before;

	mark_memory();
	before = kilobytes();
	return spawn(count, -1) < 0 ? -1 : (double)(kilobytes() - before);
}

static double row(const char *name)
{
	if (!strcmp(name, "example"))
		return spawn(CHUNKS, ROOTS);
	if (!strcmp(name, "empty"))
		return spawn(EMPTY, -1) / EMPTY;
	if (!strcmp(name, "milliseconds"))
		return spawn(NAPS, MILLISECONDS);
	if (!strcmp(name, "million"))
		return spawn(MANY, -1);
	if (!strcmp(name, "memory"))
		return memory_of(MANY);
	if (!strcmp(name, "get"))
		return spawn(1, GET);
	if (!strcmp(name, "merge"))
		return spawn(1, MERGE);
	return -1;
}

int main(int argc, char **argv)
{
	char line[64];

	if (argc < 2)
		return 2;
	tree = argv[1];
	memset(big, 1, sizeof big);
	hpvm_share("roots", roots, sizeof roots);
	hpvm_share("big", big, sizeof big);
	while (fgets(line, sizeof line, stdin)) {
		line[strcspn(line, "\n")] = 0;
		printf("%.9f\n", row(line));
		fflush(stdout);
	}
	return 0;
}
