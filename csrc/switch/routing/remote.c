/* SPDX-License-Identifier: MIT */
/* Between links and tasks: fragments to and from other hosts, messages for daemons, multicast. */
#include "routing/routing.h"

#include <stdlib.h>

/* Multicasts that a host has announced and not finished. */
#define MULTICASTS_MAX 1024u
/* Bytes of events that messages from other hosts have made for the caller. */
#define INBOX_BYTES (64u << 20)
/* With so many, hosts that can be asked to hold back are. */
#define INBOX_PAUSE (128u << 10)
/* Receivers for which a host may have asked us to pause. */
#define STOPS_MAX 65536u

/* Receivers here of a multicast address, for one message. */
struct multicast {
	struct link link;
	uint32_t address, count;
	uint32_t tids[];
};

/* A receiver here that filled up: senders to `key` (it or a multicast address) of a host pause. */
struct pause {
	struct link link;
	uint32_t host, key;
};

/* The same seen by the senders' host, and who waits. */
struct stop {
	struct link link;
	uint32_t key;
	struct link waiters;
	bool notify;   /* the caller wishes to know, as sw_notify_drain says */
	uint64_t mark; /* so many bytes may be queued then */
};

/* Sending. */

/* The other host where a task is, or a daemon's; NULL: unknown, or this one. */
static struct host *host_of(const struct sw *sw, uint32_t tid)
{
	return host_find(sw, wire_is_task(tid) ? table_elsewhere(sw, tid) : tid);
}

/*
 * The host to which goes what `src` sends to a host. 3.4.6 takes what a task sends from its birth host
 * alone, so that relays it. NULL: there is none.
 */
static struct host *way(struct host *to, uint32_t src)
{
	if (!to || to->moves || !wire_is_task(src) || table_local(to->sw, src))
		return to;
	return host_find(to->sw, src);
}

bool remote_is_direct(const struct sw *sw, uint32_t host, uint32_t src)
{
	struct host *h = host_find(sw, host);

	return way(h, src) == h;
}

static struct stop *stop_of(const struct host *h, uint32_t key)
{
	for (struct link *l = h->remote.stops.next; l != &h->remote.stops; l = l->next)
		if (CONTAINER(l, struct stop, link)->key == key)
			return CONTAINER(l, struct stop, link);
	return NULL;
}

/* A task's connection has added to a link: let it wait if that or the receiver is full. */
static void hold(struct conn *c, struct host *h, uint32_t dst)
{
	struct stop *stop;

	if (conn_unbounded(c) || c->place.next)
		return;
	stop = stop_of(h, dst);
	if (stop) {
		conn_wait_among(c, &stop->waiters);
		c->sw->stats.parked++;
	} else if (backlog_full(c->sw, &h->load)) {
		conn_park(c, &h->load);
	}
}

void remote_fragment(struct conn *c, uint32_t host, uint32_t dst, uint32_t off, uint32_t len)
{
	struct host *h = way(host_find(c->sw, host), c->tid);

	if (!h || h->lost) {
		c->sw->stats.dropped++;
		return;
	}
	link_push(h, dst, c->tid, (unsigned char)c->chunk->data[off + WIRE_FRAG_FLAGS], c->chunk,
		off + TDFRAGHDR, len - TDFRAGHDR);
	hold(c, h, dst);
}

void remote_hold(struct conn *c, uint32_t dst)
{
	struct host *h = way(host_of(c->sw, dst), c->tid);

	if (h && !h->lost)
		hold(c, h, dst);
}

bool remote_full(const struct sw *sw, uint32_t dst)
{
	const struct host *h = host_of(sw, dst);

	return h && !h->lost && (stop_of(h, dst) || backlog_full(sw, &h->load));
}

uint64_t remote_queued(const struct sw *sw, uint32_t tid)
{
	const struct host *h = host_of(sw, tid);

	if (!h)
		return 0;
	return stop_of(h, tid) ? UINT64_MAX : h->load.bytes;
}

void remote_notify_drain(struct sw *sw, uint32_t tid, uint64_t mark)
{
	struct host *h = host_of(sw, tid);
	struct stop *stop = h ? stop_of(h, tid) : NULL;

	if (!h || h->lost) {
		events_add(sw, SW_DRAINED, 0)->dst = tid;
	} else if (stop) {
		stop->notify = true;
		stop->mark = mark;
	} else {
		host_notify_drain(h, tid, mark);
	}
}

void remote_message(struct sw *sw, uint32_t dst, uint32_t src, const char *head, const char *body,
	uint32_t len)
{
	struct host *h = host_find(sw, dst);
	char *whole;

	if (!h) {
		sw->stats.dropped++;
		return;
	}
	whole = mem_new(MSGHDRLEN + (size_t)len);
	memcpy(whole, head, MSGHDRLEN);
	if (len)
		memcpy(whole + MSGHDRLEN, body, len);
	link_push_copy(h, dst, src, FFSOM | FFEOM, whole, MSGHDRLEN + len);
	free(whole);
}

void remote_announce(struct sw *sw, uint32_t src, const struct receiver *list, uint32_t count)
{
	uint32_t size = 8 + 4 * count;
	char head[MSGHDRLEN] = { 0 }, *body = mem_new(size);

	wire_put32(head + WIRE_MSG_ENC, WIRE_ENC_XDR);
	wire_put32(head + WIRE_MSG_TAG, (uint32_t)DM_MCA);
	wire_put32(body, src | TIDGID);
	wire_put32(body + 4, count);
	for (uint32_t i = 0; i < count; i++)
		wire_put32(body + 8 + 4 * i, list[i].tid);
	remote_message(sw, list->host, sw->own_tid, head, body, size);
	free(body);
}

bool remote_frame(struct sw *sw, const char *frame, uint32_t len)
{
	uint32_t src = wire_get32(frame + WIRE_FRAG_SRC);
	struct host *h = way(host_of(sw, wire_get32(frame + WIRE_FRAG_DST)), src);

	if (!h)
		return false;
	link_push_copy(h, wire_get32(frame + WIRE_FRAG_DST), src,
		(unsigned char)frame[WIRE_FRAG_FLAGS] & (FFSOM | FFEOM), frame + TDFRAGHDR,
		len - TDFRAGHDR);
	return true;
}

/* Receiving. */

/* Ask the sender's host to hold back what is for `key`. */
static void ask_pause(struct host *h, struct backlog *b, uint32_t key)
{
	struct pause *p;
	char record[8];

	for (struct link *l = b->remotes.next; l != &b->remotes; l = l->next) {
		p = CONTAINER(l, struct pause, link);
		if (p->host == h->tid && p->key == key)
			return;
	}
	p = mem_new(sizeof *p);
	p->host = h->tid;
	p->key = key;
	list_append(&b->remotes, &p->link);
	wire_put32(record, WIRE_CONTROL_PAUSE);
	wire_put32(record + 4, key);
	link_push_copy(h, h->tid, h->sw->own_tid, WIRE_PKT_CONTROL, record, sizeof record);
}

void remote_resume(struct sw *sw, struct backlog *b)
{
	while (!list_empty(&b->remotes)) {
		struct pause *p = CONTAINER(b->remotes.next, struct pause, link);
		struct host *h = host_find(sw, p->host);
		char record[8];

		wire_put32(record, WIRE_CONTROL_RESUME);
		wire_put32(record + 4, p->key);
		if (h && !h->lost)
			link_push_copy(h, h->tid, sw->own_tid, WIRE_PKT_CONTROL, record,
				sizeof record);
		list_remove(&p->link);
		free(p);
	}
}

static void end_stop(struct host *h, struct stop *stop)
{
	while (!list_empty(&stop->waiters))
		conn_ready(CONTAINER(stop->waiters.next, struct conn, place));
	list_remove(&stop->link);
	if (stop->notify)
		host_notify_drain(h, stop->key, stop->mark);
	free(stop);
}

/* Records of a control packet. */
static void obey(struct host *h, const char *data, uint32_t len)
{
	for (; len >= 8; data += 8, len -= 8) {
		uint32_t what = wire_get32(data), key = wire_get32(data + 4);
		struct stop *stop = stop_of(h, key);

		if (what == WIRE_CONTROL_PAUSE && !stop && h->remote.stop_count < STOPS_MAX) {
			stop = mem_new(sizeof *stop);
			stop->key = key;
			stop->notify = false;
			list_init(&stop->waiters);
			list_append(&h->remote.stops, &stop->link);
			h->remote.stop_count++;
		} else if (what == WIRE_CONTROL_RESUME && stop) {
			end_stop(h, stop);
			h->remote.stop_count--;
		}
	}
}

static void added(struct host *h, struct backlog *b, uint32_t key)
{
	if (!h->extended || !backlog_full(h->sw, b))
		return;
	ask_pause(h, b, key);
	backlog_watch(h->sw, b);
}

/* The caller gets an event with so many bytes. */
static void count_event(struct host *h, uint32_t bytes)
{
	struct sw *sw = h->sw;
	uint64_t *sum = &flow_of(sw)->events.filling->remote_bytes;

	*sum += bytes + sizeof(struct sw_event);
	if (h->extended && *sum > INBOX_PAUSE)
		ask_pause(h, &routing_of(sw)->inbox, sw->own_tid);
}

/* Where a task is for which the host has sent something; 0: here, or nowhere. */
static uint32_t onward(const struct host *h, uint32_t tid)
{
	return h->moves ? table_elsewhere(h->sw, tid) : table_moved(h->sw, tid);
}

/*
 * A fragment for a task that has moved on: who has sent it here does not know of that. This happens
 * once to it, since all hosts that know hold what they have before a task moves; if two mean each
 * other, it would never end. Or it is what a task that began here sends to a host of 3.4.6.
 */
static void pass_on(struct host *h, uint32_t host, const struct span *frag, uint32_t tid)
{
	const char *head = frag->chunk->data + frag->off;
	uint32_t src = wire_get32(head + WIRE_FRAG_SRC);
	struct host *to = host_find(h->sw, host);

	if (!to || to->lost || h->remote.passed || !(to->moves || table_local(h->sw, src))) {
		h->sw->stats.dropped++;
		return;
	}
	link_push_copy(to, tid, src,
		(unsigned char)head[WIRE_FRAG_FLAGS] | (to->moves ? WIRE_PKT_PASSED : 0),
		head + TDFRAGHDR, frag->len - TDFRAGHDR);
	added(h, &to->load, tid);
}

static void to_task(struct host *h, struct chunk *ck, uint32_t off, uint32_t len, uint32_t tid)
{
	uint32_t host = onward(h, tid);
	struct queue *q;

	if (host) {
		pass_on(h, host, &(struct span){ ck, off, len }, tid);
		return;
	}
	q = table_receiver(h->sw, tid);
	if (!q)
		return;
	if (q->speaker == wire_get32(ck->data + off + WIRE_FRAG_SRC) &&
		manager_spoke(h->sw, q, ck->data + off, len))
		count_event(h, 0);
	if (len <= FRAGMENT_COPY_MAX)
		queue_copy(h->sw, q, ck->data + off, len);
	else
		queue_ref(h->sw, q, ck, off, len);
	added(h, &q->load, tid);
}

static void end_multicast(struct host *h, struct multicast *m)
{
	list_remove(&m->link);
	free(m);
	h->remote.multicast_count--;
}

/* The announced multicast of this address; NULL: none. */
static struct multicast *multicast_of(const struct host *h, uint32_t address)
{
	for (struct link *l = h->remote.multicasts.next; l != &h->remote.multicasts; l = l->next)
		if (CONTAINER(l, struct multicast, link)->address == address)
			return CONTAINER(l, struct multicast, link);
	return NULL;
}

static void to_receivers(struct host *h, struct chunk *ck, uint32_t off, uint32_t len,
	uint32_t address)
{
	struct multicast *m = multicast_of(h, address);

	if (!m) {
		h->sw->stats.dropped++;
		return;
	}
	for (uint32_t i = 0; i < m->count; i++) {
		uint32_t host = onward(h, m->tids[i]);
		struct queue *q = host ? NULL : table_receiver(h->sw, m->tids[i]);

		if (host)
			pass_on(h, host, &(struct span){ ck, off, len }, m->tids[i]);
		if (!q)
			continue;
		queue_multicast(h->sw, q, m->tids[i], ck, off, len);
		added(h, &q->load, address);
	}
	if (ck->data[off + WIRE_FRAG_FLAGS] & FFEOM)
		end_multicast(h, m);
}

/* DM_MCA: tasks here that get the next message to a multicast address. */
static void add_multicast(struct host *h, const char *body, uint32_t len)
{
	uint32_t count = len >= 8 ? wire_get32(body + 4) : 0,
		 address = len >= 8 ? wire_get32(body) : 0;
	struct multicast *m;

	if (len < 8 || count > (len - 8) / 4 || count > TIDLOCAL || !wire_is_multicast(address)) {
		host_log(h->sw, "malformed multicast list of another host dropped");
		return;
	}
	/* The message of an earlier list with this address was cut off, else that would be gone. */
	m = multicast_of(h, address);
	if (!m && h->remote.multicast_count >= MULTICASTS_MAX)
		m = CONTAINER(h->remote.multicasts.next, struct multicast, link);
	if (m)
		end_multicast(h, m);
	m = mem_new(sizeof *m + count * sizeof *m->tids);
	m->address = address;
	m->count = count;
	for (uint32_t i = 0; i < count; i++)
		m->tids[i] = wire_get32(body + 8 + 4 * i);
	list_append(&h->remote.multicasts, &m->link);
	h->remote.multicast_count++;
}

/* A whole message for this daemon. */
static void to_caller(struct host *h, uint32_t src, const char *head, const char *body,
	uint32_t len, char *owned)
{
	if (wire_is_daemon(src) && wire_get32(head + WIRE_MSG_TAG) == (uint32_t)DM_MCA) {
		add_multicast(h, body, len);
		free(owned);
		return;
	}
	count_event(h, len);
	events_message(h->sw, 0, h->sw->own_tid, src, head, body, len, owned);
}

/* The unfinished message for this daemon ends. */
static void end_message(struct host *h)
{
	struct assembly *in = &h->remote.in;
	uint32_t len;
	char *body = assembly_take(h->sw, in, &len);

	if (in->too_long) {
		host_log(h->sw, "message of another host too long");
		count_event(h, 0);
		events_too_long(h->sw, 0, h->sw->own_tid, in->src, in->head);
	} else {
		to_caller(h, in->src, in->head, body, len, body);
	}
	assembly_drop(h->sw, in);
}

static void to_daemon(struct host *h, const char *packet, uint32_t len, uint32_t src,
	unsigned flags)
{
	struct assembly *in = &h->remote.in;
	const char *data = packet + DDFRAGHDR;

	len -= DDFRAGHDR;
	if (!(flags & FFSOM) != in->open || (in->open && in->src != src)) {
		host_log(h->sw,
			in->open ? "first packet within a message dropped" :
				   "packet outside of a message dropped");
		return;
	}
	if (flags & FFSOM) {
		data += MSGHDRLEN;
		len -= MSGHDRLEN;
		if (flags & FFEOM) {
			to_caller(h, src, packet + DDFRAGHDR, data, len, NULL);
			return;
		}
		assembly_open(h->sw, in, h->sw->own_tid, packet + DDFRAGHDR);
		in->src = src;
		if (mail_too_long(h->sw, in->head, data, len))
			assembly_refuse(h->sw, in);
	}
	assembly_gather(h->sw, in, data, len);
	if (flags & FFEOM)
		end_message(h);
}

/* Does a message for this address become an event? */
static bool reported(const struct sw *sw, uint32_t dst)
{
	const struct queue *q = table_find(sw, dst);

	return dst == sw->own_tid || (q && q->speaker);
}

/* Is the queue of a task here full, for a sender that cannot be asked to pause? */
static bool crowded(const struct sw *sw, uint32_t tid)
{
	const struct queue *q = table_find(sw, tid);

	return q ? backlog_full(sw, &q->load) : table_moved(sw, tid) && remote_full(sw, tid);
}

/*
 * Not to acknowledge holds up all that comes from the host, so what 3.4.6 sends is refused only
 * when the queues have taken all memory that they may.
 */
bool remote_room(const struct host *h, uint32_t dst)
{
	const struct sw *sw = h->sw;
	const struct multicast *m;

	if (flow_of(sw)->events.filling->remote_bytes >= INBOX_BYTES && reported(sw, dst))
		return false;
	if (h->extended || sw->stats.queued_bytes <= sw->cf.queue_total)
		return true;
	m = multicast_of(h, dst);
	for (uint32_t i = 0; m && i < m->count; i++)
		if (crowded(sw, m->tids[i]))
			return false;
	return m || !crowded(sw, dst);
}

void remote_deliver(struct host *h, struct chunk *ck, uint32_t off, uint32_t len)
{
	char *head = ck->data + off;
	uint32_t dst = wire_get32(head + WIRE_PKT_DST), src = wire_get32(head + WIRE_PKT_SRC);
	unsigned flags = (unsigned char)head[WIRE_PKT_FLAGS];

	h->sw->stats.fragments++;
	h->sw->stats.bytes += len;
	h->remote.passed = (flags & WIRE_PKT_PASSED) == WIRE_PKT_PASSED;
	if (flags & WIRE_PKT_CONTROL && h->extended && !h->remote.passed) {
		obey(h, head + DDFRAGHDR, len - DDFRAGHDR);
		return;
	}
	flags &= FFSOM | FFEOM;
	if (dst == h->sw->own_tid) {
		to_daemon(h, head, len, src, flags);
		return;
	}
	wire_put32(head + WIRE_FRAG_LENGTH, len - TDFRAGHDR);
	wire_put32(head + WIRE_FRAG_FLAGS, flags << 24);
	if (wire_is_multicast(dst))
		to_receivers(h, ck, off, len, dst);
	else
		to_task(h, ck, off, len, dst);
}

void remote_drop(struct host *h)
{
	assembly_drop(h->sw, &h->remote.in);
	while (!list_empty(&h->remote.multicasts))
		end_multicast(h, CONTAINER(h->remote.multicasts.next, struct multicast, link));
	while (!list_empty(&h->remote.stops))
		end_stop(h, CONTAINER(h->remote.stops.next, struct stop, link));
	h->remote.stop_count = 0;
}
