/* SPDX-License-Identifier: MIT */
/*
 * Tasks of this host that exchange messages through memory. The switch introduces them: it passes
 * on what they say about it, with their descriptors, each at its place in the stream, and tells
 * who has ended. csrc/wire/share.h has the words.
 */
#define _GNU_SOURCE 1
#include "share.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "routing/routing.h"

/* Say something to a task about a peer; an offer's descriptors go with it. */
static void say(struct conn *to, uint32_t what, uint32_t peer, uint32_t number, struct offer *offer)
{
	char frame[TDFRAGHDR + MSGHDRLEN + SHARE_BODY] = { 0 };
	char *head = frame + TDFRAGHDR, *body = head + MSGHDRLEN;

	if (to->closing || to->out.broken)
		return;
	wire_put32(frame + WIRE_FRAG_DST, to->tid);
	wire_put32(frame + WIRE_FRAG_SRC, TID_DAEMON);
	wire_put32(frame + WIRE_FRAG_LENGTH, MSGHDRLEN + SHARE_BODY);
	frame[WIRE_FRAG_FLAGS] = FFSOM | FFEOM;
	wire_put32(head + WIRE_MSG_ENC, WIRE_ENC_XDR);
	wire_put32(head + WIRE_MSG_TAG, (uint32_t)TC_SHARE);
	wire_put32(head + WIRE_MSG_CTX, SYSCTX_TC);
	wire_put32(body + SHARE_WHAT, what);
	wire_put32(body + SHARE_PEER, peer);
	wire_put32(body + SHARE_NUMBER, number);
	if (offer)
		enclosure_add(&to->out, offer);
	queue_copy(to->sw, &to->out, frame, sizeof frame);
}

/* The daemon's own word to the task that has spoken. */
static void answer(struct conn *c, uint32_t what, uint32_t peer, uint32_t number)
{
	say(c, what, peer, number, NULL);
	conn_hold_asker(c);
}

/* Pass on to the other side of a pair what this side says. */
static void forward(struct pair_side *own, uint32_t what, uint32_t number, struct offer *offer)
{
	struct conn *c = own->conn, *peer = pair_other(own)->conn;

	say(peer, what, c->tid, number, offer);
	conn_hold_back(c, &peer->out);
}

/* Must what one of them says to the other pass the daemon (sw_manager)? */
static bool kept_apart(const struct conn *a, const struct conn *b)
{
	return a->manager == b->tid || a->out.speaker == b->tid || b->manager == a->tid ||
		b->out.speaker == a->tid;
}

/* Tell both sides of a link to close it. */
static void stop(struct pair *p)
{
	p->stopped = true;
	say(p->asker.conn, SHARE_STOP, p->asked.conn->tid, 0, NULL);
	say(p->asked.conn, SHARE_STOP, p->asker.conn->tid, 0, NULL);
}

/* Has a task as many peers, or words with descriptors to read, as it may have? */
static bool occupied(const struct conn *c)
{
	return c->sharing->count >= SHARE_SLOTS || enclosure_count(&c->out) >= SHARE_SLOTS;
}

/* Why a task cannot be linked with a peer that it is not paired with (SHARE_LATER ...); 0: it can. */
static uint32_t objection(const struct conn *c, uint32_t tid)
{
	const struct queue *q = table_find(c->sw, tid);
	const struct conn *peer = q && q->peer ? conn_of(q) : NULL;

	if (table_elsewhere(c->sw, tid) == tid)
		return SHARE_NEVER;
	/* A task that is about to move takes no links with it. */
	if (!peer || peer->closing || q->broken || c->out.detour)
		return SHARE_LATER;
	if (!peer->sharing || kept_apart(c, peer))
		return SHARE_NEVER;
	/* The peer may not know yet that an earlier connection of this tid has ended. */
	return occupied(c) || occupied(peer) || pair_find(peer, c->tid) ? SHARE_LATER : 0;
}

static const char *serve_link(struct conn *c, uint32_t tid, uint32_t slot)
{
	uint32_t why;

	if (!wire_is_task(tid) || tid == c->tid)
		return "link to no other task ignored";
	/* A request that crosses the peer's, which stands for both. */
	if (pair_find(c, tid))
		return NULL;
	why = objection(c, tid);
	if (why) {
		answer(c, SHARE_REFUSE, tid, why);
	} else if (!c->sharing->offer) {
		answer(c, SHARE_OFFER, tid, 0);
	} else {
		pair_begin(c, conn_of(table_find(c->sw, tid)));
		forward(pair_find(c, tid), SHARE_LINK, slot, c->sharing->offer);
	}
	return NULL;
}

static const char *serve_accept(struct conn *c, uint32_t tid, uint32_t slot)
{
	struct pair_side *own = pair_find(c, tid);

	/* Who has asked may have ended meanwhile. */
	if (!own && !table_find(c->sw, tid))
		return NULL;
	if (!own || own != &own->pair->asked || own->pair->linked)
		return "acceptance of a link that was not asked for ignored";
	if (!c->sharing->offer) {
		forward(own, SHARE_REFUSE, SHARE_NEVER, NULL);
		pair_end(own->pair);
		answer(c, SHARE_REFUSE, tid, SHARE_NEVER);
		return NULL;
	}
	pair_link(own->pair);
	forward(own, SHARE_ACCEPT, slot, c->sharing->offer);
	if (kept_apart(c, pair_other(own)->conn))
		stop(own->pair);
	return NULL;
}

static void serve_refuse(struct conn *c, uint32_t tid, uint32_t number)
{
	struct pair_side *own = pair_find(c, tid);

	if (own && (own->pair->linked || own == &own->pair->asked)) {
		forward(own, SHARE_REFUSE, number, NULL);
		pair_end(own->pair);
	}
}

static void serve_close(struct conn *c, uint32_t tid, uint32_t number)
{
	struct pair_side *own = pair_find(c, tid);

	if (own && own->pair->linked && !own->closing) {
		own->closing = true;
		forward(own, SHARE_CLOSE, number, NULL);
	}
}

/* It answers CLOSE, if there was one; the pair ends with the last answer. */
static void serve_done(struct conn *c, uint32_t tid, uint32_t number)
{
	struct pair_side *own = pair_find(c, tid);

	if (own && own->pair->linked) {
		pair_other(own)->closing = false;
		forward(own, SHARE_DONE, number, NULL);
		if (!own->closing)
			pair_end(own->pair);
	}
}

static void serve_offer(struct conn *c)
{
	if (!sharing_offer(c))
		answer(c, SHARE_REFUSE, 0, SHARE_NEVER);
}

const char *share_serve(struct conn *c, const char *body, uint32_t len)
{
	uint32_t what, peer, number;

	if (!c->sharing || len < SHARE_BODY)
		return "malformed or unexpected TM_SHARE ignored";
	what = wire_get32(body + SHARE_WHAT);
	peer = wire_get32(body + SHARE_PEER);
	number = wire_get32(body + SHARE_NUMBER);
	switch (what) {
	case SHARE_LINK: return serve_link(c, peer, number);
	case SHARE_ACCEPT: return serve_accept(c, peer, number);
	case SHARE_OFFER: serve_offer(c); return NULL;
	case SHARE_REFUSE: serve_refuse(c, peer, number); return NULL;
	case SHARE_CLOSE: serve_close(c, peer, number); return NULL;
	case SHARE_DONE: serve_done(c, peer, number); return NULL;
	default: return "unknown kind of TM_SHARE ignored";
	}
}

void share_ended(struct conn *c)
{
	const struct link *pairs = &c->sharing->pairs;

	for (const struct link *l = pairs->next; l != pairs; l = l->next)
		say(pair_other(CONTAINER(l, struct pair_side, place))->conn, SHARE_GONE, c->tid, 0,
			NULL);
}

void share_part(struct conn *c)
{
	const struct link *pairs = &c->sharing->pairs;

	for (const struct link *l = pairs->next; l != pairs; l = l->next) {
		const struct pair_side *own = CONTAINER(l, struct pair_side, place);

		if (own->pair->linked && !own->pair->stopped &&
			kept_apart(c, pair_other(own)->conn))
			stop(own->pair);
	}
	queue_flush_touched(c->sw);
}

/* The home page of a task's segment. Only memory has seals, and reading it never waits. */
static int read_home(int segment, void *home, size_t len)
{
	if (fcntl(segment, F_GET_SEALS) < 0 || pread(segment, home, len, 0) != (ssize_t)len)
		return -EIO;
	return 0;
}

int sw_share_home(struct sw *sw, uint32_t tid, void *home, size_t len)
{
	const struct queue *q;
	const struct conn *c;
	int rc = -ENOENT;

	lock_enter(sw);
	q = table_find(sw, tid);
	c = q && q->peer ? conn_of(q) : NULL;
	if (c && c->sharing && c->sharing->offer)
		rc = read_home(c->sharing->offer->fds[OFFER_SEGMENT], home, len);
	lock_leave(sw);
	return rc;
}
