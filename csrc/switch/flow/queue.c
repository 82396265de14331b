/* SPDX-License-Identifier: MIT */
/* Output queues: references to received bytes, sent with one gathering write. */
#include "flow/flow.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* Spans sent with one call. */
#define GATHER 128
/* Memory for copies grows between these sizes. */
#define TAIL_MIN 4000u
#define TAIL_MAX SETTLE_MAX
/* Queued pieces below this size do not hold their receive chunk while their receiver is slow. */
#define SETTLE_MAX 65536u
/* A longer ring is given back when the queue is empty. */
#define RING_KEPT 64u

static struct span *span_at(const struct queue *q, uint32_t i)
{
	return &q->spans[(q->head + i) & (q->size - 1)];
}

void queues_init(struct sw *sw)
{
	list_init(&flow_of(sw)->touched);
}

void queue_init(struct sw *sw, struct queue *q, const struct peer *peer, uint32_t tid)
{
	memset(q, 0, sizeof *q);
	q->peer = peer;
	q->tid = tid;
	backlog_init(sw, &q->load);
}

void queue_check_mark(struct sw *sw, struct queue *q)
{
	if (q->notify && q->load.bytes <= q->mark) {
		q->notify = false;
		events_add(sw, SW_DRAINED, 0)->dst = q->tid;
	}
}

void queue_disown(struct sw *sw, struct queue *q)
{
	q->mark = UINT64_MAX;
	queue_check_mark(sw, q);
	q->tid = 0;
}

/* Give back what an empty queue does not need. */
static void settle_empty(struct sw *sw, struct queue *q)
{
	if (q->tail) {
		chunk_unref(sw, q->tail);
		q->tail = NULL;
	}
	if (q->size > RING_KEPT) {
		free(q->spans);
		q->spans = NULL;
		q->size = 0;
	}
	q->head = 0;
}

/* Remove n bytes from the head, which were sent or are dropped. */
static void consume(struct sw *sw, struct queue *q, uint64_t n)
{
	uint64_t left = n;

	while (left) {
		struct span *s = span_at(q, 0);

		if (left < s->len) {
			s->off += (uint32_t)left;
			s->len -= (uint32_t)left;
			break;
		}
		left -= s->len;
		chunk_unref(sw, s->chunk);
		q->head++;
		q->count--;
		if (q->settled)
			q->settled--;
	}
	if (!q->count)
		settle_empty(sw, q);
	backlog_take(sw, &q->load, n);
	queue_check_mark(sw, q);
}

void queue_clear(struct sw *sw, struct queue *q)
{
	enclosure_drop(q);
	consume(sw, q, q->load.bytes);
	backlog_release(sw, &q->load);
	list_remove(&q->touched);
	if (q->notify)
		q->mark = 0;
	queue_check_mark(sw, q);
	free(q->spans);
	q->spans = NULL;
	q->size = 0;
}

/* Append a span, whose reference the queue takes over. */
static void append_span(struct queue *q, struct span s)
{
	if (q->count == q->size) {
		uint32_t size = q->size ? q->size * 2 : 8;
		struct span *spans = mem_new(size * sizeof *spans);

		for (uint32_t i = 0; i < q->count; i++)
			spans[i] = *span_at(q, i);
		free(q->spans);
		q->spans = spans;
		q->size = size;
		q->head = 0;
	}
	q->count++;
	*span_at(q, q->count - 1) = s;
}

/* Continue the last span, if these bytes follow it in memory. */
static bool extend_last(struct queue *q, const struct chunk *ck, uint32_t off, uint32_t len)
{
	struct span *last;

	if (!q->count)
		return false;
	last = span_at(q, q->count - 1);
	if (last->chunk != ck || last->off + last->len != off)
		return false;
	last->len += len;
	return true;
}

static void add_bytes(struct sw *sw, struct queue *q, uint64_t n)
{
	backlog_add(sw, &q->load, n);
	if (!q->touched.next)
		list_append(&flow_of(sw)->touched, &q->touched);
}

void queue_ref(struct sw *sw, struct queue *q, struct chunk *ck, uint32_t off, uint32_t len)
{
	if (!extend_last(q, ck, off, len)) {
		ck->refs++;
		append_span(q, (struct span){ ck, off, len });
	}
	add_bytes(sw, q, len);
}

/* Begin a new chunk for copies, with room for n bytes if that is no more than TAIL_MAX. */
static void renew_tail(struct sw *sw, struct queue *q, size_t n)
{
	uint64_t size = q->load.bytes / 4 + n;

	if (q->tail)
		chunk_unref(sw, q->tail);
	size = size < TAIL_MIN ? TAIL_MIN : size > TAIL_MAX ? TAIL_MAX : size;
	q->tail = chunk_new(sw, (uint32_t)size);
}

static uint32_t tail_room(const struct queue *q)
{
	return q->tail ? q->tail->room - q->tail->used : 0;
}

/* Copy bytes behind the last span; byte counts are the caller's business. */
static void append_copy(struct sw *sw, struct queue *q, const char *data, size_t len)
{
	while (len) {
		uint32_t n, off;

		if (!tail_room(q))
			renew_tail(sw, q, len);
		n = len < tail_room(q) ? (uint32_t)len : tail_room(q);
		off = q->tail->used;
		memcpy(q->tail->data + off, data, n);
		q->tail->used += n;
		if (!extend_last(q, q->tail, off, n)) {
			q->tail->refs++;
			append_span(q, (struct span){ q->tail, off, n });
		}
		data += n;
		len -= n;
	}
}

void queue_copy(struct sw *sw, struct queue *q, const char *data, size_t len)
{
	append_copy(sw, q, data, len);
	add_bytes(sw, q, len);
}

/*
 * Copy small spans, so that a slow receiver does not keep receive chunks for a
 * few bytes each. Works in place: a span becomes at most one.
 */
static void settle(struct sw *sw, struct queue *q)
{
	uint32_t end = q->count, i = q->settled;
	uint32_t first = q->head + i;

	if (i >= end)
		return;
	q->count = i;
	for (; i < end; i++, first++) {
		struct span s = q->spans[first & (q->size - 1)];

		if (s.len >= SETTLE_MAX || s.chunk->room != CHUNK_ROOM) {
			append_span(q, s);
		} else {
			if (tail_room(q) < s.len)
				renew_tail(sw, q, s.len);
			append_copy(sw, q, s.chunk->data + s.off, s.len);
			chunk_unref(sw, s.chunk);
		}
	}
	q->settled = q->count;
}

void queue_multicast(struct sw *sw, struct queue *q, uint32_t dst, struct chunk *ck, uint32_t off,
	uint32_t len)
{
	char *frag = ck->data + off;
	uint32_t own = len <= FRAGMENT_COPY_MAX ? len : TDFRAGHDR;

	wire_put32(frag + WIRE_FRAG_DST, dst);
	queue_copy(sw, q, frag, own);
	if (own < len)
		queue_ref(sw, q, ck, off + own, len - own);
}

uint64_t queue_bytes(const struct queue *q)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < q->count; i++)
		n += span_at(q, i)->len;
	return n;
}

void queue_look(const struct queue *q, char *to, uint32_t len)
{
	for (uint32_t i = 0, n; len; i++, to += n, len -= n) {
		const struct span *s = span_at(q, i);

		n = len < s->len ? len : s->len;
		memcpy(to, s->chunk->data + s->off, n);
	}
}

bool queue_take(struct sw *sw, struct queue *q, struct span *frame)
{
	char head[TDFRAGHDR];

	if (!q->count)
		return false;
	queue_look(q, head, sizeof head);
	*frame = *span_at(q, 0);
	frame->chunk->refs++;
	if (frame->len < TDFRAGHDR + wire_get32(head + WIRE_FRAG_LENGTH)) {
		chunk_unref(sw, frame->chunk);
		frame->len = TDFRAGHDR + wire_get32(head + WIRE_FRAG_LENGTH);
		frame->chunk = chunk_new(sw, frame->len);
		frame->chunk->used = frame->len;
		frame->off = 0;
		queue_look(q, frame->chunk->data, frame->len);
	}
	frame->len = TDFRAGHDR + wire_get32(head + WIRE_FRAG_LENGTH);
	consume(sw, q, frame->len);
	return true;
}

void queue_move(struct sw *sw, struct queue *from, struct queue *to)
{
	for (uint32_t i = 0; i < from->count; i++) {
		struct span s = *span_at(from, i);

		queue_ref(sw, to, s.chunk, s.off, s.len);
	}
	if (from->notify) {
		to->notify = true;
		to->mark = from->mark;
		from->notify = false;
	}
	if (from->load.bound > to->load.bound)
		to->load.bound = from->load.bound;
	queue_clear(sw, from);
}

/* Ask to be told when the socket takes more, or not any more. */
static void watch_output(struct sw *sw, struct queue *q, bool on)
{
	struct epoll_event ev = {
		.events = EPOLLIN | EPOLLRDHUP | EPOLLET | (on ? EPOLLOUT : 0u),
		.data.u64 = q->peer->id,
	};

	epoll_ctl(sw->epoll_fd, EPOLL_CTL_MOD, q->peer->fd, &ev);
	q->watched = on;
}

/* The head of the queue as the system wants it; returns its length in bytes. */
static uint64_t gather(const struct queue *q, struct iovec *iov, struct msghdr *msg)
{
	uint64_t sum = 0;
	uint32_t n = q->count < GATHER ? q->count : GATHER;

	for (uint32_t i = 0; i < n; i++) {
		struct span *s = span_at(q, i);

		iov[i].iov_base = s->chunk->data + s->off;
		iov[i].iov_len = s->len;
		sum += s->len;
	}
	msg->msg_iov = iov;
	msg->msg_iovlen = n;
	return sum;
}

/* Send until all is sent, the socket is full (false) or the peer is gone. */
static bool send_all(struct sw *sw, struct queue *q)
{
	struct iovec iov[GATHER];
	struct msghdr msg = { 0 };

	while (q->count) {
		uint64_t sum = gather(q, iov, &msg);
		ssize_t n;

		if (q->enclosures) {
			sum = enclosure_cut(q, &msg);
			n = enclosure_send(q, &msg);
		} else if (msg.msg_iovlen == 1)
			n = send(q->peer->fd, iov->iov_base, iov->iov_len,
				MSG_NOSIGNAL | MSG_DONTWAIT);
		else
			n = sendmsg(q->peer->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0) {
			q->load.progress = true;
			consume(sw, q, (uint64_t)n);
			if ((uint64_t)n < sum)
				return false;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			return false;
		} else if (errno != EINTR) {
			q->broken = true;
			enclosure_drop(q);
			consume(sw, q, q->load.bytes);
		}
	}
	return true;
}

bool queue_flush(struct sw *sw, struct queue *q)
{
	list_remove(&q->touched);
	if (!q->peer || q->blocked) {
		settle(sw, q);
		return false;
	}
	if (send_all(sw, q))
		return true;
	q->blocked = true;
	settle(sw, q);
	if (!q->watched)
		watch_output(sw, q, true);
	return false;
}

bool queue_writable(struct sw *sw, struct queue *q)
{
	if (q->blocked) {
		q->blocked = false;
		return queue_flush(sw, q);
	}
	if (q->watched)
		watch_output(sw, q, false);
	return true;
}

void queue_flush_touched(struct sw *sw)
{
	struct link *touched = &flow_of(sw)->touched;

	while (!list_empty(touched))
		queue_flush(sw, CONTAINER(touched->next, struct queue, touched));
}
