/* SPDX-License-Identifier: MIT */
/* What the programs share whose threads use the library at the same time. */
#ifndef PVM3PY_TESTS_THREADS_H
#define PVM3PY_TESTS_THREADS_H

#include <pthread.h>

#include "check.h"

enum { THREADS = 6, ROUNDS = 60, TAG_END = 1, TAG_QUIET = 2, TAG_FIRST = 100 };

/* The task that sends back what it gets. */
static int peer;

/* ---- helpers ------------------------------------------------------------------------ */

typedef void *(*body)(void *);

/* CHECK_... of several threads would count wrongly: they return what they found wrong. */
static inline long wrong_of(pthread_t thread)
{
	void *wrong;

	pthread_join(thread, &wrong);
	return (long)wrong;
}

static inline void run_threads(body f, int n)
{
	pthread_t threads[THREADS];

	for (long i = 0; i < n; i++)
		CHECK_INT(pthread_create(&threads[i], NULL, f, (void *)i), 0);
	for (int i = 0; i < n; i++)
		CHECK_INT(wrong_of(threads[i]), 0);
}

/* ---- what threads do --------------------------------------------------------------- */

/* Shared buffers: messages past them. */
static inline void *exchange_past_buffers(void *argument)
{
	int tag = TAG_FIRST + (int)(long)argument;
	long wrong = 0;

	for (int round = 0; round < ROUNDS; round++) {
		int numbers[2] = { tag, round }, back[2] = { 0, 0 }, tid, got, bytes;

		wrong += pvm_psend(peer, tag, numbers, 2, PVM_INT) != 0;
		wrong += pvm_precv(peer, tag, back, 2, PVM_INT, &tid, &got, &bytes) != 0;
		wrong += tid != peer || got != tag || bytes != (int)sizeof numbers;
		wrong += back[0] != tag || back[1] != round;
	}
	return (void *)wrong;
}

/* Waits for one message while others do everything else. */
static inline void *wait_quietly(void *argument)
{
	int value = 0;

	(void)argument;
	if (pvm_precv(peer, TAG_QUIET, &value, 1, PVM_INT, NULL, NULL, NULL) != 0)
		return (void *)1;
	return (void *)(long)(value != 4711);
}

#endif
