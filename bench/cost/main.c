/* SPDX-License-Identifier: MIT */
/*
 * Processor time of one call, started by hand under a running daemon. Usage:
 *   cost PEER SECONDS task|daemon NAME    seconds of processor time of the task, of the daemon
 *   cost list                             all that can be measured: lines `task|daemon NAME`
 * NAME is a case's of the lists in cost.h. BENCH_DAEMON is the process id of the daemon.
 */
#include "cost.h"

#define MAX_BATCHES 4096

int cost_tid;
char *cost_peer;

static const struct {
	const struct cost_case *cases;
	int with_daemon;
} lists[] = {
	{ cost_buffers, 0 },
	{ cost_items, 0 },
	{ cost_receives, 0 },
	{ cost_requests, 1 },
	{ cost_groups, 1 },
};
#define LISTS (sizeof lists / sizeof lists[0])

static const struct cost_case *find_case(const char *name)
{
	for (size_t i = 0; i < LISTS; i++)
		for (const struct cost_case *c = lists[i].cases; c->name; c++)
			if (strcmp(c->name, name) == 0)
				return c;
	return NULL;
}

static void print_cases(void)
{
	for (size_t i = 0; i < LISTS; i++)
		for (const struct cost_case *c = lists[i].cases; c->name; c++) {
			printf("task %s\n", c->name);
			if (lists[i].with_daemon)
				printf("daemon %s\n", c->name);
		}
}

/* Processor time used by a process, seconds. */
static double used(clockid_t clock)
{
	struct timespec t;

	CHECK(clock_gettime(clock, &t) == 0);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

static double batch(const struct cost_case *c, int n, clockid_t clock)
{
	double start;

	if (c->ready)
		c->ready(n);
	start = used(clock);
	for (int i = 0; i < n; i++)
		c->op();
	return used(clock) - start;
}

/*
 * How many operations take `aim` seconds of processor time; fewer if the process has so little to
 * do that they take `seconds` by the clock on the wall.
 */
static int batch_size(const struct cost_case *c, clockid_t clock, double seconds, double aim)
{
	int most = c->most ? c->most : 1 << 20, size = 1;
	double start = now();

	while (size < most && batch(c, size, clock) < aim && now() - start < seconds) {
		size *= 2;
		start = now();
	}
	return size < most ? size : most;
}

/*
 * Seconds of one operation: of the cheap ones among batches of about `aim` seconds, as others
 * that use the processor's caches make some dearer.
 */
static double measure(const struct cost_case *c, clockid_t clock, double seconds, double aim)
{
	static double batches[MAX_BATCHES];
	int size, n = 0;
	double start;

	if (c->begin)
		c->begin();
	batch(c, 1, clock);
	size = batch_size(c, clock, seconds, aim);
	start = now();
	while ((n < 5 || now() - start < seconds) && n < MAX_BATCHES)
		batches[n++] = batch(c, size, clock) / size;
	if (c->end)
		c->end();
	qsort(batches, (size_t)n, sizeof *batches, compare_doubles);
	return batches[n / 8];
}

int main(int argc, char **argv)
{
	const struct cost_case *c = argc == 5 ? find_case(argv[4]) : NULL;
	clockid_t clock = CLOCK_PROCESS_CPUTIME_ID;
	double figure, aim = 0.0005;

	if (argc == 2 && strcmp(argv[1], "list") == 0) {
		print_cases();
		return 0;
	}
	if (!c)
		return 2;
	cost_peer = argv[1];
	cost_tid = pvm_mytid();
	CHECK(cost_tid > 0);
	pvm_setopt(PvmRoute, PvmDontRoute);
	pvm_setopt(PvmAutoErr, 0);
	if (strcmp(argv[3], "daemon") == 0) {
		CHECK(getenv("BENCH_DAEMON"));
		CHECK(clock_getcpuclockid(atoi(getenv("BENCH_DAEMON")), &clock) == 0);
		aim = 0.005;
	}
	figure = measure(c, clock, atof(argv[2]), aim);
	pvm_exit();
	printf("%.9g\n", figure);
	return 0;
}
