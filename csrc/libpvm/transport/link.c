/* SPDX-License-Identifier: MIT */
/* The table of links, and what ends their use. */
#include "transport/link.h"

#include <errno.h>
#include <unistd.h>

struct link *pvm__links[SHARE_SLOTS];
unsigned pvm__links_end;
static unsigned links, slots; /* that there are, that there may be */
static bool due;              /* something is to be said, or dropped */

void pvm__share_due(void)
{
	due = true;
}

bool pvm__share_take_due(void)
{
	bool was = due;

	due = false;
	return was;
}

struct link *pvm__link_find(int peer)
{
	for (unsigned i = 0; i < pvm__links_end; i++)
		if (pvm__links[i] && pvm__links[i]->way.turn == peer)
			return pvm__links[i];
	return NULL;
}

int pvm__links_slot(void)
{
	slots = pvm__share_setting("PVM_SHM_PEERS", SHARE_SLOTS, 1, SHARE_SLOTS);
	for (unsigned i = 0; i < slots; i++)
		if (!pvm__links[i])
			return (int)i;
	return -1;
}

bool pvm__links_full(void)
{
	return links && links >= slots;
}

void pvm__links_put(struct link *l)
{
	links++;
	pvm__links[l->slot] = l;
	if (pvm__links_end <= (unsigned)l->slot)
		pvm__links_end = (unsigned)l->slot + 1;
}

void pvm__links_remove(const struct link *l)
{
	links--;
	pvm__links[l->slot] = NULL;
	while (pvm__links_end && !pvm__links[pvm__links_end - 1])
		pvm__links_end--;
}

void pvm__links_left(void)
{
	for (unsigned i = 0; i < pvm__links_end; i++) {
		struct link *l = pvm__links[i];

		if (!l || l->user != &pvm__self)
			continue;
		l->user = NULL;
		l->ring.tail = l->ours->tail; /* what was not published has not been */
		l->ours->want = 0;
		l->streamed = true; /* a mark may not have been written */
	}
}

void pvm__link_close(struct link *l)
{
	l->out = LINK_CLOSED;
	/* Before its acceptance is said there is no pair to be closed. */
	if (l->said == END_NOT && l->heard != END_GONE && l->due != SHARE_ACCEPT)
		l->due = SHARE_CLOSE;
	pvm__share_due();
}

void pvm__link_fault(struct link *l, const char *what)
{
	pvm__log("memory of t%x: %s; it is used no more", (unsigned)l->way.turn, what);
	l->incoming = NULL;
	pvm__way_unlist(&l->way);
	pvm__candidate(l->way.turn)->never = true;
	pvm__link_close(l);
}

void pvm__link_ring(struct link *l)
{
	uint64_t one = 1, full;
	ssize_t n = UNINTERRUPTED(write(l->bell, &one, sizeof one));

	/* Only somebody who means harm fills it. */
	if (n < 0 && errno == EAGAIN && read(l->bell, &full, sizeof full) > 0)
		n = write(l->bell, &one, sizeof one);
	pvm__segment_home()->bells += n > 0;
	/* The word that ends the link wakes the peer, which finds what is in the ring. */
	if (n < 0 && l->out != LINK_CLOSED && !l->due)
		pvm__link_close(l);
}
