/* SPDX-License-Identifier: MIT */
/* With whom links may be; tasks without one that messages go to; how much traffic there is. */
#include "transport/candidate.h"

#include <stdlib.h>
#include <string.h>

#include "share.h"

bool pvm__share_unwelcome;

/* ---- settings ---------------------------------------------------------------------------- */

bool pvm__share_wanted(void)
{
	const char *text = getenv("PVM_SHM");

	return !text || (strcmp(text, "off") != 0 && strcmp(text, "0") != 0);
}

unsigned pvm__share_setting(const char *name, unsigned otherwise, unsigned least, unsigned most)
{
	const char *text = getenv(name);
	char *end;
	unsigned long n = text ? strtoul(text, &end, 10) : otherwise;

	if (text && (end == text || *end))
		return otherwise;
	return n < least ? least : n > most ? most : (unsigned)n;
}

bool pvm__share_possible(int peer)
{
	return pvm__task.capabilities & WIRE_EXT_MEMORY && !pvm__share_unwelcome &&
		peer != pvmmytid && wire_is_task((uint32_t)peer) &&
		pvm__place(peer) == pvm__place(pvmmytid);
}

/* ---- traffic ------------------------------------------------------------------------------ */

uint32_t pvm__traffic_period(void)
{
	return (uint32_t)(pvm__now() / NS_PER_S);
}

uint32_t pvm__traffic_recent(struct traffic *t, uint32_t period)
{
	uint32_t periods = period - t->period;

	if (periods) {
		t->before = (t->sum - t->seen) / periods;
		t->seen = t->sum;
		t->period = period;
	}
	return t->before + (t->sum - t->seen);
}

/* ---- candidates --------------------------------------------------------------------------- */

/*
 * Room for so many. Tids that follow each other lie in different sets, so that up to so many tasks
 * of one spawn do not forget each other.
 */
enum { SETS = 64, PLACES = 8 };
static struct candidate candidates[SETS][PLACES];

/* Messages before a link is asked for the first time. */
static unsigned first_after(void)
{
	return pvm__share_setting("PVM_SHM_AFTER", LINK_AFTER, 0, LINK_FIRST_MAX);
}

/* Is it better to forget the one than the other? */
static bool is_lesser(struct candidate *one, struct candidate *other, uint32_t period)
{
	if (one->never != other->never)
		return other->never;
	return pvm__traffic_recent(&one->traffic, period) <
		pvm__traffic_recent(&other->traffic, period);
}

/* The place of a set's candidate that there is least to be lost of. */
static struct candidate *least(struct candidate *set, uint32_t period)
{
	struct candidate *found = set;

	for (struct candidate *c = set; c < set + PLACES; c++) {
		if (!c->peer)
			return c;
		if (is_lesser(c, found, period))
			found = c;
	}
	return found;
}

struct candidate *pvm__candidate(int peer)
{
	struct candidate *set = candidates[(unsigned)peer % SETS], *c;
	uint32_t period;

	for (c = set; c < set + PLACES; c++)
		if (c->peer == peer)
			return c;
	period = pvm__traffic_period();
	c = least(set, period);
	*c = (struct candidate){
		.peer = peer,
		.after = first_after(),
		.traffic.period = period,
	};
	return c;
}

void pvm__candidate_asks(struct candidate *c)
{
	c->messages = 0;
	c->bytes = 0;
	if (c->after < LINK_AGAIN_MAX)
		c->after = c->after * 4 + 1;
}

void pvm__candidate_linked(int peer)
{
	pvm__candidate(peer)->after = first_after();
}

void pvm__candidates_forget(void)
{
	memset(candidates, 0, sizeof candidates);
}
