/* SPDX-License-Identifier: MIT */
/* What this task says about links: offers, requests, answers, ends. */
#include "transport/link.h"

#include <unistd.h>

enum {
	BYTES_AFTER = 65536, /* sent to a task, after which a link is asked for */
};

/* ---- saying ------------------------------------------------------------------------------ */

/* Write a message, whose reference is taken, to the daemon's stream. False: not possible. */
static bool write_message(struct message *m, int dst, const int *fds)
{
	struct task *t = &pvm__task;
	bool written;

	t->sending++;
	pvm__keep(m, pvm__message_end);
	written = pvm__stream_write(t->daemon, &(struct parcel){ m, dst, fds }, 1);
	pvm__kept(m);
	t->sending--;
	pvm__message_unref(m);
	return written;
}

/* Say something to the daemon, with descriptors if there are some. False: that was not possible. */
static bool say(int what, int peer, int number, const int *fds)
{
	struct message *m = pvm__compose("iii", what, peer, number);

	if (!m)
		return false;
	m->tag = TM_SHARE;
	m->ctx = SYSCTX_TM;
	return write_message(m, (int)TIDPVMD, fds);
}

/* Let a peer that has accepted know that what it writes is read. False: not possible. */
static bool greet(int peer)
{
	struct message *m = pvm__message_new(WIRE_ENC_XDR);

	if (!m)
		return false;
	m->tag = TC_MARK;
	m->ctx = SYSCTX_TC;
	m->wid = 0;
	return write_message(m, peer, NULL);
}

/* Have the daemon know own descriptors. False: that is not possible. */
static bool offer(void)
{
	int fds[2];

	if (pvm__share_offered || !pvm__share_segment())
		return pvm__share_offered;
	fds[0] = pvm__segment_gift();
	fds[1] = pvm__segment_bell();
	if (fds[0] < 0)
		return false;
	pvm__share_offered = say(SHARE_OFFER, 0, 0, fds);
	close(fds[0]);
	return pvm__share_offered;
}

/* ---- refusing ---------------------------------------------------------------------------- */

static struct thread *refuser; /* says a refusal; NULL: nobody */

/* Is a refusal not said yet? It would end what its peer is asked for now. */
static bool is_refusing(void)
{
	return pvm__share_refusals() || refuser;
}

/*
 * Say them. While one waits for room others may come. Each is said once: another one would
 * concern what its peer has asked for after the first.
 */
static void say_refusals(void)
{
	unsigned session = pvm__task.session;
	bool said = true;

	if (refuser)
		return;
	while (said && pvm__share_refusals()) {
		struct refusal first = pvm__share_next_refusal();

		refuser = &pvm__self;
		said = say(SHARE_REFUSE, first.peer, first.why, NULL);
		refuser = NULL;
		if (pvm__task.session != session)
			return;
		if (!said)
			pvm__share_refuse(first.peer, first.why);
	}
}

void pvm__share_left(void)
{
	if (refuser == &pvm__self)
		refuser = NULL;
}

/* ---- asking ------------------------------------------------------------------------------ */

/* Ask for a link with a task. */
static void ask(struct candidate *c)
{
	unsigned session = pvm__task.session;
	int peer = c->peer;
	struct link *l;

	if (pvm__links_full()) {
		c->messages = 0;
		pvm__place_make(c);
		return;
	}
	if (pvm__place_is_kept(peer))
		return;
	pvm__candidate_asks(c);
	/* The peer may have asked while the offer waited for room. */
	if (!offer() || pvm__link_find(peer))
		return;
	l = pvm__link_new(peer);
	if (l && !say(SHARE_LINK, peer, l->slot, NULL) && pvm__task.session == session)
		pvm__link_drop(l);
}

/* May a link be asked for now? */
static bool may_ask(const struct candidate *c)
{
	return !c->never && !is_refusing() && !pvm__task.in_handler && !pvm__task.transport.exact;
}

struct link *pvm__share_link(int peer, uint64_t bytes)
{
	struct link *l;
	struct candidate *c;

	if (!pvm__share_possible(peer))
		return NULL;
	l = pvm__link_find(peer);
	if (l)
		return (l->out == LINK_OPEN || l->out == LINK_STREAMING) && !l->user ? l : NULL;
	c = pvm__candidate(peer);
	c->messages++;
	c->bytes += bytes;
	pvm__traffic_add(&c->traffic, bytes);
	if (may_ask(c) &&
		(c->messages > c->after || (c->bytes >= BYTES_AFTER && c->after <= LINK_AFTER) ||
			pvm__task.option.route == PvmRouteDirect))
		ask(c);
	return NULL;
}

/* ---- what is due ------------------------------------------------------------------------- */

/* Answer a request for a link. */
static void accept_link(struct link *l)
{
	unsigned session = pvm__task.session;
	bool closed = l->out == LINK_CLOSED,
	     said = offer() && say(SHARE_ACCEPT, l->way.turn, l->slot, NULL);

	if (pvm__task.session != session)
		return;
	l->accepted = said;
	if (!said) {
		pvm__share_refuse(l->way.turn, SHARE_NEVER);
		pvm__link_end(l);
	} else if (closed) {
		pvm__link_close(l);
	}
}

/*
 * Say CLOSE or DONE. It counts as said while it waits for room, so that nothing makes it due anew
 * meanwhile.
 */
static void say_end(struct link *l, enum link_end end)
{
	unsigned session = pvm__task.session;
	enum link_end before = l->said;
	bool said;

	l->said = end;
	said = say(end == END_CLOSE ? SHARE_CLOSE : SHARE_DONE, l->way.turn, 0, NULL);
	if (said || pvm__task.session != session)
		return;
	l->said = before;
	if (end == END_CLOSE)
		pvm__link_close(l);
}

/* Say one of the words that are due of a link. */
static void say_word(struct link *l)
{
	unsigned session = pvm__task.session;
	int what = l->due;

	l->due = 0;
	if (what == SHARE_ACCEPT)
		accept_link(l);
	else if (what == SHARE_CLOSE)
		say_end(l, END_CLOSE);
	else if (what == DUE_GREETING && !greet(l->way.turn) && pvm__task.session == session &&
		!l->due)
		l->due = what;
}

/* Say what is due of a link. */
static void say_due(struct link *l)
{
	unsigned session = pvm__task.session;

	l->user = &pvm__self;
	if (l->due)
		say_word(l);
	if (pvm__task.session != session)
		return;
	if (pvm__link_owes_done(l) && pvm__link_is_empty(l)) {
		l->incoming = NULL; /* the peer may use its slot again as soon as it hears that */
		say_end(l, END_DONE);
	}
	if (pvm__task.session == session)
		l->user = NULL;
}

/* Ask on behalf of whom a slot is kept for. */
static void ask_for_kept(void)
{
	int peer = pvm__place_free();

	if (peer && !pvm__link_find(peer) && may_ask(pvm__candidate(peer)))
		ask(pvm__candidate(peer));
}

/* Is something still to be said about it, or to be awaited? */
static bool is_unsettled(const struct link *l)
{
	return l->due || l->heard == END_GONE || pvm__link_owes_done(l) || pvm__link_is_over(l);
}

void pvm__share_settle(void)
{
	if (!pvm__task.daemon || pvm__task.daemon->lost || !pvm__share_take_due())
		return;
	say_refusals();
	for (unsigned i = 0; i < pvm__links_end; i++)
		if (pvm__links[i] && !pvm__links[i]->user)
			say_due(pvm__links[i]);
	pvm__links_reap();
	pvm__share_settled();
	ask_for_kept();
	for (unsigned i = 0; i < pvm__links_end; i++)
		if (pvm__links[i] && is_unsettled(pvm__links[i]))
			pvm__share_due();
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
