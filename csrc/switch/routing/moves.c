/* SPDX-License-Identifier: MIT */
/* Tasks that move: what is held for them, and where it goes in the end. */
#include "routing/routing.h"

#include <errno.h>

/* The host to which a task can have moved; NULL: unknown, or it does not know that tasks move. */
static struct host *goal(const struct sw *sw, uint32_t tid, uint32_t host)
{
	struct host *h = wire_is_task(tid) && wire_is_daemon(host) ? host_find(sw, host) : NULL;

	return h && h->moves ? h : NULL;
}

/* Send a frame that was held to another host. */
static void send_on(struct host *h, const struct span *frame)
{
	const char *head = frame->chunk->data + frame->off;

	link_push_copy(h, wire_get32(head + WIRE_FRAG_DST), wire_get32(head + WIRE_FRAG_SRC),
		(unsigned char)head[WIRE_FRAG_FLAGS], head + TDFRAGHDR, frame->len - TDFRAGHDR);
}

/* Send what was queued by one of the functions below. */
static void flush(struct sw *sw)
{
	queue_flush_touched(sw);
	net_flush(sw);
	conn_bury(sw);
}

int sw_task_hold(struct sw *sw, uint32_t tid)
{
	const struct queue *q;
	struct moved *m;
	int rc = 0;

	lock_enter(sw);
	m = moved_find(sw, tid);
	q = table_find(sw, tid);
	if (!wire_is_task(tid)) {
		rc = -EINVAL;
	} else if (!m && table_local(sw, tid) && (!q || !q->peer)) {
		rc = -ENOENT;
	} else {
		if (!m || !moved_held(m)) {
			m = table_hold(sw, tid);
			m->awaited = conn_await(sw, tid);
			if (m->source)
				conn_unpark(conn_of(m->source));
		}
		moved_check(sw, m);
	}
	lock_leave(sw);
	return rc;
}

int sw_task_await(struct sw *sw, uint32_t tid)
{
	const struct moved *m;
	int rc = 0;

	lock_enter(sw);
	m = moved_find(sw, tid);
	if (!wire_is_task(tid))
		rc = -EINVAL;
	else if (m ? !!m->queue : !!table_find(sw, tid))
		rc = -EEXIST;
	if (!rc) {
		table_hold(sw, tid);
		table_use(sw, tid);
	}
	lock_leave(sw);
	return rc;
}

uint64_t sw_task_held(struct sw *sw, uint32_t tid, char *to, uint64_t room)
{
	const struct moved *m;
	uint64_t n = 0;

	lock_enter(sw);
	m = moved_find(sw, tid);
	if (m && moved_held(m))
		n = queue_bytes(m->queue);
	if (n && n <= room)
		queue_look(m->queue, to, (uint32_t)n);
	lock_leave(sw);
	return n;
}

int sw_task_adopt(struct sw *sw, int fd, uint32_t tid, unsigned flags, uint64_t *id)
{
	struct moved *m;
	struct conn *c = NULL;
	int rc = 0;

	lock_enter(sw);
	m = moved_find(sw, tid);
	if (!m || !moved_held(m))
		rc = -ENOENT;
	else if (m->source)
		rc = -EEXIST;
	else if (!(c = conn_adopt(sw, fd)))
		rc = -errno;
	if (c) {
		conn_name(c, tid, flags & SW_BIND_SHARES);
		c->child = flags & SW_BIND_CHILD;
		moved_attach(m, &c->out);
		*id = c->peer.id;
	}
	conn_bury(sw);
	lock_leave(sw);
	return rc;
}

/* The held frames go to the task's connection; what its manager said is reported now. */
static void pass_to_task(struct sw *sw, struct queue *held, struct queue *to)
{
	struct span frame;

	while (to->speaker && queue_take(sw, held, &frame)) {
		char *head = frame.chunk->data + frame.off;

		if (wire_get32(head + WIRE_FRAG_SRC) == to->speaker)
			manager_spoke(sw, to, head, frame.len);
		queue_ref(sw, to, frame.chunk, frame.off, frame.len);
		chunk_unref(sw, frame.chunk);
	}
	queue_move(sw, held, to);
}

int sw_task_thaw(struct sw *sw, uint32_t tid)
{
	struct moved *m;
	bool held;

	lock_enter(sw);
	m = moved_find(sw, tid);
	held = m && moved_held(m) && m->source;
	if (held) {
		pass_to_task(sw, m->queue, m->source);
		table_thaw(sw, m);
		flush(sw);
	}
	lock_leave(sw);
	return held ? 0 : -ENOENT;
}

int sw_task_place(struct sw *sw, uint32_t tid, uint32_t host)
{
	struct span frame;
	struct moved *m;
	struct host *h;
	int rc = 0;

	lock_enter(sw);
	h = goal(sw, tid, host);
	m = moved_find(sw, tid);
	if (!h) {
		rc = -EINVAL;
	} else if (m ? m->queue && !moved_held(m) : !!table_find(sw, tid)) {
		rc = -EBUSY;
	} else {
		while (m && moved_held(m) && queue_take(sw, m->queue, &frame)) {
			send_on(h, &frame);
			chunk_unref(sw, frame.chunk);
		}
		moved_place(sw, m, tid, host);
		table_use(sw, tid);
		flush(sw);
	}
	lock_leave(sw);
	return rc;
}

/* Whose frames go where. */
struct handing {
	uint32_t tid;
	struct host *to;
};

/* Send those on that one task has sent, in their order, and leave the others in theirs. */
static void hand_over(struct sw *sw, struct queue *held, void *arg)
{
	const struct handing *what = arg;
	struct span frame;
	struct queue rest;

	queue_init(sw, &rest, NULL, held->tid);
	while (queue_take(sw, held, &frame)) {
		if (wire_get32(frame.chunk->data + frame.off + WIRE_FRAG_SRC) == what->tid)
			send_on(what->to, &frame);
		else
			queue_ref(sw, &rest, frame.chunk, frame.off, frame.len);
		chunk_unref(sw, frame.chunk);
	}
	queue_move(sw, &rest, held);
}

int sw_task_hand_over(struct sw *sw, uint32_t tid, uint32_t host)
{
	struct handing what = { tid, NULL };

	lock_enter(sw);
	what.to = goal(sw, tid, host);
	if (what.to) {
		moved_each_held(sw, hand_over, &what);
		flush(sw);
	}
	lock_leave(sw);
	return what.to ? 0 : -EINVAL;
}
