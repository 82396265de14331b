/* SPDX-License-Identifier: MIT */
/* What comes through memory: records of a peer's ring, and bodies that lie in the peer's arena. */
#define _GNU_SOURCE 1 /* F_GET_SEALS */
#include "transport/link.h"
#include "transport/spread.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
	HELD_MAX = 4 << 20,                  /* bytes of a peer that may be held */
	SEALS = F_SEAL_SHRINK | F_SEAL_GROW, /* else the memory could go away */
};

/* A peer's segment. */
struct lender {
	struct mapping *mapping;
	uint32_t ring;           /* bytes of each ring */
	struct link *link;       /* NULL: it has ended */
	struct borrowed *bodies; /* that messages here still have */
};

/* A body in a peer's arena. */
struct borrowed {
	struct block block; /* first */
	struct lender *lender;
	struct borrowed *next, *prev;
	uint16_t ref;
	uint32_t length;
	unsigned npieces;
	struct share_piece pieces[];
};

/* ---- a peer's segment ----------------------------------------------------------------- */

/* The bodies in use, for a child. */
static void in_use(struct mapping *m, void (*keep)(unsigned char *, size_t))
{
	const struct lender *lender = m->owner;

	for (const struct borrowed *b = lender->bodies; b; b = b->next)
		for (unsigned i = 0; i < b->npieces; i++)
			keep(m->base + b->pieces[i].offset, b->pieces[i].length);
}

/* The bytes of each ring if it is a segment of that task; 0 otherwise. */
static uint32_t proper_ring(const struct share_home *h, size_t size, int peer)
{
	uint32_t ring = __atomic_load_n(&h->ring, __ATOMIC_RELAXED);
	bool proper = h->magic == SHARE_MAGIC && h->version == SHARE_VERSION &&
		h->tid == (uint32_t)peer && h->size == size;

	return proper && ring >= SHARE_RING_MIN && ring <= SHARE_RING && !(ring & (ring - 1)) ?
		ring :
		0;
}

/* Its size, if it is a file that cannot change that; 0 otherwise. */
static size_t sealed_size(int fd)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &st) || st.st_size > SHARE_SIZE ||
		st.st_size <= SHARE_ARENA_AT)
		return 0;
	return (size_t)st.st_size;
}

struct lender *pvm__lender_new(struct link *l, int fd)
{
	size_t size = sealed_size(fd);
	struct lender *lender = size ? malloc(sizeof *lender) : NULL;

	if (!lender)
		return NULL;
	*lender = (struct lender){ .link = l };
	lender->mapping = pvm__mapping_new(fd, size, false);
	if (lender->mapping)
		lender->ring = proper_ring((const void *)lender->mapping->base, size, l->way.turn);
	if (lender->ring) {
		lender->mapping->owner = lender;
		lender->mapping->in_use = in_use;
		return lender;
	}
	if (lender->mapping)
		pvm__mapping_unref(lender->mapping);
	free(lender);
	return NULL;
}

struct mapping *pvm__lender_mapping(const struct lender *lender)
{
	return lender->mapping;
}

uint32_t pvm__lender_ring(const struct lender *lender)
{
	return lender->ring;
}

static void unref(struct lender *lender)
{
	struct mapping *m = lender->mapping;

	if (!lender->link && !lender->bodies) {
		m->in_use = NULL;
		free(lender);
	}
	pvm__mapping_unref(m);
}

void pvm__lender_leave(struct lender *lender)
{
	lender->link = NULL;
	unref(lender);
}

/* ---- bodies ------------------------------------------------------------------------------ */

/* The peer may wait for room: ring if it says so. */
static void offer_room(struct link *l)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(&l->theirs->want, __ATOMIC_RELAXED))
		pvm__link_ring(l);
}

/* The peer has its body back. */
static void give_back(struct link *l, uint16_t ref)
{
	uint32_t n = l->ours->returned;

	l->ours->back[n % SHARE_REFS] = (uint8_t)ref;
	__atomic_store_n(&l->ours->returned, n + 1, __ATOMIC_RELEASE);
	offer_room(l);
}

static void release(struct block *block)
{
	struct borrowed *b = (struct borrowed *)block;
	struct lender *lender = b->lender;
	struct link *l = lender->link;

	*(b->prev ? &b->prev->next : &lender->bodies) = b->next;
	if (b->next)
		b->next->prev = b->prev;
	if (l) {
		l->nheld--;
		l->bytes_held -= b->length;
		give_back(l, b->ref);
	}
	free(b);
	unref(lender);
}

/* Where the pieces of a record's body lie; NULL: it is damaged, or there is no memory (*damaged). */
static struct borrowed *read_pieces(const struct lender *lender, const struct ring_in *in,
	bool *damaged)
{
	const struct share_record *r = &in->record;
	uint32_t bytes = r->size - (uint32_t)sizeof *r, sum = 0;
	unsigned n = bytes / sizeof(struct share_piece);
	struct borrowed *b = malloc(sizeof *b + bytes);

	*damaged = false;
	if (!b)
		return NULL;
	memcpy(b->pieces, in->rest, n * sizeof(struct share_piece));
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	*damaged = r->length > lender->mapping->size;
	for (unsigned i = 0; i < n; i++) {
		const struct share_piece *p = &b->pieces[i];

		if (p->offset < SHARE_ARENA_AT || p->offset > lender->mapping->size ||
			p->length > lender->mapping->size - p->offset ||
			p->length > r->length - sum)
			*damaged = true;
		sum += *damaged ? 0 : p->length;
	}
	if (*damaged || sum != r->length) {
		*damaged = true;
		free(b);
		return NULL;
	}
	b->npieces = n;
	b->ref = r->ref;
	b->length = r->length;
	return b;
}

/* The body is held here from now on; its one reference is the caller's. */
static void hold(struct link *l, struct borrowed *b)
{
	struct lender *lender = l->lender;

	b->block = (struct block){ .refs = 1, .release = release };
	b->lender = lender;
	b->prev = NULL;
	b->next = lender->bodies;
	if (b->next)
		b->next->prev = b;
	lender->bodies = b;
	lender->mapping->users++;
	l->nheld++;
	l->bytes_held += b->length;
}

/* Append bytes that are copied. */
static int copy_bytes(struct message *m, const unsigned char *bytes, uint32_t n)
{
	struct fragment *f = pvm__message_extend(m, n ? n : 1);

	if (!f)
		return PvmNoMem;
	memcpy(f->data, bytes, n);
	codec_grow(f, n);
	return 0;
}

/*
 * Is too much of the peer's held, with this body? A single one may be long if the next one has room
 * beside it.
 */
static bool is_too_much(const struct link *l, const struct borrowed *b)
{
	if (l->bytes_held <= HELD_MAX)
		return false;
	return l->nheld > 1 || b->length > __atomic_load_n(&l->home->room, __ATOMIC_RELAXED) / 2;
}

/* Append the pieces: shared, or copied if too much of the peer's is held. */
static int append_pieces(struct link *l, struct message *m, struct borrowed *b)
{
	bool copy = is_too_much(l, b);
	int code = 0;

	for (unsigned i = 0; i < b->npieces && code == 0; i++) {
		unsigned char *at = l->lender->mapping->base + b->pieces[i].offset;
		uint32_t n = b->pieces[i].length;

		code = copy ? copy_bytes(m, at, n) : pvm__message_share(m, &b->block, at, n);
	}
	return code;
}

/* ---- records ------------------------------------------------------------------------------ */

/* Fill in the body. 0, PvmNoMem, or PvmBadMsg: the record is damaged. */
static int read_body(struct link *l, struct message *m, const struct ring_in *in)
{
	struct borrowed *b;
	bool damaged;
	int code;

	if (in->record.kind == SHARE_INLINE)
		return in->record.length ? copy_bytes(m, in->rest, in->record.length) : 0;
	b = read_pieces(l->lender, in, &damaged);
	if (!b) {
		if (!damaged)
			give_back(l, in->record.ref);
		return damaged ? PvmBadMsg : PvmNoMem;
	}
	hold(l, b);
	code = append_pieces(l, m, b);
	pvm__block_unref(&b->block);
	return code;
}

/* How far the ring is to be read. */
static uint32_t end_of(const struct link *l)
{
	if (pvm__segment_home()->flags & SHARE_LEFT)
		return l->ours->final;
	return __atomic_load_n(&l->theirs->tail, __ATOMIC_ACQUIRE);
}

/* The next record that may be taken in now: 1, 0, or -1 for a fault. */
static int next_record(const struct link *l, struct ring_in *in)
{
	int found = l->incoming ?
		pvm__ring_read(l->incoming, l->ring_size, l->head, end_of(l), in) :
		0;

	return found > 0 && (int32_t)(in->record.mark - l->mark_seen) > 0 ? 0 : found;
}

bool pvm__link_is_barred(const struct link *l)
{
	bool left = pvm__segment_home()->flags & SHARE_LEFT;
	struct ring_in in;

	return l->head == end_of(l) ? left : !next_record(l, &in);
}

bool pvm__link_is_empty(const struct link *l)
{
	struct ring_in in;

	if (l->nheld || !l->incoming)
		return !l->nheld;
	return !pvm__ring_read(l->incoming, l->ring_size, l->head, end_of(l), &in);
}

bool pvm__link_is_exhausted(const struct link *l)
{
	/* The stream is to bring the marks yet, and has another host in between. */
	if (pvm__share_withdrawn)
		return !l->incoming || l->head == end_of(l);
	/* To who has left a route may bring a copy of what was taken out of the ring. */
	if (pvm__link_is_empty(l) && !(pvm__segment_home()->flags & SHARE_LEFT))
		return true;
	return !l->nheld && pvm__link_is_barred(l) && !pvm__above.has_route(l->way.turn);
}

/*
 * The record is taken. The peer waits for room only if more than half of the ring was full, or for
 * bodies that it has lent.
 */
static void advance(struct link *l, uint32_t next)
{
	uint32_t used = end_of(l) - l->head;

	l->head = next;
	__atomic_store_n(&l->ours->head, next, __ATOMIC_RELEASE);
	pvm__segment_home()->received++;
	if (used > l->ring_size / 4)
		offer_room(l);
}

bool pvm__link_list(struct link *l)
{
	struct ring_in in;
	int found = next_record(l, &in);

	if (!found) {
		pvm__way_unlist(&l->way);
		return false;
	}
	/* What is no message is found out when it is to be taken in: at once. */
	l->way.time = found > 0 && in.record.time ? in.record.time : 1;
	pvm__way_list(&l->way);
	return true;
}

bool pvm__link_take(struct way *way)
{
	struct link *l = (struct link *)way;
	struct message *m;
	struct ring_in in;
	int found = next_record(l, &in), code = PvmNoMem;

	if (found <= 0) {
		pvm__way_unlist(way);
		if (found < 0)
			pvm__link_fault(l, "what it has written is no message");
		return false;
	}
	m = pvm__message_new(in.record.enc);
	if (m) {
		m->mode = MESSAGE_READING;
		m->src = way->turn;
		m->dst = pvmmytid;
		m->tag = (int)in.record.tag;
		m->ctx = (int)in.record.ctx;
		m->wid = (int)in.record.wid;
		m->total = in.record.length;
		code = read_body(l, m, &in);
	} else if (in.record.kind == SHARE_REFERENCE) {
		give_back(l, in.record.ref);
	}
	if (code == PvmBadMsg) {
		pvm__message_unref(m);
		pvm__link_fault(l, "a message lies where none can");
		return false;
	}
	pvm__traffic_add(&l->traffic, in.record.length);
	pvm__spread_came(in.record.kind == SHARE_INLINE);
	advance(l, in.next);
	pvm__link_list(l);
	if (code < 0) {
		pvm__message_unref(m);
		pvm__lost_for_memory(way->turn);
		return true;
	}
	pvm__above.complete(m);
	return true;
}

/* ---- what comes before what ---------------------------------------------------------------- */

/* Where what has been put so far ends. It is not believed that a ring holds more than fits. */
static uint32_t barrier_of(const struct link *l)
{
	uint32_t end = end_of(l);

	return end - l->head <= l->ring_size ? end : l->head + l->ring_size;
}

/* Is the message's sender, or all, meant? */
static bool concerns(const struct link *l, int src)
{
	return l->way.turn == src || wire_is_daemon((uint32_t)src) || src == (int)TIDPVMD;
}

bool pvm__links_have(void)
{
	struct ring_in in;

	for (unsigned i = 0; i < pvm__links_end; i++)
		if (pvm__links[i] && next_record(pvm__links[i], &in))
			return true;
	return false;
}

void pvm__links_look(void)
{
	for (unsigned i = 0; i < pvm__links_end; i++) {
		struct link *l = pvm__links[i];

		if (l && l->incoming && l->head != end_of(l) && !l->way.listed)
			pvm__link_list(l);
	}
}

void pvm__links_bar(int src)
{
	for (unsigned i = 0; i < pvm__links_end; i++) {
		struct link *l = pvm__links[i];

		if (l && l->incoming && concerns(l, src))
			l->barrier = barrier_of(l);
	}
}

bool pvm__links_before(int src)
{
	bool any = false;

	for (unsigned i = 0; i < pvm__links_end; i++) {
		struct link *l = pvm__links[i];

		if (l && l->incoming && concerns(l, src) && (int32_t)(l->barrier - l->head) > 0)
			any = pvm__link_list(l) || any;
	}
	return any;
}

void pvm__links_take_before(int src)
{
	while (pvm__links_before(src))
		for (unsigned i = 0; i < pvm__links_end; i++)
			if (pvm__links[i] && pvm__links[i]->way.listed &&
				concerns(pvm__links[i], src))
				pvm__link_take(&pvm__links[i]->way);
}
