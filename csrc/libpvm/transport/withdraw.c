/* SPDX-License-Identifier: MIT */
/*
 * Leaving shared memory for a move, which the peers need not help with: docs/memory.md, "Leaving".
 * What they have put before is read later, out of private memory at the same addresses.
 */
#include "transport/link.h"

#include <string.h>

typedef void keeper(unsigned char *at, size_t size);

/* ---- what is kept -------------------------------------------------------------------- */

/* The bytes of a peer's ring that are not taken yet. */
static void keep_ring(const struct link *l, keeper *keep)
{
	uint32_t size = l->ring_size, n = l->ours->final - l->head, at = l->head & (size - 1);
	unsigned char *ring = (unsigned char *)l->incoming;

	n = n < size ? n : size;
	if (!n)
		return;
	if (n > size - at) {
		keep(ring, n - (size - at));
		n = size - at;
	}
	keep(ring + at, n);
}

/* The body that a record refers to, as far as that lies in the peer's arena. */
static void keep_body(const struct mapping *m, const struct ring_in *in, keeper *keep)
{
	unsigned n = (in->record.size - sizeof in->record) / sizeof(struct share_piece);

	for (unsigned i = 0; i < n; i++) {
		struct share_piece p;

		memcpy(&p, in->rest + i * sizeof p, sizeof p);
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
		if (p.offset >= SHARE_ARENA_AT && p.offset <= m->size &&
			p.length <= m->size - p.offset)
			keep(m->base + p.offset, p.length);
	}
}

static void keep_unread(const struct link *l, keeper *keep)
{
	const struct mapping *m = pvm__lender_mapping(l->lender);
	uint32_t head = l->head;
	struct ring_in in;

	keep_ring(l, keep);
	while (pvm__ring_read(l->incoming, l->ring_size, head, l->ours->final, &in) > 0) {
		if (in.record.kind == SHARE_REFERENCE)
			keep_body(m, &in, keep);
		head = in.next;
	}
}

/* What is kept besides bodies that messages have: homes and slots, and what is not taken yet. */
static void keep_rest(keeper *keep)
{
	if (!pvm__task.segment || pvm__segment_mapping()->detached)
		return;
	for (unsigned i = 0; i < pvm__links_end; i++) {
		const struct link *l = pvm__links[i];

		if (!l || !l->lender)
			continue;
		keep(pvm__lender_mapping(l->lender)->base, SHARE_RINGS_AT);
		if (l->incoming)
			keep_unread(l, keep);
	}
	keep((unsigned char *)pvm__segment_home(), SHARE_RINGS_AT);
}

/* ---- leaving ------------------------------------------------------------------------- */

bool pvm__share_withdraw(void)
{
	bool all;

	pvm__share_leave();
	all = pvm__mappings_withdraw(keep_rest);
	for (unsigned i = 0; i < pvm__links_end; i++) {
		struct link *l = pvm__links[i];

		if (l && l->incoming)
			pvm__share_left_at(l->way.turn, l->ours->final);
		if (l)
			pvm__link_close(l);
	}
	pvm__share_withdrawn = pvm__task.segment != NULL;
	pvm__share_due();
	return all;
}

unsigned pvm__share_own(int *fds)
{
	unsigned n = pvm__share_unheard(fds);

	if (pvm__task.segment) {
		pvm__segment_descriptors(fds + n);
		n += 2;
	}
	for (unsigned i = 0; i < pvm__links_end; i++)
		if (pvm__links[i])
			fds[n++] = pvm__links[i]->bell;
	return n;
}

void pvm__share_uproot(void)
{
	pvm__share_offered = false;
	pvm__share_unheard_lost();
	if (!pvm__task.segment)
		return;
	pvm__share_bell_gone();
	pvm__segment_uproot();
	for (unsigned i = 0; i < pvm__links_end; i++) {
		struct link *l = pvm__links[i];

		if (!l)
			continue;
		l->bell = -1;
		l->heard = END_GONE;
		l->due = 0;
	}
}
