/* SPDX-License-Identifier: MIT */
/*
 * A thread sleeps on the sockets for one message; another thread's pvm_nrecv takes that in together
 * with its own, and calls no more. The sleeping one must be told.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>

#include "check.h"

enum { TAG_READY = 1, TAG_FIRST, TAG_SECOND, SECONDS = 20, BURST = 2 * (16 + 32 + 4) };

static volatile pid_t waiter_tid;

/* The threads share a processor, and this one gets it when the other one sleeps. */
static void *wait_for_second(void *unused)
{
	struct sched_param none = { 0 };
	int value = -1;

	(void)unused;
	sched_setscheduler(0, SCHED_IDLE, &none);
	waiter_tid = (pid_t)syscall(SYS_gettid);
	pvm_precv(-1, TAG_SECOND, &value, 1, PVM_INT, NULL, NULL, NULL);
	return (void *)(long)value;
}

static bool sleeps(pid_t tid)
{
	char path[64], state = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)tid);
	f = tid ? fopen(path, "r") : NULL;
	if (f && fscanf(f, "%*d %*s %c", &state) != 1)
		state = 0;
	if (f)
		fclose(f);
	return state == 'S';
}

/* The only socket, which is the daemon's. */
static int daemon_socket(void)
{
	char name[64], target[64];

	for (int fd = 3; fd < 64; fd++) {
		ssize_t n;

		snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
		n = readlink(name, target, sizeof target);
		if (n > 7 && memcmp(target, "socket:", 7) == 0)
			return fd;
	}
	return -1;
}

static void share_a_processor(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	CHECK_INT(sched_setaffinity(0, sizeof one, &one), 0);
}

static int burst(void)
{
	int parent = pvm_parent(), value = 2;

	pvm_recv(parent, TAG_READY);
	pvm_psend(parent, TAG_FIRST, &value, 1, PVM_INT);
	pvm_psend(parent, TAG_SECOND, &value, 1, PVM_INT);
	return pvm_exit();
}

int main(int argc, char **argv)
{
	struct timespec limit;
	int peer, fd, there = 0, got;
	pthread_t waiter;
	void *value = NULL;

	check_start();
	if (argc > 1)
		return burst();
	CHECK_INT(check_spawn(argv, "burst", 1, &peer), 1);
	fd = daemon_socket();
	share_a_processor();
	pthread_create(&waiter, NULL, wait_for_second, NULL);
	while (!sleeps(waiter_tid))
		usleep(1000);
	CHECK_INT(check_send_int(peer, TAG_READY, 0), 0);
	while (ioctl(fd, FIONREAD, &there) == 0 && there < BURST && sleeps(waiter_tid))
		;
	got = pvm_nrecv(-1, TAG_FIRST);
	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec += SECONDS;
	CHECK_INT(pthread_timedjoin_np(waiter, &value, &limit), 0);
	CHECK_INT((long)value, 2);
	CHECK(got > 0 || pvm_recv(-1, TAG_FIRST) > 0);
	pvm_exit();
	return check_done();
}
