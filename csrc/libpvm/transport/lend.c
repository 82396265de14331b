/* SPDX-License-Identifier: MIT */
/* What goes out through memory: records in the own rings, bodies lent out of the own arena. */
#include "transport/link.h"
#include "transport/spread.h"

#include <stdlib.h>
#include <string.h>

enum {
	LENT_MAX = 8 << 20, /* bytes of bodies that are lent to one peer */
	LINE = 64,          /* bytes of a cache line */
};

/* ---- forms ------------------------------------------------------------------------------- */

static uint64_t body_bytes(const struct message *m)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < m->nfrags; i++)
		sum += m->frags[i].len;
	return sum;
}

static uint32_t record_size(uint32_t rest)
{
	return ((uint32_t)sizeof(struct share_record) + rest + 7) & ~7u;
}

/* Do the fragments lie in the arena, few enough for a record? */
static bool is_lendable(const struct message *m)
{
	struct share_piece piece;

	if (record_size(m->nfrags * (uint32_t)sizeof piece) > pvm__segment_home()->ring / 2)
		return false;
	for (unsigned i = 0; i < m->nfrags; i++)
		if (!pvm__segment_piece(&m->frags[i], &piece))
			return false;
	return true;
}

/* A copy in the arena; NULL: there is no room. */
static struct message *copy_to_arena(const struct message *m)
{
	struct message *copy = pvm__message_new(m->enc == WIRE_ENC_INPLACE ? pvm__dsig() : m->enc);
	int code = copy ? 0 : PvmNoMem;

	for (unsigned i = 0; i < m->nfrags && code == 0; i++)
		code = pvm__append(copy, m->frags[i].data, m->frags[i].len);
	if (code == 0 && is_lendable(copy)) {
		copy->tag = m->tag;
		copy->ctx = m->ctx;
		copy->wid = m->wid;
		return copy;
	}
	pvm__message_unref(copy);
	return NULL;
}

struct message *pvm__link_form(struct message *m)
{
	uint64_t bytes = body_bytes(m);

	if (bytes > SHARE_INLINE_MAX && !is_lendable(m))
		return bytes < SHARE_SIZE ? copy_to_arena(m) : NULL;
	pvm__message_ref(m);
	return m;
}

/* ---- bodies that are lent ------------------------------------------------------------------ */

static void take_back(struct link *l, unsigned ref)
{
	struct message *m = l->lent ? l->lent[ref] : NULL;

	if (!m)
		return;
	l->lent[ref] = NULL;
	l->nlent--;
	l->bytes_lent -= m->total;
	pvm__message_unref(m);
}

/* Take back what the peer has given back. */
static void collect(struct link *l)
{
	uint32_t n = __atomic_load_n(&l->theirs->returned, __ATOMIC_ACQUIRE);

	for (unsigned i = 0; l->returned != n && i < SHARE_REFS; i++, l->returned++)
		take_back(l,
			__atomic_load_n(&l->theirs->back[l->returned % SHARE_REFS],
				__ATOMIC_RELAXED));
}

void pvm__links_collect(void)
{
	for (unsigned i = 0; i < pvm__links_end; i++)
		if (pvm__links[i] && pvm__links[i]->nlent)
			collect(pvm__links[i]);
}

/* A free number; there is one. */
static unsigned free_number(struct link *l)
{
	while (l->lent[l->next_lent % SHARE_REFS])
		l->next_lent++;
	return l->next_lent++ % SHARE_REFS;
}

/*
 * May so many bytes more be lent? Two bodies always may: a receiver holds the last one until it
 * receives the next.
 */
static bool may_lend(struct link *l, uint64_t bytes)
{
	if (l->nlent)
		collect(l);
	return l->nlent < 2 || (l->nlent < SHARE_REFS && l->bytes_lent + bytes <= LENT_MAX);
}

/* ---- records ------------------------------------------------------------------------------- */

/* See how far the peer has read. False: that cannot be. */
static bool see_head(struct link *l)
{
	if (pvm__ring_taken(&l->ring, __atomic_load_n(&l->theirs->head, __ATOMIC_ACQUIRE)) == 0)
		return true;
	pvm__link_fault(l, "it says that it has read what was not written");
	return false;
}

/*
 * Write the head of a record. Its line is not left half written while the time is looked at: a reader
 * that waits for it would take it away meanwhile.
 */
static void fill(struct share_record *r, const struct link *l, const struct message *m,
	uint16_t kind, uint32_t length)
{
	uint64_t time = (uint64_t)pvm__clock(CLOCK_MONOTONIC);

	r->kind = kind;
	r->mark = l->mark;
	r->enc = m->enc == WIRE_ENC_INPLACE ? pvm__dsig() : m->enc;
	r->tag = (uint32_t)m->tag;
	r->ctx = (uint32_t)m->ctx;
	r->wid = (uint32_t)m->wid;
	r->length = length;
	r->time = time;
}

/*
 * Is there memory behind what a record of that size may take? A ring that its reader keeps empty
 * needs little.
 */
static bool is_backed(struct link *l, uint32_t size)
{
	uint32_t at = l->ring.tail & (l->ring.size - 1), begin;

	if (at + size <= l->backed || l->backed == l->ring.size)
		return true;
	begin = (uint32_t)(l->ring.bytes - (unsigned char *)pvm__segment_home());
	if (!pvm__segment_back(begin, l->ring.size))
		return false;
	l->backed = l->ring.size;
	return true;
}

/*
 * As long as the reader keeps up a record is so much longer that the next one begins with a cache
 * line: a short one is then all in one, which is what goes from the writer's processor to the
 * reader's.
 */
static uint32_t whole_lines(const struct link *l, uint32_t size)
{
	if (pvm__ring_unsure(&l->ring, size))
		return size;
	return size + (-(l->ring.tail + size) & (LINE - 1));
}

/* See how far the peer has read, if that matters for a record of that size. False: that cannot be. */
static bool see_head_for(struct link *l, uint32_t size)
{
	return !pvm__ring_unsure(&l->ring, size) || see_head(l);
}

static enum put put_inline(struct link *l, const struct message *m, uint32_t bytes)
{
	uint32_t size = whole_lines(l, record_size(bytes));
	struct share_record *r;
	unsigned char *at;

	if (!see_head_for(l, size) || !is_backed(l, size))
		return PUT_STREAM;
	r = pvm__ring_room(&l->ring, size);
	if (!r)
		return PUT_FULL;
	at = (unsigned char *)(r + 1);
	l->last = r;
	fill(r, l, m, SHARE_INLINE, bytes);
	r->size = size;
	for (unsigned i = 0; i < m->nfrags; i++) {
		memcpy(at, m->frags[i].data, m->frags[i].len);
		at += m->frags[i].len;
	}
	return PUT_DONE;
}

static enum put put_reference(struct link *l, const struct message *m, uint32_t bytes)
{
	uint32_t size = record_size(m->nfrags * (uint32_t)sizeof(struct share_piece));
	struct share_piece *pieces;
	struct share_record *r;
	struct message *copy;

	if (!see_head_for(l, size) || !is_backed(l, size))
		return PUT_STREAM;
	if (!may_lend(l, bytes))
		return PUT_FULL;
	if (!l->lent)
		l->lent = calloc(SHARE_REFS, sizeof(struct message *));
	copy = l->lent ? pvm__message_copy(m) : NULL;
	r = copy ? pvm__ring_room(&l->ring, size) : NULL;
	if (!r) {
		pvm__message_unref(copy);
		return copy ? PUT_FULL : PUT_STREAM;
	}
	copy->total = bytes;
	l->last = r;
	fill(r, l, m, SHARE_REFERENCE, bytes);
	r->size = size;
	r->ref = (uint16_t)free_number(l);
	pieces = (struct share_piece *)(r + 1);
	for (unsigned i = 0; i < m->nfrags; i++)
		pvm__segment_piece(&m->frags[i], &pieces[i]);
	l->lent[r->ref] = copy;
	l->nlent++;
	l->bytes_lent += bytes;
	pvm__segment_home()->references++;
	return PUT_DONE;
}

/* The peer sees what was put. */
static enum put publish(struct link *l, uint32_t bytes)
{
	struct share_home *home = pvm__segment_home();
	uint32_t epoch;

	__atomic_store_n(&l->ours->tail, l->ring.tail, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	home->messages++;
	pvm__traffic_add(&l->traffic, bytes);
	pvm__spread_sent(l->way.turn, bytes <= SHARE_INLINE_MAX);
	home->bytes += bytes;
	epoch = __atomic_load_n(&l->home->epoch, __ATOMIC_RELAXED);
	if (epoch & 1 && epoch != l->rung) {
		l->rung = epoch;
		pvm__link_ring(l);
	}
	return __atomic_load_n(&l->home->flags, __ATOMIC_RELAXED) & SHARE_LEFT ? PUT_LEFT :
										 PUT_DONE;
}

enum put pvm__link_put(struct link *l, const struct message *m)
{
	uint64_t bytes = body_bytes(m);
	enum put done;

	done = bytes <= SHARE_INLINE_MAX ? put_inline(l, m, (uint32_t)bytes) :
					   put_reference(l, m, (uint32_t)bytes);
	return done == PUT_DONE ? publish(l, (uint32_t)bytes) : done;
}

bool pvm__link_is_final(struct link *l)
{
	return __atomic_load_n(&l->home->flags, __ATOMIC_ACQUIRE) & SHARE_FINAL;
}

bool pvm__link_takes_last(struct link *l)
{
	const struct share_record *r = l->last;

	if ((int32_t)(l->ring.tail - __atomic_load_n(&l->theirs->final, __ATOMIC_RELAXED)) <= 0)
		return true;
	if (r->kind == SHARE_REFERENCE)
		take_back(l, r->ref);
	return false;
}

void pvm__link_take_back(struct link *l)
{
	for (unsigned ref = 0; l->nlent && ref < SHARE_REFS; ref++)
		take_back(l, ref);
}

bool pvm__link_roomy(struct link *l)
{
	if (l->nlent)
		collect(l);
	return see_head(l) && l->ring.tail - l->ring.head <= l->ring.size / 2 &&
		l->nlent <= SHARE_REFS / 2 && l->bytes_lent <= LENT_MAX / 2;
}

uint32_t pvm__link_progress(const struct link *l)
{
	return __atomic_load_n(&l->theirs->head, __ATOMIC_RELAXED) +
		__atomic_load_n(&l->theirs->returned, __ATOMIC_RELAXED) +
		__atomic_load_n(&l->theirs->mark, __ATOMIC_RELAXED);
}
