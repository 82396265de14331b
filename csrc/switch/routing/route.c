/* SPDX-License-Identifier: MIT */
/* Where fragments go: to tasks of this host and of others, multicast, what the daemon sends. */
#include "routing/routing.h"

#include <errno.h>
#include <stdlib.h>

static void to_task(struct conn *c, uint32_t tid, uint32_t off, uint32_t len)
{
	uint32_t host = table_elsewhere(c->sw, tid);
	char *frag = c->chunk->data + off;
	struct queue *q;

	if ((tid == c->manager || c->in.open) && manager_asked(c, tid, frag)) {
		inbox_fragment(c, frag, len);
		return;
	}
	if (host) {
		remote_fragment(c, host, tid, off, len);
		return;
	}
	q = table_receiver(c->sw, tid);
	if (!q)
		return;
	if (q->speaker == c->tid && manager_spoke(c->sw, q, frag, len))
		budget_charge(c, 0);
	queue_ref(c->sw, q, c->chunk, off, len);
	conn_hold_back(c, q);
}

/* A copy for a receiver that was here, or held, when TM_MCA named it: with a header of its own. */
static void to_receiver(struct conn *c, uint32_t tid, uint32_t off, uint32_t len)
{
	uint32_t host = table_elsewhere(c->sw, tid);
	struct queue *q;

	if (host) {
		remote_fragment(c, host, tid, off, len);
		return;
	}
	q = table_receiver(c->sw, tid);
	if (!q)
		return;
	queue_multicast(c->sw, q, tid, c->chunk, off, len);
	conn_hold_back(c, q);
}

/* One copy for each receiver here and for each other host; the body is shared. */
static void to_receivers(struct conn *c, uint32_t off, uint32_t len)
{
	const struct receivers *all = c->receivers;

	for (uint32_t i = 0; all && i < all->count;) {
		uint32_t host = all->list[i].host;

		if (host)
			remote_fragment(c, host, c->tid | TIDGID, off, len);
		else
			to_receiver(c, all->list[i].tid, off, len);
		i = host ? receivers_end(all, i) : i + 1;
	}
	if (c->chunk->data[off + WIRE_FRAG_FLAGS] & FFEOM)
		receivers_drop(c);
}

void route_fragment(struct conn *c, uint32_t off, uint32_t len)
{
	struct sw *sw = c->sw;
	char *frag = c->chunk->data + off;
	uint32_t dst = wire_get32(frag + WIRE_FRAG_DST);
	unsigned flags = (unsigned char)frag[WIRE_FRAG_FLAGS] & (FFSOM | FFEOM);

	sw->stats.fragments++;
	sw->stats.bytes += len;
	if ((flags & FFSOM) && len < TDFRAGHDR + MSGHDRLEN) {
		budget_log(c, "first fragment without a message header dropped");
		return;
	}
	if (wire_is_daemon(dst) && (dst == TID_DAEMON || dst == sw->own_tid || c->tid)) {
		inbox_fragment(c, frag, len);
		return;
	}
	if (!c->tid) {
		conn_end(c, SW_PROTOCOL, "message for a task before enrolment");
		return;
	}
	c->sent_messages += (flags & FFEOM) != 0;
	c->sent_bytes += len;
	wire_put32(frag + WIRE_FRAG_SRC, c->tid);
	wire_put32(frag + WIRE_FRAG_FLAGS, flags << 24);
	if (dst == (c->tid | TIDGID))
		to_receivers(c, off, len);
	else
		to_task(c, dst, off, len);
}

/* Length of the complete frame at p, of which `left` bytes are there; 0: cut short. */
static size_t frame_length(const char *p, size_t left)
{
	uint32_t body;

	if (left < TDFRAGHDR)
		return 0;
	body = wire_get32(p + WIRE_FRAG_LENGTH);
	return body <= left - TDFRAGHDR ? TDFRAGHDR + (size_t)body : 0;
}

int sw_send(struct sw *sw, const char *frames, size_t len)
{
	size_t n = 0, left;

	lock_enter(sw);
	for (left = len; left && (n = frame_length(frames, left)); left -= n, frames += n) {
		struct queue *q;

		if (remote_frame(sw, frames, (uint32_t)n))
			continue;
		q = table_receiver(sw, wire_get32(frames + WIRE_FRAG_DST));
		if (q)
			queue_copy(sw, q, frames, n);
	}
	queue_flush_touched(sw);
	net_flush(sw);
	conn_bury(sw);
	lock_leave(sw);
	return left ? -EINVAL : 0;
}

int sw_send_conn(struct sw *sw, uint64_t id, const char *frames, size_t len)
{
	struct conn *c;

	lock_enter(sw);
	c = conn_find(sw, id);
	if (c && !c->closing && !c->out.broken) {
		queue_copy(sw, &c->out, frames, len);
		queue_flush_touched(sw);
		conn_bury(sw);
	}
	lock_leave(sw);
	return c ? 0 : -ENOENT;
}

uint64_t sw_queued(struct sw *sw, uint32_t tid)
{
	const struct queue *q;
	uint64_t n;

	lock_enter(sw);
	q = table_find(sw, tid);
	n = q ? q->load.bytes : remote_queued(sw, tid);
	lock_leave(sw);
	return n;
}

int sw_notify_drain(struct sw *sw, uint32_t tid, uint64_t mark)
{
	struct queue *q;

	lock_enter(sw);
	q = table_find(sw, tid);
	if (q) {
		q->notify = true;
		q->mark = mark;
		queue_check_mark(sw, q);
	} else {
		remote_notify_drain(sw, tid, mark);
	}
	lock_leave(sw);
	return 0;
}

int sw_hold(struct sw *sw, uint64_t id, uint32_t tid)
{
	struct conn *c;
	struct queue *q;

	lock_enter(sw);
	c = conn_find(sw, id);
	q = table_find(sw, tid);
	if (c && !c->closing && q && conn_asks_too_much(c, q)) {
		conn_wait(c, q);
	} else if (c && !c->closing && !q && remote_full(sw, tid)) {
		list_remove(&c->place);
		remote_hold(c, tid);
	}
	lock_leave(sw);
	return c ? 0 : -ENOENT;
}

int sw_sent(struct sw *sw, uint32_t tid, uint64_t *messages, uint64_t *bytes)
{
	const struct queue *q;
	int rc = -ENOENT;

	lock_enter(sw);
	q = table_find(sw, tid);
	if (q && q->peer) {
		const struct conn *c = conn_of(q);

		*messages = c->sent_messages;
		*bytes = c->sent_bytes;
		rc = 0;
	}
	lock_leave(sw);
	return rc;
}
