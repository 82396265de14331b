/* SPDX-License-Identifier: MIT */
/* Beginning and end of links: the own segment, slots, the peer's segment; who is worth a link. */
#include "transport/link.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	ARENA = 48 << 20, /* two messages of 16 MiB, and something */
	ARENA_MIN = 4 * SHARE_BLOCK,
	ARENA_PART = 16, /* of the memory of a control group, which has many tasks */
};

/* Where a slot is in a segment. */
#define SLOT_AT(slot) ((uint32_t)(SHARE_SLOTS_AT + (size_t)(slot) * sizeof(struct share_slot)))

/* ---- own segment ------------------------------------------------------------------------- */

/* Bytes of a ring: a power of two. */
static uint32_t ring_bytes(void)
{
	unsigned n = pvm__share_setting("PVM_SHM_RING", SHARE_RING, SHARE_RING_MIN, SHARE_RING);

	while (n & (n - 1))
		n &= n - 1;
	return n;
}

/* Bytes of the arena. If a control group has no more, the system does not refuse it but kills. */
static uint32_t arena_bytes(void)
{
	uint64_t fair = pvm__group_memory() / ARENA_PART;

	return pvm__share_setting("PVM_SHM_ARENA", fair < ARENA ? (unsigned)fair : ARENA, ARENA_MIN,
		SHARE_SIZE);
}

/* A bell rang: that was all; rings are looked at in any case. */
static void hear(struct source *source)
{
	(void)source;
}

static struct source bell = { .ready = hear, .edge = true };

bool pvm__share_segment(void)
{
	static uint32_t generation;

	if (pvm__task.segment || pvm__share_unwelcome)
		return !pvm__share_unwelcome;
	pvm__share_unwelcome = true;
	if (pvm__segment_open(++generation, ring_bytes(), arena_bytes()) < 0)
		return false;
	bell.fd = pvm__segment_bell();
	if (pvm__watch(&bell) < 0) {
		pvm__segment_close();
		return false;
	}
	pvm__share_unwelcome = false;
	return true;
}

void pvm__share_bell_gone(void)
{
	bell.fd = -1;
}

/* ---- links -------------------------------------------------------------------------------- */

static struct share_slot *own_slot(int slot)
{
	return (struct share_slot *)(void *)((unsigned char *)pvm__segment_home() + SLOT_AT(slot));
}

/* The last mark of a link that has ended: a stream may still bring it, so it is not used again. */
static uint32_t last_mark;

struct link *pvm__link_new(int peer)
{
	uint32_t ring = pvm__segment_home()->ring;
	int slot = pvm__links_slot();
	uint32_t at = SHARE_RINGS_AT + (uint32_t)slot * ring;
	struct link *l;

	uint32_t first = ring < RING_FIRST ? ring : RING_FIRST;

	if (slot < 0 || !pvm__segment_back(SLOT_AT(slot), sizeof(struct share_slot)) ||
		!pvm__segment_back(at, first))
		return NULL;
	l = calloc(1, sizeof *l);
	if (!l)
		return NULL;
	l->way = (struct way){
		.source.fd = -1, .turn = peer, .common = true, .take = pvm__link_take
	};
	l->slot = slot;
	l->bell = -1;
	l->out = LINK_ASKED;
	l->mark = last_mark;
	l->ours = own_slot(slot);
	*l->ours = (struct share_slot){ 0 };
	l->ring.bytes = (unsigned char *)pvm__segment_home() + at;
	l->ring.size = ring;
	l->backed = first;
	l->traffic = pvm__candidate(peer)->traffic;
	l->traffic.sum +=
		LINK_WORTH; /* what it costs must come back before it makes place for another */
	pvm__links_put(l);
	return l;
}

void pvm__link_drop(struct link *l)
{
	pvm__link_take_back(l);
	pvm__way_unlist(&l->way);
	if ((int32_t)(l->mark - last_mark) > 0)
		last_mark = l->mark;
	if (l->lender) {
		pvm__lender_leave(l->lender);
		pvm__segment_home()->links--;
	}
	if (l->bell >= 0)
		close(l->bell);
	pvm__links_remove(l);
	free(l->lent);
	free(l);
}

/* Can it be written to in no harmful way: without waiting, without a signal? */
static bool is_bell(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	struct stat st;

	return flags >= 0 && flags & O_NONBLOCK && fstat(fd, &st) == 0 && !S_ISFIFO(st.st_mode) &&
		!S_ISSOCK(st.st_mode) && !S_ISREG(st.st_mode);
}

bool pvm__link_attach(struct link *l, const int fds[2], uint32_t slot)
{
	const unsigned char *base;

	l->bell = fds[1];
	if (slot < SHARE_SLOTS && is_bell(fds[1]))
		l->lender = pvm__lender_new(l, fds[0]);
	close(fds[0]);
	if (!l->lender)
		return false;
	base = pvm__lender_mapping(l->lender)->base;
	l->home = (const void *)base;
	l->theirs = (const struct share_slot *)(const void *)(base + SHARE_SLOTS_AT) + slot;
	l->ring_size = pvm__lender_ring(l->lender);
	l->incoming = base + SHARE_RINGS_AT + slot * l->ring_size;
	l->head = 0;
	l->streamed = true;
	pvm__segment_home()->links++;
	pvm__segment_home()->opened++;
	pvm__candidate_linked(l->way.turn);
	pvm__place_taken(l->way.turn);
	return true;
}

/* ---- the end ------------------------------------------------------------------------------- */

/* What a word says about the end of who has said it. */
static enum link_end end_by(int what)
{
	switch (what) {
	case SHARE_CLOSE: return END_CLOSE;
	case SHARE_DONE: return END_DONE;
	case SHARE_GONE: return END_GONE;
	default: return END_NOT;
	}
}

void pvm__link_hear(struct link *l, int what)
{
	if (end_by(what) > l->heard)
		l->heard = end_by(what);
	if (l->heard == END_GONE)
		l->due = 0;
	pvm__link_close(l);
	if (l->heard >= END_DONE)
		pvm__link_take_back(l);
	pvm__wake(WAKE_STATE);
}

void pvm__link_end(struct link *l)
{
	l->incoming = NULL;
	pvm__link_hear(l, SHARE_GONE);
}

bool pvm__link_owes_done(const struct link *l)
{
	return l->said == END_CLOSE && (l->heard == END_CLOSE || l->heard == END_DONE);
}

bool pvm__link_is_over(const struct link *l)
{
	if (l->heard == END_GONE)
		return pvm__link_is_exhausted(l);
	return l->said == END_DONE && l->heard == END_DONE;
}

void pvm__links_reap(void)
{
	for (unsigned i = 0; i < pvm__links_end; i++)
		if (pvm__links[i] && !pvm__links[i]->user && pvm__link_is_over(pvm__links[i]))
			pvm__link_drop(pvm__links[i]);
}

/* ---- refusals ---------------------------------------------------------------------------- */

/*
 * What is to be refused, oldest first. For each of them the daemon has a pair of this task, of which
 * it has no more than SHARE_SLOTS.
 */
static struct refusal refusals[SHARE_SLOTS];
static unsigned nrefusals;

void pvm__share_unrefuse(int peer)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < nrefusals; i++)
		if (refusals[i].peer != peer)
			refusals[kept++] = refusals[i];
	nrefusals = kept;
}

void pvm__share_refuse(int peer, int why)
{
	pvm__share_unrefuse(peer);
	if (nrefusals < SHARE_SLOTS)
		refusals[nrefusals++] = (struct refusal){ peer, why };
	pvm__share_due();
}

unsigned pvm__share_refusals(void)
{
	return nrefusals;
}

struct refusal pvm__share_next_refusal(void)
{
	struct refusal first = refusals[0];

	memmove(refusals, refusals + 1, --nrefusals * sizeof *refusals);
	return first;
}

/* ---- without links ------------------------------------------------------------------------ */

/* Once the peer hears of the end it uses its blocks anew, whatever is held of them here. */
static void part_with(struct link *l)
{
	if (l->nheld)
		pvm__mapping_detach(pvm__lender_mapping(l->lender));
	pvm__link_drop(l);
}

void pvm__share_reset(void)
{
	while (pvm__links_end)
		part_with(pvm__links[pvm__links_end - 1]);
	if (pvm__task.segment)
		pvm__unwatch(&bell);
	pvm__segment_close();
	pvm__candidates_forget();
	pvm__place_forget();
	pvm__share_unwelcome = pvm__share_withdrawn = false;
	nrefusals = 0;
	pvm__share_take_due();
}
