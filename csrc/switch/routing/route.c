/* SPDX-License-Identifier: MIT */
/* Where fragments go: to tasks of this host and of others, multicast, what the daemon sends. */
#include "routing/routing.h"

#include <errno.h>
#include <stdlib.h>

static void to_task(struct conn *c, uint32_t tid, uint32_t off, uint32_t len)
{
	char *frag = c->chunk->data + off;
	struct queue *q;

	if ((tid == c->manager || c->in.open) && manager_asked(c, tid, frag)) {
		inbox_fragment(c, frag, len);
		return;
	}
	if (wire_is_task(tid) && !table_local(c->sw, tid)) {
		remote_fragment(c, tid, tid, off, len);
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

/* One copy for each receiver that TM_MCA announced: a header of its own, the body shared. */
static void to_receivers(struct conn *c, uint32_t off, uint32_t len)
{
	for (uint32_t i = 0; i < c->receiver_count; i++) {
		struct queue *q;

		if (wire_is_daemon(c->receivers[i])) {
			remote_fragment(c, c->receivers[i], c->tid | TIDGID, off, len);
			continue;
		}
		q = table_receiver(c->sw, c->receivers[i]);
		if (!q)
			continue;
		queue_multicast(c->sw, q, c->receivers[i], c->chunk, off, len);
		conn_hold_back(c, q);
	}
	if (c->chunk->data[off + WIRE_FRAG_FLAGS] & FFEOM) {
		free(c->receivers);
		c->receivers = NULL;
		c->receiver_count = 0;
	}
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
