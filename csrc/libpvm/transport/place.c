/* SPDX-License-Identifier: MIT */
/*
 * A task with more peers than slots has links with those that it exchanges most with. One that there
 * is little traffic with makes place for another.
 */
#include "transport/link.h"

enum {
	BETTER =
		2, /* so much more traffic than the one that goes must another have, besides the cost */
	KEPT_NS = NS_PER_S / 20,
};

/* For whom the last place was made, 0: nobody. Others do not get it for a while. */
static struct {
	int peer;
	bool asked; /* for a link; else that is due when a slot is free */
	int64_t until;
} place;

/* Is it about to go, and its slot to be free? What is held of a dead peer may stay for long. */
static bool is_going(const struct link *l)
{
	return l->heard != END_GONE && (l->said || l->heard);
}

/* The open link with the least traffic; NULL: there is none, or enough are about to go. */
static struct link *least(uint32_t period, uint32_t *traffic)
{
	struct link *found = NULL;
	unsigned going = 0;

	*traffic = UINT32_MAX;
	for (unsigned i = 0; i < pvm__links_end; i++) {
		struct link *l = pvm__links[i];
		uint32_t recent;

		if (!l)
			continue;
		going += is_going(l);
		if (l->heard != END_NOT || l->said || l->out == LINK_ASKED)
			continue;
		recent = pvm__traffic_recent(&l->traffic, period);
		if (recent >= *traffic)
			continue;
		*traffic = recent;
		found = l;
	}
	return 2 * going > pvm__links_end ? NULL : found;
}

bool pvm__place_is_kept(int peer)
{
	return place.peer && place.peer != peer && pvm__now() < place.until;
}

void pvm__place_make(struct candidate *c)
{
	uint32_t period = pvm__traffic_period(), traffic, own;
	int64_t now = pvm__now();
	struct link *l;

	if (place.peer && now < place.until)
		return;
	l = least(period, &traffic);
	own = pvm__traffic_recent(&c->traffic, period);
	if (!l || (traffic && own < (uint64_t)traffic * BETTER + LINK_WORTH))
		return;
	place.peer = c->peer;
	place.asked = false;
	place.until = now + KEPT_NS;
	pvm__link_close(l);
}

int pvm__place_free(void)
{
	if (!place.peer || place.asked || pvm__links_full() || pvm__now() >= place.until)
		return 0;
	place.asked = true;
	return place.peer;
}

void pvm__place_taken(int peer)
{
	if (place.peer == peer)
		place.peer = 0;
}

void pvm__place_forget(void)
{
	place.peer = 0;
}

void pvm__share_received(int peer, uint64_t bytes)
{
	struct candidate *c;

	if (!pvm__links_full() || !pvm__share_possible(peer) || pvm__link_find(peer))
		return;
	c = pvm__candidate(peer);
	pvm__traffic_add(&c->traffic, bytes);
	if (c->never || ++c->messages <= c->after)
		return;
	c->messages = 0;
	pvm__place_make(c);
}
