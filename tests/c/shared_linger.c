/* SPDX-License-Identifier: MIT */
/*
 * Waits beside others that compute: whoever gives way to them loses a time slice.
 *
 *     shared_linger SLICE RUNNING [LATER]    so many microseconds are a slice; so many threads of the
 *                                            machine can run, as the system says, and later, after
 *                                            one has asked, so many
 *
 * Prints for how many slices waits slept before each further one gave way. By the clock each wait begins
 * a slice after the last one, and each sched_yield takes a slice; all else takes next to nothing (the
 * linker's --wrap). No answer comes before the wait for it gives way or sleeps.
 */
#include "numbered.h"
#include "own_segment.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>

enum {
	STEP_NS = 1000, /* what a look at the clock takes */
	YIELDS = 3,
	ASK = 1,
};

static const char *running, *later; /* NULL: nothing is pretended */
static long long slice_ns;          /* what giving way takes */
static long long time_ns, yields[YIELDS];
static int nyields;
static pid_t held; /* who answers when it gets a signal; 0: it has got it */

static void release_answer(void)
{
	if (held)
		kill(held, SIGUSR1);
	held = 0;
}

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
	release_answer();
	if (!running)
		return __real_sched_yield();
	if (nyields < YIELDS)
		yields[nyields++] = time_ns;
	time_ns += slice_ns;
	return 0;
}

int __real_poll(struct pollfd *fds, nfds_t n, int ms);
int __wrap_poll(struct pollfd *fds, nfds_t n, int ms);
int __wrap_poll(struct pollfd *fds, nfds_t n, int ms)
{
	release_answer();
	return __real_poll(fds, n, ms);
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
	running = later;
	return ends[0];
}

/* Say who this is, then answer, when it is time to, until something else comes. */
static void serve(void)
{
	int parent = pvm_parent(), number = getpid(), got;
	sigset_t go;

	sigemptyset(&go);
	sigaddset(&go, SIGUSR1);
	CHECK_INT(sigprocmask(SIG_BLOCK, &go, NULL), 0);
	do {
		send_number(parent, ASK, number, 8);
		CHECK(pvm_recv(parent, -1) > 0);
		number = unpack_number(8);
		CHECK_INT(sigwait(&go, &got), 0);
	} while (number >= 0);
}

static int receive(int tid)
{
	CHECK(pvm_recv(tid, ASK) > 0);
	return unpack_number(8);
}

static void ask(int tid, pid_t pid, int number)
{
	held = pid;
	time_ns += slice_ns;
	send_number(tid, ASK, number, 8);
	CHECK_INT(receive(tid), number);
}

int main(int argc, char **argv)
{
	char *child[] = { NULL };
	int tid, i = 0;
	pid_t pid;

	if (argc < 3) {
		serve();
		pvm_exit();
		return 0;
	}
	slice_ns = atol(argv[1]) * 1000;
	CHECK_INT(pvm_spawn("shared_linger", child, PvmTaskDefault, "", 1, &tid), 1);
	pid = receive(tid);
	while (!own_segment() || !own_segment()->messages)
		ask(tid, pid, i++);
	/* What was learnt before is forgotten by then. */
	time_ns = (long long)((seconds_now() + 10) * 1e9);
	running = argv[2];
	later = argv[argc - 1];
	while (nyields < YIELDS && !check_failed)
		ask(tid, pid, i++);
	running = NULL;
	for (i = 1; i < nyields; i++)
		printf("slept %lld\n", (yields[i] - yields[i - 1]) / slice_ns);
	send_number(tid, ASK, -1, 8);
	kill(pid, SIGUSR1);
	pvm_exit();
	return check_done();
}
