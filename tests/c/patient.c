/* SPDX-License-Identifier: MIT */
/*
 * How often a task looks for the answer to a request before it sleeps. The library's looks and
 * yields come here: they find nothing, or wait for what they look for, as if that were there.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <sched.h>

#include "check.h"

enum {
	REQUESTS = 600,
	LOOKS_MAX = 32,    /* for one answer */
	ATTEMPTS_MAX = 10, /* of so many requests: each one more seldom */
};

static bool at_once; /* answers are there when they are looked for */
static unsigned looks, yields;

int sched_yield(void)
{
	yields++;
	return 0;
}

int poll(struct pollfd *fds, nfds_t n, int ms)
{
	const struct timespec time = { ms / 1000, ms % 1000 * 1000000L };

	looks += ms == 0;
	if (ms == 0 && !at_once)
		return 0;
	return ppoll(fds, n, ms > 0 ? &time : NULL, NULL);
}

static void ask(int times)
{
	for (int i = 0; i < times; i++)
		CHECK_INT(pvm_pstat(pvm_mytid()), PvmOk);
}

int main(void)
{
	check_start();
	ask(1);
	yields = 0;
	ask(REQUESTS);
	CHECK(yields <= LOOKS_MAX * ATTEMPTS_MAX);

	at_once = true;
	looks = 0;
	while (looks == 0)
		ask(1);
	ask(1);
	CHECK(looks >= 2);
	pvm_exit();
	return check_done();
}
