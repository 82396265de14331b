/* SPDX-License-Identifier: MIT */
/*
 * A task that shares memory is killed at its N-th step, for every N until it is through.
 *
 *     shared_kill POINTS
 *
 * The steps are calls of libc that the library makes (the linker's --wrap leads them here): before
 * and after each copy of bytes, which is where a record is reserved and not published; each write to the
 * daemon, as of LINK, ACCEPT, CLOSE, DONE and of marks; each bell; each descriptor and mapping. What
 * the victim had sent is received, all of it and in order, and then comes the notice of its end. Who
 * sends to it goes on. At most POINTS of them are tried, spread over all.
 */
#include "check.h"
#include "own_segment.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>

enum { MESSAGES = 60, LONGEST = 100000, DATA = 1, BACK, END, ENDED };

/* Shared by both processes. */
static struct {
	int point, seen; /* the step to die at, steps so far */
	int sent;        /* messages whose pvm_send has returned */
} *course;
static bool victim;

static char body[LONGEST];
static const int lengths[] = { 8, 1000, 3000, LONGEST };

static void step(void)
{
	if (victim && ++course->seen == course->point)
		kill(getpid(), SIGKILL);
}

#define STEPS(type, name, parameters, arguments) \
	type __real_##name parameters; \
	type __wrap_##name parameters; \
	type __wrap_##name parameters \
	{ \
		type result; \
\
		step(); \
		result = __real_##name arguments; \
		step(); \
		return result; \
	}

STEPS(void *, memcpy, (void *to, const void *from, size_t n), (to, from, n))
STEPS(ssize_t, sendmsg, (int fd, const struct msghdr *h, int flags), (fd, h, flags))
STEPS(ssize_t, recvmsg, (int fd, struct msghdr *h, int flags), (fd, h, flags))
STEPS(ssize_t, write, (int fd, const void *p, size_t n), (fd, p, n))
STEPS(void *, mmap, (void *at, size_t n, int access, int flags, int fd, off_t offset),
	(at, n, access, flags, fd, offset))
STEPS(int, fallocate, (int fd, int mode, off_t at, off_t n), (fd, mode, at, n))
STEPS(int, eventfd, (unsigned value, int flags), (value, flags))
STEPS(int, sched_yield, (void), ())

static void send_number(int tid, int tag, int number)
{
	int n = lengths[number % 4];

	memset(body, number, (size_t)n);
	pvm_initsend(PvmDataRaw);
	pvm_pkint(&number, 1, 1);
	pvm_pkbyte(body, n, 1);
	pvm_send(tid, tag);
}

/* Send, and take what comes back now and then. */
static void be_victim(int receiver)
{
	victim = true;
	for (int i = 0; i < MESSAGES; i++) {
		send_number(receiver, DATA, i);
		course->sent = i + 1;
		if (i % 3 == 2)
			pvm_recv(receiver, BACK);
	}
	pvm_exit();
}

/* Receive what the victim sends until it ends: how many messages there were. */
static int receive_all(void)
{
	int number = 0, found, mid, bytes, tag, tid;

	for (;;) {
		mid = pvm_recv(-1, -1);
		pvm_bufinfo(mid, &bytes, &tag, &tid);
		if (tag == ENDED)
			return number;
		found = -1;
		pvm_upkint(&found, 1, 1);
		pvm_upkbyte(body, lengths[number % 4], 1);
		if (!CHECK_INT(found, number) || body[0] != (char)found)
			return -1;
		number++;
		if (number % 3 == 0)
			send_number(tid, BACK, number);
	}
}

/* A course that ends at that step. True: it has come to an end before. */
static bool run(int point)
{
	int ends[2], receiver = pvm_mytid(), tid = 0, received;
	pid_t pid;

	course->point = point;
	course->seen = course->sent = 0;
	if (pipe(ends) < 0)
		return true;
	pid = fork();
	if (pid == 0) {
		int me = pvm_mytid();

		if (write(ends[1], &me, sizeof me) != sizeof me)
			_exit(1);
		pvm_recv(receiver, END);
		be_victim(receiver);
		_exit(0);
	}
	CHECK(read(ends[0], &tid, sizeof tid) == sizeof tid);
	close(ends[0]);
	close(ends[1]);
	CHECK_INT(pvm_notify(PvmTaskExit, ENDED, 1, &tid), 0);
	pvm_initsend(PvmDataRaw);
	pvm_send(tid, END);
	received = receive_all();
	waitpid(pid, NULL, 0);
	if (received != course->sent && received != course->sent + 1)
		printf("point %d: %d received, %d sent\n", point, received, course->sent);
	CHECK(received == course->sent || received == course->sent + 1);
	return course->seen < point;
}

int main(int argc, char **argv)
{
	int points, all;

	course = mmap(NULL, sizeof *course, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		0);
	alarm(CHECK_SECONDS);
	if (argc < 2 || course == MAP_FAILED || pvm_mytid() < 0)
		return 2;
	/* One course to its end tells how many steps there are; others differ a little. */
	CHECK(run(1 << 30));
	all = course->seen;
	points = atoi(argv[1]) < all ? atoi(argv[1]) : all;
	for (int i = 0; i < points && !check_failed; i++)
		run(1 + (int)((long long)i * all / points));
	printf("%d of %d steps\n", points, all);
	CHECK(own_segment() && own_segment()->received > 0);
	pvm_exit();
	return check_done();
}
