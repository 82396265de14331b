/* SPDX-License-Identifier: MIT */
/*
 * Programs that rely on what one library call takes in.
 *
 *     farm ROUNDS...   polls for READY before RESULT; a number of rounds per worker.
 *                      Prints how many messages came, and how many READY before their RESULT
 *     work TID ROUTE ROUNDS
 *                      sends the farm RESULT and READY so many times
 *     select COUNT     one pvm_nrecv each time that a descriptor is readable.
 *                      Prints how many of so many messages it got
 *     stop COUNT       receives until its handler for STOP has run.
 *                      Prints how many messages came before
 *     send TID ROUTE COUNT
 *                      sends so many messages, then STOP
 *
 * Those that receive print their tid first.
 */
#include <sys/select.h>

#include "check.h"

enum { RESULT = 1, READY, DATA, STOP };

/* A select that waits so long will never succeed. */
#define STUCK_SECONDS 60

static bool stopped;

static int number(const char *word)
{
	return (int)strtol(word, NULL, 0);
}

/* Receive one message if it is there: its round, or -1. */
static int poll_round(int tag)
{
	int round = -1;

	if (pvm_nrecv(-1, tag) > 0)
		pvm_upkint(&round, 1, 1);
	return round;
}

/* The number in the first int of a message is round * workers + worker. */
static int farm(int workers, int rounds)
{
	int *results = calloc(workers, sizeof *results), wrong = 0, ready = 0, got;

	while (ready < workers * rounds) {
		got = poll_round(READY);
		if (got >= 0) {
			ready++;
			wrong += results[got % workers] < got / workers;
		}
		got = poll_round(RESULT);
		if (got >= 0)
			results[got % workers] = got / workers;
	}
	printf("%d %d\n", ready, wrong);
	free(results);
	return pvm_exit();
}

static int work(int tid, int worker, int workers, int rounds)
{
	for (int round = 1; round <= rounds; round++) {
		check_send_int(tid, RESULT, round * workers + worker);
		check_send_int(tid, READY, round * workers + worker);
	}
	return pvm_exit();
}

/* Whether a descriptor of the library becomes readable. */
static bool readable(void)
{
	int *fds, n = pvm_getfds(&fds), last = -1;
	struct timeval time = { STUCK_SECONDS, 0 };
	fd_set set;

	FD_ZERO(&set);
	for (int i = 0; i < n; i++) {
		FD_SET(fds[i], &set);
		last = fds[i] > last ? fds[i] : last;
	}
	return select(last + 1, &set, NULL, NULL, &time) > 0;
}

static int select_each(int count)
{
	int got = 0;

	while (got < count && readable())
		got += pvm_nrecv(-1, DATA) > 0;
	printf("%d\n", got);
	return pvm_exit();
}

static int on_stop(int bufid)
{
	stopped = bufid > 0;
	return 0;
}

static int until_stopped(int count)
{
	int got = 0;

	pvm_addmhf(-1, STOP, 0, on_stop);
	while (!stopped && got < count)
		got += pvm_recv(-1, DATA) > 0;
	/* The handler runs when all data has been received. */
	while (!stopped)
		pvm_nrecv(-1, READY);
	printf("%d\n", got);
	return pvm_exit();
}

static int send_all(int tid, int count)
{
	for (int i = 0; i < count; i++)
		check_send_int(tid, DATA, i);
	check_send_int(tid, STOP, 0);
	return pvm_exit();
}

/* What this program sends takes a direct route, if the word says so. */
static void choose_route(const char *word)
{
	pvm_setopt(PvmRoute, strcmp(word, "route") == 0 ? PvmRouteDirect : PvmDontRoute);
}

int main(int argc, char **argv)
{
	check_start();
	if (argc < 3)
		return 1;
	printf("%d\n", pvm_mytid());
	fflush(stdout);
	if (strcmp(argv[1], "select") == 0)
		return select_each(number(argv[2]));
	if (strcmp(argv[1], "stop") == 0)
		return until_stopped(number(argv[2]));
	if (strcmp(argv[1], "farm") == 0 && argc == 4)
		return farm(number(argv[2]), number(argv[3]));
	choose_route(argv[3]);
	if (strcmp(argv[1], "work") == 0 && argc == 7)
		return work(number(argv[2]), number(argv[4]), number(argv[5]), number(argv[6]));
	return send_all(number(argv[2]), number(argv[4]));
}
