/* SPDX-License-Identifier: MIT */
/*
 * What the benchmark's driver and its peers share: message tags, roles, test patterns. Both programs use the public PVM interface only, so that they
 * compile against any PVM 3.4 library.
 */
#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H

#include <string.h>
#include <pvm3.h>

#include "measure.h"

/* Tags. A peer ends when it receives TAG_STOP or when its parent has gone. */
enum {
	TAG_PING = 1, /* ints: sent back as they came */
	TAG_SUM,      /* request: none; answer: checksum of the last TAG_PING's ints */
	TAG_HELLO,    /* a spawned task is there */
	TAG_FLOOD,    /* int count: send that many TAG_SMALL */
	TAG_WRITE,    /* int n: so many pages of the data are written to; TAG_PING is the answer */
	TAG_SMALL,    /* SMALL_INTS ints, the first is a sequence number */
	TAG_CREDIT,   /* int n: the receiver has taken n more TAG_SMALL */
	TAG_NEXT,     /* int tid: who gets the TAG_PING that come */
	TAG_STOP,
	TAG_GONE /* notification: parent or peer has exited */
};

#define SMALL_INTS 16 /* 64 bytes */
#define CREDIT_EVERY 128
#define WINDOW 512 /* TAG_SMALL on their way to one receiver */

static inline void give_up(void)
{
	pvm_exit();
}

/* Order-sensitive checksum of n ints. */
static inline unsigned checksum(const int *items, int n)
{
	unsigned sum = 2166136261u;

	for (int i = 0; i < n; i++)
		sum = (sum ^ (unsigned)items[i]) * 16777619u;
	return sum;
}

/* Fill n ints with values that differ with seed and position. */
static inline void fill(int *items, int n, unsigned seed)
{
	unsigned v = seed * 2654435761u + 1;

	for (int i = 0; i < n; i++) {
		v = v * 1664525u + 1013904223u;
		items[i] = (int)v;
	}
}

#endif
