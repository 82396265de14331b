/* SPDX-License-Identifier: MIT */
/*
 * Opening and closing links: what is said about them to the daemon and by it. What was heard is noted
 * at once, while a stream is parsed, so that want of memory cannot lose it; the answer is said later.
 */
#include "transport/link.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	CANDIDATES = 256,     /* tasks whose messages are counted */
	AFTER = 4,            /* messages, */
	BYTES_AFTER = 65536,  /* or bytes, after which a link is asked for */
	AGAIN_MAX = 1 << 20,  /* messages before one is asked for again */
	REFUSALS = 16,        /* that can wait to be said */
	SETS = 64,            /* of descriptors that have come */
	IDLE_NS = NS_PER_S,   /* a link that was not used for so long makes place for another */
	ARENA = 48 << 20, /* two messages of 16 MiB, and something */
};

/* A task that messages go to, without a link so far. */
struct candidate {
	int peer;
	unsigned messages, after; /* sent; how many before a link is asked for */
	uint64_t bytes;
	bool never;
};
static struct candidate candidates[CANDIDATES];

static bool offered;   /* the daemon has own descriptors */
static bool unwelcome; /* the daemon takes none, or none can be had */
static bool due;       /* something is to be said, or may be reaped */
static struct refusal {
	int peer, why;
} refusals[REFUSALS];
static unsigned nrefusals;

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

/* Bytes of a ring: a power of two. */
static uint32_t ring_bytes(void)
{
	unsigned n = pvm__share_setting("PVM_SHM_RING", SHARE_RING, SHARE_RING_MIN, SHARE_RING);

	while (n & (n - 1))
		n &= n - 1;
	return n;
}

/* ---- saying ------------------------------------------------------------------------------ */

/* Say something to the daemon, with descriptors if there are some. False: that was not possible. */
static bool say(int what, int peer, int number, const int *fds)
{
	struct task *t = &pvm__task;
	struct message *m = pvm__compose("iii", what, peer, number);
	bool said;

	if (!m)
		return false;
	m->tag = TM_SHARE;
	m->ctx = SYSCTX_TM;
	t->sending++;
	said = pvm__stream_write(t->daemon, &(struct parcel){ m, TIDPVMD, fds }, 1);
	t->sending--;
	pvm__message_unref(m);
	return said;
}

/* A bell rang: that was all; rings are looked at in any case. */
static void hear(struct source *source)
{
	(void)source;
}

static struct source bell = { .ready = hear, .edge = true };

/* Have a segment. False: that is not possible. */
static bool have_segment(void)
{
	static uint32_t generation;

	if (pvm__task.segment || unwelcome)
		return !unwelcome;
	unwelcome = true;
	if (pvm__segment_open(++generation, ring_bytes(),
		    pvm__share_setting("PVM_SHM_ARENA", ARENA, 4 * SHARE_BLOCK, SHARE_SIZE)) < 0)
		return false;
	bell.fd = pvm__segment_bell();
	if (pvm__watch(&bell) < 0) {
		pvm__segment_close();
		return false;
	}
	unwelcome = false;
	return true;
}

/* Have the daemon know own descriptors. False: that is not possible. */
static bool offer(void)
{
	int fds[2];

	if (offered || !have_segment())
		return offered;
	fds[0] = pvm__segment_gift();
	fds[1] = pvm__segment_bell();
	if (fds[0] < 0)
		return false;
	offered = say(SHARE_OFFER, 0, 0, fds);
	close(fds[0]);
	return offered;
}

/* ---- asking ------------------------------------------------------------------------------ */

/* Have the link that was idle longest closed, so that there is a free slot some time. */
static void make_place(void)
{
	int64_t before = pvm__now() - IDLE_NS;
	struct link *oldest = NULL;

	for (unsigned i = 0; i < pvm__links_end; i++) {
		struct link *l = pvm__links[i];

		if (!l || l->said_close || l->gone)
			return; /* one is about to go */
		if (l->used < before && (!oldest || l->used < oldest->used))
			oldest = l;
	}
	if (!oldest || oldest->out == LINK_ASKED)
		return;
	oldest->out = LINK_CLOSED;
	oldest->due = SHARE_CLOSE;
	due = true;
}

/* Ask for a link with a task. */
static void ask(struct candidate *c)
{
	struct link *l;

	c->messages = 0;
	c->bytes = 0;
	c->after = c->after < AGAIN_MAX ? c->after * 2 + 64 : c->after;
	if (!offer())
		return;
	l = pvm__link_new(c->peer);
	if (!l) {
		make_place();
		return;
	}
	if (!say(SHARE_LINK, c->peer, l->slot, NULL))
		pvm__link_drop(l);
}

static struct candidate *candidate(int peer)
{
	struct candidate *c = &candidates[(unsigned)peer % CANDIDATES];

	if (c->peer != peer)
		*c = (struct candidate){
			.peer = peer,
			.after = pvm__share_setting("PVM_SHM_AFTER", AFTER, 0, AGAIN_MAX),
		};
	return c;
}

/* Can there be a link with that task? */
static bool is_possible(int peer)
{
	return pvm__task.capabilities & WIRE_EXT_MEMORY && !unwelcome && peer != pvmmytid &&
		wire_is_task((uint32_t)peer) && !((peer ^ pvmmytid) & (int)TIDHOST);
}

struct link *pvm__share_link(int peer, uint64_t bytes)
{
	struct link *l;
	struct candidate *c;

	if (!is_possible(peer))
		return NULL;
	l = pvm__link_find(peer);
	if (l)
		return (l->out == LINK_OPEN || l->out == LINK_STREAMING) && !l->user ? l : NULL;
	c = candidate(peer);
	c->messages++;
	c->bytes += bytes;
	if (!c->never && !pvm__task.in_handler && !pvm__task.transport.exact &&
		(c->messages > c->after || (c->bytes >= BYTES_AFTER && c->after <= AFTER) ||
			pvm__task.option.route == PvmRouteDirect))
		ask(c);
	return NULL;
}

/* ---- descriptors ------------------------------------------------------------------------- */

/* Those that came and belong to what has not been heard yet, oldest first. */
static int came[SETS][2];
static unsigned ncame;

void pvm__share_descriptors(const int *fds, unsigned n)
{
	if (n == 2 && ncame < SETS) {
		came[ncame][0] = fds[0];
		came[ncame++][1] = fds[1];
		return;
	}
	for (unsigned i = 0; i < n; i++)
		close(fds[i]);
}

/* Take the oldest; -1 if there are none. */
static void next_descriptors(int fds[2])
{
	fds[0] = fds[1] = -1;
	if (!ncame)
		return;
	memcpy(fds, came[0], sizeof came[0]);
	memmove(came, came + 1, --ncame * sizeof came[0]);
}

/* ---- hearing ----------------------------------------------------------------------------- */

static void refuse(int peer, int why)
{
	if (nrefusals < REFUSALS)
		refusals[nrefusals++] = (struct refusal){ peer, why };
	due = true;
}

static void close_both(const int fds[2])
{
	for (int i = 0; i < 2; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/* A thread that sleeps on the sockets does not look at the new ring. */
static void tell_reader(void)
{
	const struct thread *reader = pvm__task.engine.reader;

	if (reader && reader != &pvm__self && reader->reading)
		pvm__interrupt_reader();
}

/* SHARE_LINK. */
static void linked(int peer, uint32_t slot, const int fds[2])
{
	struct link *l = pvm__link_find(peer);

	/* Requests have crossed, and the daemon has dropped the own one. */
	if (l && (l->out != LINK_ASKED || l->lender)) {
		close_both(fds);
		return;
	}
	if (fds[0] < 0 || fds[1] < 0 || pvm__task.transport.exact || !pvm__share_wanted() ||
		!have_segment()) {
		close_both(fds);
		refuse(peer, SHARE_NEVER);
		return;
	}
	if (!l)
		l = pvm__link_new(peer);
	if (!l) {
		close_both(fds);
		refuse(peer, SHARE_LATER);
		return;
	}
	if (!pvm__link_attach(l, fds, slot)) {
		pvm__link_drop(l);
		refuse(peer, SHARE_NEVER);
		return;
	}
	l->due = SHARE_ACCEPT;
	due = true;
	tell_reader();
}

/* SHARE_ACCEPT. */
static void accepted(int peer, uint32_t slot, const int fds[2])
{
	struct link *l = pvm__link_find(peer);

	if (!l || l->out != LINK_ASKED || l->lender || fds[0] < 0 || fds[1] < 0) {
		close_both(fds);
		return;
	}
	if (!pvm__link_attach(l, fds, slot)) {
		pvm__link_drop(l);
		refuse(peer, SHARE_NEVER);
		return;
	}
	l->out = LINK_OPEN;
	tell_reader();
}

/* SHARE_REFUSE. */
static void refused(int peer, uint32_t why)
{
	struct link *l = pvm__link_find(peer);

	if (!peer)
		unwelcome = true;
	if (peer && why == SHARE_NEVER)
		candidate(peer)->never = true;
	if (l && l->out == LINK_ASKED)
		pvm__link_drop(l);
}

void pvm__share_heard(const unsigned char *body)
{
	int fds[2], peer = (int)wire_get32(body + SHARE_PEER);
	uint32_t what = wire_get32(body + SHARE_WHAT), number = wire_get32(body + SHARE_NUMBER);
	struct link *l = pvm__link_find(peer);

	if (what == SHARE_LINK || what == SHARE_ACCEPT)
		next_descriptors(fds);
	if (what == SHARE_LINK) {
		linked(peer, number, fds);
		return;
	}
	if (what == SHARE_ACCEPT) {
		accepted(peer, number, fds);
		return;
	}
	if (what == SHARE_OFFER)
		offered = false;
	else if (what == SHARE_REFUSE)
		refused(peer, number);
	if (!l || what < SHARE_CLOSE)
		return;
	l->out = LINK_CLOSED;
	if (what == SHARE_STOP)
		candidate(peer)->never = true;
	if ((what == SHARE_CLOSE || what == SHARE_STOP) && !l->said_close)
		l->due = SHARE_CLOSE;
	l->heard_close = l->heard_close || what == SHARE_CLOSE;
	l->heard_done = l->heard_done || what == SHARE_DONE;
	l->gone = l->gone || what == SHARE_GONE;
	if (l->gone || l->heard_done)
		pvm__link_take_back(l);
	pvm__wake(WAKE_STATE);
	due = true;
}

void pvm__share_mark(int peer, uint32_t number)
{
	struct link *l = pvm__link_find(peer);

	if (!l)
		return;
	l->mark_seen = number;
	__atomic_store_n(&l->ours->mark, number, __ATOMIC_RELEASE);
	if (l->out == LINK_ASKED && l->accepted)
		l->out = LINK_OPEN;
	if (l->theirs && __atomic_load_n(&l->theirs->want, __ATOMIC_RELAXED))
		pvm__link_ring(l);
}

/* ---- what is due ------------------------------------------------------------------------- */

/* Answer a request for a link. */
static void accept_link(struct link *l)
{
	if (!offer() || !say(SHARE_ACCEPT, l->way.turn, l->slot, NULL)) {
		pvm__link_drop(l);
		return;
	}
	l->accepted = true;
	l->user = NULL;
}

/* Say what is due of a link. */
static void say_due(struct link *l)
{
	int what = l->due, peer = l->way.turn;

	l->due = 0;
	l->user = &pvm__self;
	if (what == SHARE_ACCEPT) {
		accept_link(l);
		return;
	}
	if (what == SHARE_CLOSE)
		l->said_close = say(SHARE_CLOSE, peer, 0, NULL);
	if (l->heard_close && !l->said_done && !l->gone && pvm__link_is_empty(l))
		l->said_done = say(SHARE_DONE, peer, 0, NULL);
	l->user = NULL;
}

/* Is something still to be said about it, or to be awaited? */
static bool is_unsettled(const struct link *l)
{
	return l->due || l->gone || (l->heard_close && !l->said_done) ||
		(l->said_done && l->heard_done);
}

void pvm__share_due(void)
{
	due = true;
}

void pvm__share_settle(void)
{
	unsigned n = nrefusals;

	if (!due || !pvm__task.daemon || pvm__task.daemon->lost)
		return;
	due = false;
	nrefusals = 0;
	for (unsigned i = 0; i < n; i++)
		say(SHARE_REFUSE, refusals[i].peer, refusals[i].why, NULL);
	for (unsigned i = 0; i < pvm__links_end; i++)
		if (pvm__links[i] && !pvm__links[i]->user)
			say_due(pvm__links[i]);
	pvm__links_reap();
	for (unsigned i = 0; i < pvm__links_end; i++)
		due = due || (pvm__links[i] && is_unsettled(pvm__links[i]));
}

/* ---- leaving ----------------------------------------------------------------------------- */

void pvm__share_leave(void)
{
	struct share_home *home = pvm__task.segment ? pvm__segment_home() : NULL;

	if (!home || home->flags & SHARE_LEFT)
		return;
	__atomic_store_n(&home->flags, SHARE_LEFT, __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (unsigned i = 0; i < pvm__links_end; i++) {
		struct link *l = pvm__links[i];

		if (l && l->incoming)
			l->ours->final = __atomic_load_n(&l->theirs->tail, __ATOMIC_ACQUIRE);
	}
	__atomic_store_n(&home->flags, SHARE_LEFT | SHARE_FINAL, __ATOMIC_RELEASE);
}

void pvm__share_end(void)
{
	int fds[2];

	while (ncame) {
		next_descriptors(fds);
		close_both(fds);
	}
	while (pvm__links_end)
		pvm__link_drop(pvm__links[pvm__links_end - 1]);
	if (pvm__task.segment)
		pvm__unwatch(&bell);
	pvm__segment_close();
	memset(candidates, 0, sizeof candidates);
	offered = unwelcome = due = false;
	nrefusals = 0;
}
