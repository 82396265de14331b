/* SPDX-License-Identifier: MIT */
/*
 * Two tasks that answer each other from one processor while another one is idle take turns by
 * yields, until the system's balancer parts them after some 40 ms. Here one of them moves away at
 * once. It asks the system first whether there is room: a move onto a busy processor costs a time slice.
 */
#define _GNU_SOURCE 1 /* sched_getcpu, cpu_set_t */
#include "transport/spread.h"
#include "transport/link.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	TURNS = 4,               /* answered waits in a row before it is worth while */
	TURN_NS = 200000,        /* a wait that begins later than this is no turn */
	AGAIN_NS = 250000,       /* until it is tried again, at first */
	AGAIN_MAX_NS = 64000000, /* ... and at last */
	CROWDED_NS = 2000000,    /* the least if many others run */
	REST = 64,               /* no further move for so many times what one took */
};

static struct {
	/* Changed with the lock, looked at without. */
	int peer;   /* the last message went to it */
	bool small; /* it, and what came back, were short */
	unsigned turns;
	int64_t last, not_before, again; /* monotonic ns */
	bool off;
} spread = { .again = AGAIN_NS };

void pvm__spread_sent(int peer, bool small)
{
	__atomic_store_n(&spread.peer, peer, __ATOMIC_RELAXED);
	__atomic_store_n(&spread.small, small, __ATOMIC_RELAXED);
}

void pvm__spread_came(bool small)
{
	if (!small)
		__atomic_store_n(&spread.small, false, __ATOMIC_RELAXED);
}

bool pvm__spread_is_long(void)
{
	return !__atomic_load_n(&spread.small, __ATOMIC_RELAXED);
}

void pvm__spread_note(struct share_home *own)
{
	uint32_t here = (uint32_t)sched_getcpu();

	if (own->processor != here)
		__atomic_store_n(&own->processor, here, __ATOMIC_RELAXED);
}

/* How many threads of the machine can run at this instant; -1: not known. */
static int runnable(void)
{
	char text[80];
	int fd = open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	const char *at = text;

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return -1;
	text[n] = '\0';
	for (int i = 0; i < 3 && at; i++) {
		at = strchr(at, ' ');
		at = at ? at + 1 : NULL;
	}
	return at ? atoi(at) : -1;
}

/* Linked tasks that do not sleep. */
static int awake_peers(void)
{
	int n = 0;

	for (unsigned i = 0; i < pvm__links_end; i++) {
		const struct share_home *home = pvm__links[i] ? pvm__links[i]->home : NULL;

		n += home && !(__atomic_load_n(&home->epoch, __ATOMIC_RELAXED) & 1);
	}
	return n;
}

int pvm__spare_processors(void)
{
	cpu_set_t mask;
	int running = runnable(), others;

	if (running < 0 || sched_getaffinity(0, sizeof mask, &mask))
		return -1;
	others = running - awake_peers();
	return CPU_COUNT(&mask) - (others > 1 ? others : 1);
}

/* Others than this task and its peer that run, beyond half of the other processors. */
static int crowd(const cpu_set_t *mask)
{
	int running = runnable();

	return running < 2 ? 1 : running - 2 - (CPU_COUNT(mask) - 1) / 2;
}

/* Widen the mask again to what the system allows, or to what the user has set. */
static void restore(const cpu_set_t *without, const cpu_set_t *before)
{
	cpu_set_t now, all;

	if (sched_getaffinity(0, sizeof now, &now) || !CPU_EQUAL(&now, without))
		return; /* somebody else has set it meanwhile */
	memset(&all, 0xff, sizeof all);
	if (sched_setaffinity(0, sizeof all, &all) || sched_getaffinity(0, sizeof now, &now) ||
		!CPU_EQUAL(&now, before))
		sched_setaffinity(0, sizeof *before, before);
}

/* Leave this processor. False: that is not possible here. */
static bool move(struct share_home *own, const cpu_set_t *mask)
{
	cpu_set_t without = *mask;

	CPU_CLR((int)own->processor, &without);
	/* The peer gets this processor, and must not move as well. */
	__atomic_store_n(&own->processor, ~0u, __ATOMIC_RELAXED);
	if (sched_setaffinity(0, sizeof without, &without))
		return false;
	restore(&without, mask);
	pvm__spread_note(own);
	own->moves++;
	return true;
}

/* Move, if there is room. */
static void consider(struct share_home *own, int64_t now)
{
	cpu_set_t mask;
	int too_many;

	if (sched_getaffinity(0, sizeof mask, &mask) || CPU_COUNT(&mask) < 2) {
		spread.off = true;
		return;
	}
	too_many = crowd(&mask);
	if (too_many > 0) {
		spread.again = spread.again * 2 < AGAIN_MAX_NS ? spread.again * 2 : AGAIN_MAX_NS;
		if (too_many > 1 && spread.again < CROWDED_NS)
			spread.again = CROWDED_NS;
		spread.not_before = now + spread.again;
		return;
	}
	spread.off = !move(own, &mask);
	spread.again = AGAIN_NS;
	spread.not_before = pvm__now() + REST * (pvm__now() - now);
}

void pvm__spread_answered(struct share_home *own, const struct share_home *home, int peer,
	bool crowded, int64_t start, int64_t now)
{
	bool turn = crowded && __atomic_load_n(&spread.small, __ATOMIC_RELAXED) &&
		peer == __atomic_load_n(&spread.peer, __ATOMIC_RELAXED) &&
		start - spread.last < TURN_NS &&
		__atomic_load_n(&home->processor, __ATOMIC_RELAXED) == own->processor &&
		!(__atomic_load_n(&home->epoch, __ATOMIC_RELAXED) & 1);

	spread.turns = turn ? spread.turns + 1 : 0;
	spread.last = now;
	if (spread.turns < TURNS || spread.off || now < spread.not_before)
		return;
	spread.turns = 0;
	consider(own, now);
}
