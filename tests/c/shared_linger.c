/* SPDX-License-Identifier: MIT */
/*
 * Waits beside others that compute: whoever gives way to them loses a time slice.
 *
 *     shared_linger RUNNING    so many threads of the machine can run, as the system says
 *
 * Prints for how many slices waits slept before each further one gave way. The clock stands still
 * between calls but for a moment, and each sched_yield takes a slice (the linker's --wrap).
 */
#include "numbered.h"
#include "own_segment.h"

#include <fcntl.h>
#include <stdarg.h>

enum {
	STEP_NS = 10000,   /* what a look at the clock takes */
	SLICE_NS = 200000, /* what giving way takes */
	LATE_US = 100,     /* an answer comes when a wait has looked in vain */
	YIELDS = 4,
	ASK = 1,
};

static const char *running; /* NULL: nothing is pretended */
static long long time_ns = 1000000000, yields[YIELDS];
static int nyields;

int __real_clock_gettime(clockid_t clock, struct timespec *t);
int __wrap_clock_gettime(clockid_t clock, struct timespec *t);
int __wrap_clock_gettime(clockid_t clock, struct timespec *t)
{
	if (!running || clock != CLOCK_MONOTONIC)
		return __real_clock_gettime(clock, t);
	time_ns += STEP_NS;
	t->tv_sec = time_ns / 1000000000;
	t->tv_nsec = time_ns % 1000000000;
	return 0;
}

int __real_sched_yield(void);
int __wrap_sched_yield(void);
int __wrap_sched_yield(void)
{
	if (!running)
		return __real_sched_yield();
	if (nyields < YIELDS)
		yields[nyields++] = time_ns;
	time_ns += SLICE_NS;
	return 0;
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
	va_list rest;
	int mode, ends[2];

	va_start(rest, flags);
	mode = flags & O_CREAT ? va_arg(rest, int) : 0;
	va_end(rest);
	if (!running || strcmp(path, "/proc/loadavg") != 0)
		return __real_open(path, flags, mode);
	CHECK_INT(pipe(ends), 0);
	dprintf(ends[1], "0.00 0.00 0.00 %s/200 1\n", running);
	close(ends[1]);
	return ends[0];
}

/* Answer, a little late, until something else comes. */
static void serve(void)
{
	int parent = pvm_parent(), number;

	while (pvm_recv(parent, -1) > 0 && (number = unpack_number(8)) >= 0) {
		usleep(LATE_US);
		send_number(parent, ASK, number, 8);
	}
}

static void ask(int tid, int number)
{
	send_number(tid, ASK, number, 8);
	CHECK(pvm_recv(tid, ASK) > 0);
	CHECK_INT(unpack_number(8), number);
}

int main(int argc, char **argv)
{
	char *child[] = { NULL };
	int tid, i = 0;

	if (argc < 2) {
		serve();
		pvm_exit();
		return 0;
	}
	CHECK_INT(pvm_spawn("shared_linger", child, PvmTaskDefault, "", 1, &tid), 1);
	while (!own_segment() || !own_segment()->messages)
		ask(tid, i++);
	running = argv[1];
	while (nyields < YIELDS && !check_failed)
		ask(tid, i++);
	running = NULL;
	for (i = 1; i < nyields; i++)
		printf("slept %lld\n", (yields[i] - yields[i - 1]) / SLICE_NS);
	send_number(tid, ASK, -1, 8);
	pvm_exit();
	return check_done();
}
