/* SPDX-License-Identifier: MIT */
/*
 * Threads that sleep until one of several tasks has sent something, while another thread polls, with
 * random pauses on both sides. Each sender waits for the answer to its last message: a wake-up that is lost stops
 * all. Usage: sleepers SENDERS
 *
 *     PVM3PY_CHAOS_SECONDS  length, at most 60; 3 without it
 */
#include <pthread.h>
#include <time.h>

#include "memory.h"

enum { TAG_END = 1, TAG_POLLED, TAG_FIRST, THREADS = 4, SENDERS_MAX = 4, SECONDS_MAX = 60 };

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static unsigned below(unsigned *seed, unsigned n)
{
	*seed = *seed * 1103515245 + 12345;
	return (*seed >> 16) % n;
}

/* Nothing, a short one that keeps the processor, or one that outlasts every lingering. */
static void pause_at_random(unsigned *seed)
{
	unsigned how = below(seed, 4);
	double until = now() + 1e-6 * below(seed, 60);

	if (how == 0)
		usleep(300 + below(seed, 900));
	while (how == 1 && now() < until)
		;
}

/* ---- senders --------------------------------------------------------------------------------- */

/* Ask the parent's threads, in any order, until it says that it is enough. */
static int send_numbers(void)
{
	int parent = pvm_parent(), answer = 0;
	unsigned seed = (unsigned)pvm_mytid();

	for (int n = 0; pvm_nrecv(parent, TAG_END) == 0; n++) {
		int tag = TAG_FIRST + (int)below(&seed, THREADS);

		pause_at_random(&seed);
		if (below(&seed, 8) == 0)
			pvm_psend(parent, TAG_POLLED, &n, 1, PVM_INT);
		pvm_psend(parent, tag, &n, 1, PVM_INT);
		pvm_precv(parent, tag, &answer, 1, PVM_INT, NULL, NULL, NULL);
		if (answer != n)
			break;
	}
	/* The last words end each thread that waits for them. */
	answer = -1;
	for (int i = 0; i < THREADS; i++)
		pvm_psend(parent, TAG_FIRST + i, &answer, 1, PVM_INT);
	return pvm_exit();
}

/* ---- threads --------------------------------------------------------------------------------- */

static int nsenders, senders[SENDERS_MAX];
static bool over;
static int answered[THREADS];

/* Sleep for messages of one tag, and answer each. */
static void *answer_all(void *argument)
{
	long index = (long)argument;
	int tag = TAG_FIRST + (int)index, value, from;

	for (int ends = 0; ends < nsenders; ends += value < 0) {
		if (pvm_precv(-1, tag, &value, 1, PVM_INT, &from, NULL, NULL) != 0)
			return (void *)1;
		if (value < 0)
			continue;
		pvm_psend(from, tag, &value, 1, PVM_INT);
		answered[index]++;
	}
	return NULL;
}

/* Take in what comes for others, too, and call no more for a while. */
static void *poll_at_random(void *unused)
{
	unsigned seed = 1;

	(void)unused;
	while (!__atomic_load_n(&over, __ATOMIC_RELAXED)) {
		pvm_nrecv(-1, TAG_POLLED);
		pause_at_random(&seed);
	}
	return NULL;
}

static double seconds(void)
{
	const char *text = getenv("PVM3PY_CHAOS_SECONDS");
	double n = text ? atof(text) : 3;

	return n < SECONDS_MAX ? n : SECONDS_MAX;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS], poller;
	int total = 0;
	void *wrong;

	check_start();
	setenv("PVM_SHM_AFTER", "0", 1);
	if (argc > 1 && strcmp(argv[1], "sender") == 0)
		return send_numbers();
	nsenders = argc > 1 ? atoi(argv[1]) : 1;
	CHECK_INT(check_spawn(argv, "sender", nsenders, senders), nsenders);
	for (long i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, answer_all, (void *)i);
	pthread_create(&poller, NULL, poll_at_random, NULL);
	usleep((useconds_t)(1e6 * seconds()));
	for (int i = 0; i < nsenders; i++)
		pvm_psend(senders[i], TAG_END, NULL, 0, PVM_INT);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &wrong);
		CHECK_INT((long)wrong, 0);
		CHECK(answered[i] > 0);
		total += answered[i];
	}
	__atomic_store_n(&over, true, __ATOMIC_RELAXED);
	pthread_join(poller, NULL);
	if (!getenv("PVM_SHM"))
		CHECK(own_home() && own_home()->received > 0 && own_home()->messages > 0);
	printf("%d answers\n", total);
	pvm_exit();
	return check_done();
}
