/* SPDX-License-Identifier: MIT */
/*
 * A receiver that leaves the memory at any moment, or that stops for a while.
 *
 *     leaver leave TIMES     enrols so often, each time with three senders of numbered messages of
 *                            different lengths, calls pvm_getfds at some moment, and receives all
 *     leaver stop            stops while messages come, until its sender has sent them all
 *
 * No message is lost, comes twice, or comes before an earlier one. Who has left sleeps while
 * nothing comes. With `stop` the sender never waits for the one that is stopped, and goes back to
 * memory when that goes on.
 */
#include "numbered.h"
#include "own_segment.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum {
	SENDERS = 3,
	MESSAGES = 400, /* of each */
	WINDOW = 64,    /* messages that may be on their way from each */
	BEFORE_MESSAGES = 300,
	STOPPED_MESSAGES = 3000,
	LATER_MESSAGES = 2000,
	LONGEST = 200000,
	DATA = 1,
	TAKEN,
	LAST,
	REPORT,
};

static const int lengths[SENDERS] = { 8, 3000, LONGEST };

/* The message is the next one of its sender. */
static void check_next(int *number, int n)
{
	if (!CHECK_INT(unpack_number(n), *number))
		exit(check_done());
	++*number;
}

/* ---- leaving ------------------------------------------------------------------------ */

/* Send numbered messages of one length, a window of them. */
static int send_all(int n)
{
	int receiver = pvm_parent();

	for (int i = 0; i < MESSAGES && !check_failed; i++) {
		if (i >= WINDOW && i % (WINDOW / 2) == 0)
			CHECK(pvm_recv(receiver, TAKEN) > 0);
		send_number(receiver, DATA, i, n);
	}
	pvm_recv(receiver, LAST);
	pvm_exit();
	return check_done();
}

/* Receive one message of any sender. */
static void receive_one(const int *tids, int *numbers)
{
	int mid = pvm_recv(-1, DATA), bytes, tag, tid, s = 0;

	CHECK(mid > 0);
	pvm_bufinfo(mid, &bytes, &tag, &tid);
	while (s < SENDERS - 1 && tids[s] != tid)
		s++;
	check_next(&numbers[s], lengths[s]);
	if (numbers[s] % (WINDOW / 2) == 0)
		send_number(tid, TAKEN, 0, 1);
}

static double processor_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
		(double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* Nothing comes: a wait takes next to no processor time. */
static void check_sleep(void)
{
	struct timeval limit = { 0, 200000 };
	double before = processor_seconds();

	CHECK_INT(pvm_trecv(-1, REPORT, &limit), 0);
	CHECK(processor_seconds() - before < 0.1);
}

/* Receive all, and leave when so many have been received. */
static void leave_once(int moment, bool sleep)
{
	char *child[] = { "send", "0", NULL }, text[8];
	int tids[SENDERS], numbers[SENDERS] = { 0 }, *fds;

	child[1] = text;
	for (int s = 0; s < SENDERS; s++) {
		snprintf(text, sizeof text, "%d", lengths[s]);
		CHECK_INT(pvm_spawn("leaver", child, PvmTaskDefault, "", 1, &tids[s]), 1);
	}
	for (int i = 0; i < SENDERS * MESSAGES && !check_failed; i++) {
		if (i == moment)
			CHECK(pvm_getfds(&fds) > 0);
		receive_one(tids, numbers);
	}
	if (sleep)
		check_sleep();
	for (int s = 0; s < SENDERS; s++)
		send_number(tids[s], LAST, 0, 1);
	pvm_exit();
}

static int leave(int times)
{
	unsigned state = (unsigned)getpid();

	for (int i = 0; i < times && !check_failed; i++) {
		state = state * 1664525u + 1013904223u;
		leave_once((int)((state >> 8) % (SENDERS * MESSAGES)), i % 10 == 0);
	}
	return check_done();
}

/* ---- stopping ----------------------------------------------------------------------- */

static int length_of(int number)
{
	return number % 10 ? 100 : 30000;
}

/* Stop at once, then receive all; tell the sender each time that a hundred have come. */
static int stop(void)
{
	int sender = pvm_parent(), number = 0, pid = getpid();

	send_number(sender, REPORT, pid, 1);
	while (number < STOPPED_MESSAGES + LATER_MESSAGES && !check_failed) {
		CHECK(pvm_recv(sender, DATA) > 0);
		check_next(&number, length_of(number));
		if (number % 100 == 0)
			send_number(sender, TAKEN, number, 1);
	}
	pvm_recv(sender, LAST);
	pvm_initsend(PvmDataDefault);
	pvm_pkint(&check_failed, 1, 1);
	pvm_send(sender, REPORT);
	pvm_exit();
	return check_done();
}

static void await_taken(int tid, int number)
{
	int taken = 0;

	while (taken < number && pvm_recv(tid, TAKEN) > 0)
		pvm_upkint(&taken, 1, 1);
	CHECK_INT(taken, number);
}

/* Send to a task that is stopped, then to the same when it goes on. */
static int send_to_stopped(void)
{
	char *child[] = { "stop", NULL };
	int tid, pid = 0, failures = -1, number = 0;
	const struct share_home *home;
	uint64_t streamed;
	double longest = 0;

	CHECK_INT(pvm_spawn("leaver", child, PvmTaskDefault, "", 1, &tid), 1);
	CHECK(pvm_recv(tid, REPORT) > 0);
	pvm_upkint(&pid, 1, 1);
	for (; number < BEFORE_MESSAGES; number++) {
		send_number(tid, DATA, number, length_of(number));
		if (number % 100 == 99)
			await_taken(tid, number + 1);
	}
	home = own_segment();
	if (!home || !home->messages) {
		CHECK(!"nothing has gone by memory");
		return check_done();
	}
	CHECK_INT(kill(pid, SIGSTOP), 0);
	for (; number < STOPPED_MESSAGES; number++) {
		double before = seconds_now();

		send_number(tid, DATA, number, length_of(number));
		if (seconds_now() - before > longest)
			longest = seconds_now() - before;
	}
	CHECK(longest < 2.5);
	CHECK(home->streamed > 0);
	CHECK(home->arena * SHARE_BLOCK <= (8 << 20) + 4 * SHARE_BLOCK);
	CHECK_INT(kill(pid, SIGCONT), 0);
	await_taken(tid, STOPPED_MESSAGES);
	streamed = home->messages;
	for (; number < STOPPED_MESSAGES + LATER_MESSAGES; number++) {
		send_number(tid, DATA, number, length_of(number));
		if (number % 100 == 99)
			await_taken(tid, number + 1);
	}
	CHECK(home->messages - streamed > LATER_MESSAGES / 2);
	send_number(tid, LAST, 0, 1);
	CHECK(pvm_recv(tid, REPORT) > 0);
	pvm_upkint(&failures, 1, 1);
	CHECK_INT(failures, 0);
	pvm_exit();
	return check_done();
}

int main(int argc, char **argv)
{
	const char *role = argc > 1 ? argv[1] : "";

	pvm_setopt(PvmAutoErr, 0);
	if (strcmp(role, "send") == 0)
		return alarm(CHECK_SECONDS), send_all(atoi(argv[2]));
	if (strcmp(role, "stop") == 0)
		return alarm(CHECK_SECONDS), stop();
	if (strcmp(role, "leave") == 0)
		return leave(atoi(argv[2]));
	alarm(CHECK_SECONDS);
	return send_to_stopped();
}
