/* SPDX-License-Identifier: MIT */
/* The table of links, and their beginning and end. */
#include "transport/link.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct link *pvm__links[SHARE_SLOTS];
unsigned pvm__links_end;

static struct share_slot *own_slot(int slot)
{
	return (struct share_slot *)(void *)((unsigned char *)pvm__segment_home() + SHARE_SLOTS_AT) +
		slot;
}

struct link *pvm__link_find(int peer)
{
	for (unsigned i = 0; i < pvm__links_end; i++)
		if (pvm__links[i] && pvm__links[i]->way.turn == peer)
			return pvm__links[i];
	return NULL;
}

/* The first free slot, -1: none. */
static int free_slot(void)
{
	unsigned n = pvm__share_setting("PVM_SHM_PEERS", SHARE_SLOTS, 1, SHARE_SLOTS);

	for (unsigned i = 0; i < n; i++)
		if (!pvm__links[i])
			return (int)i;
	return -1;
}

struct link *pvm__link_new(int peer)
{
	uint32_t ring = pvm__segment_home()->ring;
	int slot = free_slot();
	uint32_t at = SHARE_RINGS_AT + (uint32_t)slot * ring;
	struct link *l;

	if (slot < 0 || !pvm__segment_back(at, ring))
		return NULL;
	l = calloc(1, sizeof *l);
	if (!l)
		return NULL;
	l->way = (struct way){ .source.fd = -1, .turn = peer, .take = pvm__link_take };
	l->slot = slot;
	l->bell = -1;
	l->out = LINK_ASKED;
	l->ours = own_slot(slot);
	*l->ours = (struct share_slot){ 0 };
	l->ring.bytes = (unsigned char *)pvm__segment_home() + at;
	l->ring.size = ring;
	l->used = pvm__now();
	pvm__links[slot] = l;
	if (pvm__links_end <= (unsigned)slot)
		pvm__links_end = (unsigned)slot + 1;
	return l;
}

void pvm__link_drop(struct link *l)
{
	pvm__link_take_back(l);
	pvm__way_unlist(&l->way);
	if (l->lender) {
		pvm__lender_leave(l->lender);
		pvm__segment_home()->links--;
	}
	if (l->bell >= 0)
		close(l->bell);
	pvm__links[l->slot] = NULL;
	while (pvm__links_end && !pvm__links[pvm__links_end - 1])
		pvm__links_end--;
	free(l);
}

bool pvm__link_is_empty(const struct link *l)
{
	return !l->nheld && (!l->incoming || l->head == __atomic_load_n(&l->theirs->tail, __ATOMIC_ACQUIRE));
}

void pvm__links_reap(void)
{
	for (unsigned i = 0; i < pvm__links_end; i++) {
		struct link *l = pvm__links[i];

		if (!l || l->user || !(l->gone || (l->said_done && l->heard_done)))
			continue;
		if (l->said_done || pvm__link_is_empty(l))
			pvm__link_drop(l);
	}
}

void pvm__links_left(void)
{
	for (unsigned i = 0; i < pvm__links_end; i++) {
		struct link *l = pvm__links[i];

		if (!l || l->user != &pvm__self)
			continue;
		l->user = NULL;
		l->ring.tail = l->ours->tail; /* what was not published has not been */
	}
}

bool pvm__link_attach(struct link *l, const int fds[2], uint32_t slot)
{
	const unsigned char *base;

	l->bell = fds[1];
	if (slot < SHARE_SLOTS)
		l->lender = pvm__lender_new(l, fds[0]);
	close(fds[0]);
	if (!l->lender)
		return false;
	base = pvm__lender_mapping(l->lender)->base;
	l->home = (const void *)base;
	l->theirs = (const struct share_slot *)(const void *)(base + SHARE_SLOTS_AT) + slot;
	l->ring_size = l->home->ring;
	l->incoming = base + SHARE_RINGS_AT + slot * l->ring_size;
	l->head = 0;
	l->streamed = true;
	pvm__segment_home()->links++;
	pvm__segment_home()->opened++;
	return true;
}

void pvm__link_fault(struct link *l, const char *what)
{
	pvm__log("memory of t%x: %s; it is used no more", (unsigned)l->way.turn, what);
	l->incoming = NULL;
	pvm__way_unlist(&l->way);
	l->out = LINK_CLOSED;
	l->due = SHARE_CLOSE;
	pvm__share_due();
}

void pvm__link_ring(struct link *l)
{
	const uint64_t one = 1;

	/* It cannot be full: then it rings in any case. */
	if (write(l->bell, &one, sizeof one) == sizeof one)
		pvm__segment_home()->bells++;
}
