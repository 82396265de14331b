/* SPDX-License-Identifier: MIT */
/* What measuring programs share, whatever they exchange messages with: checks, clock, load. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHECK(condition) ((condition) ? (void)0 : check_failed(__FILE__, __LINE__, #condition))

/* Ends the program; each has its own way. */
static inline void give_up(void);

static inline void check_failed(const char *file, int line, const char *text)
{
	fprintf(stderr, "%s:%d: not true: %s\n", file, line, text);
	fflush(stderr);
	give_up();
	exit(1);
}

/* Seconds of a clock that only goes forward. */
static inline double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

static inline int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* An operation that is measured; `context` is its own business. */
typedef void operation(void *context);

#define MAX_BATCHES 4096

/* Seconds one operation takes: the median over batches of about 5 ms, for so many seconds. */
static inline double time_operation(operation *op, void *context, double seconds)
{
	static double batches[MAX_BATCHES];
	int n = 0, size = 1;
	double start, end = 0;

	for (double took = 0; took < 0.005; size *= 2) {
		start = now();
		for (int i = 0; i < size; i++)
			op(context);
		took = now() - start;
	}
	size = (size + 1) / 2;
	start = now();
	while ((n < 5 || end - start < seconds) && n < MAX_BATCHES) {
		double batch = now();

		for (int i = 0; i < size; i++)
			op(context);
		end = now();
		batches[n++] = (end - batch) / size;
	}
	qsort(batches, (size_t)n, sizeof *batches, compare_doubles);
	return batches[n / 2];
}

/* Run on this processor only; -1: on any. */
static inline void pin_to(int processor)
{
	cpu_set_t set;

	if (processor < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET(processor, &set);
	CHECK(sched_setaffinity(0, sizeof set, &set) == 0);
}

#define MAX_BUSY 16

/* Start n processes that compute, until stop_busy or the end of this one. */
static inline void start_busy(pid_t *pids, int n)
{
	CHECK(n >= 0 && n <= MAX_BUSY);
	for (int i = 0; i < n; i++) {
		pids[i] = fork();
		CHECK(pids[i] >= 0);
		if (pids[i])
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (volatile unsigned count = 0;; count++)
			;
	}
}

static inline void stop_busy(const pid_t *pids, int n)
{
	for (int i = 0; i < n; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
}

#endif
