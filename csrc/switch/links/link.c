/* SPDX-License-Identifier: MIT */
/*
 * The sending half of a link: data wait in a queue of fragments, are cut into
 * packets when the window allows, and stay in the flight until they are
 * acknowledged.
 */
#include "links/links.h"

#include <stdlib.h>

/* Packets on their way that 3.4.6 is trusted to take: its socket holds more. */
#define WINDOW_CLASSIC 16u
/* Most sequence numbers on their way on an extended link: the list of the block covers them. */
#define WINDOW_EXTENDED 1024u
/* Data up to this size are copied when they are queued; longer ones hold their receive chunk. */
#define LINK_COPY_MAX 8192u

/* Smallest and largest memory for copies. */
#define TAIL_MIN 4000u
#define TAIL_MAX 65536u
/* An acknowledgement is asked for so many times in a window. */
#define ASKS 4
/* A ring longer than this is given back when it is empty. */
#define RING_KEPT 16u
/* Data that have to wait and are shorter than this hold no receive chunk. */
#define LINK_SETTLE_MAX 32768u

static uint32_t span(const struct host *h)
{
	return h->tx_next - h->tx_first;
}

static void add_fragment(struct host *h, struct fragment f)
{
	if (wire_is_task(f.dst) && (f.dst ^ h->tid) & TIDHOST)
		f.flags |= WIRE_PKT_MOVED;
	if (h->waiting_count == h->waiting_size) {
		uint32_t size = h->waiting_size ? h->waiting_size * 2 : 8;
		struct fragment *ring = mem_new(size * sizeof *ring);

		for (uint32_t i = 0; i < h->waiting_count; i++)
			ring[i] = h->waiting[(h->waiting_head + i) & (h->waiting_size - 1)];
		free(h->waiting);
		h->waiting = ring;
		h->waiting_size = size;
		h->waiting_head = 0;
	}
	h->waiting[(h->waiting_head + h->waiting_count++) & (h->waiting_size - 1)] = f;
	backlog_add(h->sw, &h->load, f.len);
	host_touch(h);
}

static bool refused(struct host *h)
{
	if (h->lost || h->closing)
		h->sw->stats.dropped++;
	return h->lost || h->closing;
}

/* Copy data into the tail; where they are there. */
static uint32_t copy_data(struct host *h, const char *data, uint32_t len)
{
	struct chunk *ck = h->tail;

	if (!ck || ck->room - ck->used < len) {
		uint64_t size = h->load.bytes / 4 + len;

		size = size < TAIL_MIN ? TAIL_MIN : size > TAIL_MAX ? TAIL_MAX : size;
		if (ck)
			chunk_unref(h->sw, ck);
		ck = h->tail = chunk_new(h->sw, (uint32_t)(size < len ? len : size));
	}
	memcpy(ck->data + ck->used, data, len);
	ck->used += len;
	return ck->used - len;
}

void link_push_copy(struct host *h, uint32_t dst, uint32_t src, unsigned flags, const char *data,
	uint32_t len)
{
	uint32_t off;

	if (refused(h))
		return;
	off = copy_data(h, data, len);
	h->tail->refs++;
	add_fragment(h, (struct fragment){ h->tail, off, len, dst, src, (uint8_t)flags });
}

void link_push(struct host *h, uint32_t dst, uint32_t src, unsigned flags, struct chunk *ck,
	uint32_t off, uint32_t len)
{
	if (len <= LINK_COPY_MAX) {
		link_push_copy(h, dst, src, flags, ck->data + off, len);
	} else if (!refused(h)) {
		ck->refs++;
		add_fragment(h, (struct fragment){ ck, off, len, dst, src, (uint8_t)flags });
	}
}

/* Copy data that would keep a whole receive chunk for little. */
static void settle_data(struct host *h, struct chunk **chunk, uint32_t *off, uint32_t len)
{
	struct chunk *ck = *chunk;

	if (!ck || len >= LINK_SETTLE_MAX || ck->room != CHUNK_ROOM)
		return;
	*off = copy_data(h, ck->data + *off, len);
	*chunk = h->tail;
	h->tail->refs++;
	chunk_unref(h->sw, ck);
}

/* The same for what waits for the window; what has been looked at once stays. */
static void settle_waiting(struct host *h)
{
	for (; h->settled < h->waiting_count; h->settled++) {
		struct fragment
			*f = &h->waiting[(h->waiting_head + h->settled) & (h->waiting_size - 1)];

		settle_data(h, &f->chunk, &f->off, f->len);
	}
}

/* May a packet with so many bytes of data go out now? */
static bool window_open(const struct host *h, uint32_t len)
{
	uint64_t limit = h->window < h->peer_window ? h->window : h->peer_window;

	if (!h->extended)
		return span(h) < WINDOW_CLASSIC && timing_turn(h) <= 0;
	return span(h) < WINDOW_EXTENDED && (!h->flying || h->flying + len + PACKET_COST <= limit);
}

/* Data of the next packet out of a fragment of so many bytes: equal pieces, if it takes several. */
static uint32_t piece(const struct host *h, uint32_t len)
{
	uint32_t room = h->mtu - DDFRAGHDR, pieces = (len + room - 1) / room, n;

	if (pieces < 2 || h->offload || !h->extended)
		return len < room ? len : room & ~3u;
	n = ((len + pieces - 1) / pieces + 7) & ~7u;
	return n < room ? n : room & ~3u;
}

static struct packet *new_packet(struct host *h, unsigned flags)
{
	struct packet *p;

	if (span(h) == h->flight_size) {
		uint32_t size = h->flight_size ? h->flight_size * 2 : 8;
		struct packet *ring = mem_new(size * sizeof *ring);

		for (uint32_t s = h->tx_first; s != h->tx_next; s++)
			ring[s & (size - 1)] = *host_packet(h, s);
		free(h->flight);
		h->flight = ring;
		h->flight_size = size;
	}
	p = host_packet(h, h->tx_next);
	memset(p, 0, sizeof *p);
	p->seq = (uint16_t)h->tx_next++;
	p->flags = (uint8_t)flags;
	return p;
}

/* Cut the next packet off the waiting data. */
static struct packet *cut(struct host *h)
{
	struct fragment *f = &h->waiting[h->waiting_head & (h->waiting_size - 1)];
	uint32_t n = piece(h, f->len);
	struct packet *p = new_packet(h, FFDAT | (f->flags & ~(unsigned)FFEOM));

	p->chunk = f->chunk;
	p->off = f->off;
	p->len = n;
	p->dst = f->dst;
	p->src = f->src;
	p->crc = packet_crc(0, f->chunk->data + f->off, n);
	if (n == f->len) {
		p->flags |= f->flags & FFEOM;
		h->waiting_head++;
		h->waiting_count--;
		h->settled -= h->settled > 0;
	} else {
		f->chunk->refs++;
		f->off += n;
		f->len -= n;
		f->flags &= (uint8_t)~FFSOM;
	}
	return p;
}

/* Complete the header but for the check, and count the transmission. */
static void prepare(struct host *h, struct packet *p, int64_t now)
{
	unsigned flags = p->flags;
	uint64_t limit = h->window < h->peer_window ? h->window : h->peer_window;
	uint32_t seq = packet_number(h->tx_first, p->seq), ack;

	h->flying += p->len + PACKET_COST;
	h->unasked += p->len + PACKET_COST;
	if (h->extended && !(flags & FFFIN)) {
		flags |= FFACK;
		if (p->tries || h->unasked >= limit / ASKS) {
			flags |= WIRE_PKT_ASK;
			h->unasked = 0;
		}
	}
	ack = flags & FFACK ? h->rx_next - 1 : 0;
	packet_head(p->head, p->dst, p->src, p->seq, (uint16_t)ack, flags,
		h->plain ? 0 : packet_wraps(seq, ack));
	h->sw->stats.packets++;
	h->sw->stats.retransmitted += p->tries > 0;
	p->tries++;
	p->order = ++h->order;
	if (p->tries == 1)
		p->first = p->order;
	timing_sent(h, p, now);
}

/* The next packet to be sent, a lost one first; NULL: none, or the window is closed. */
static struct packet *next_packet(struct host *h, uint32_t *lost)
{
	for (; h->lost_count && *lost != h->tx_next; (*lost)++) {
		struct packet *p = host_packet(h, *lost);

		if (p->lost &&
			(h->extended && h->flying && h->flying + p->len + PACKET_COST > h->window))
			return NULL;
		if (p->lost) {
			p->lost = false;
			h->lost_count--;
			settle_data(h, &p->chunk, &p->off, p->len);
			return p;
		}
	}
	if (h->closing || !h->waiting_count ||
		!window_open(h, piece(h, h->waiting[h->waiting_head & (h->waiting_size - 1)].len)))
		return NULL;
	return cut(h);
}

bool link_send(struct host *h)
{
	struct packet *list[NET_BATCH];
	uint16_t seqs[NET_BATCH]; /* the ring may move while packets are cut */
	bool sent = false;
	int64_t now = clock_now();
	uint32_t lost = h->tx_first;
	uint32_t n;

	do {
		for (n = 0; n < NET_BATCH; n++) {
			struct packet *p = net_of(h->sw)->blocked ? NULL : next_packet(h, &lost);

			if (!p)
				break;
			seqs[n] = p->seq;
			prepare(h, p, now);
		}
		for (uint32_t i = 0; i < n; i++)
			list[i] = host_packet(h, seqs[i]);
		for (uint32_t left = n ? socket_transmit(h, list, n) : 0; left; left--)
			host_resend(h, list[n - left]);
		sent |= n > 0;
	} while (n == NET_BATCH && !net_of(h->sw)->blocked);
	settle_waiting(h);
	timing_set(h);
	return sent;
}

void link_finish(struct host *h)
{
	uint64_t waiting = 0;
	struct packet *p;

	for (uint32_t i = 0; i < h->waiting_count; i++) {
		struct fragment *f = &h->waiting[(h->waiting_head + i) & (h->waiting_size - 1)];

		waiting += f->len;
		chunk_unref(h->sw, f->chunk);
	}
	h->waiting_count = h->settled = 0;
	backlog_take(h->sw, &h->load, waiting);
	backlog_release(h->sw, &h->load);
	p = new_packet(h, FFFIN);
	p->dst = h->tid;
	p->src = h->sw->own_tid;
	p->lost = true;
	h->lost_count++;
	h->closing = true;
	host_touch(h);
}

/* Give back what an idle link does not need. */
static void settle(struct host *h)
{
	if (span(h) || h->waiting_count)
		return;
	if (h->tail)
		chunk_unref(h->sw, h->tail);
	h->tail = NULL;
	h->waiting_head = 0;
	if (h->waiting_size > RING_KEPT) {
		free(h->waiting);
		h->waiting = NULL;
		h->waiting_size = 0;
	}
	if (h->flight_size > RING_KEPT) {
		free(h->flight);
		h->flight = NULL;
		h->flight_size = 0;
	}
}

/* One packet has arrived; false: that was known. */
static bool acknowledge(struct host *h, struct packet *p, int64_t now)
{
	if (p->acked || !p->tries)
		return false;
	p->acked = true;
	if (p->lost)
		h->lost_count--;
	else
		h->flying -= p->len + PACKET_COST;
	p->lost = false;
	timing_acked(h, p, now);
	if (p->chunk)
		chunk_unref(h->sw, p->chunk);
	p->chunk = NULL;
	h->load.progress = true;
	backlog_take(h->sw, &h->load, p->len);
	return true;
}

/* Acknowledgements have come in: go on. FIN was the last packet, so its end is the link's. */
static void advance(struct host *h, int64_t now)
{
	bool finished = false;

	while (h->tx_first != h->tx_next && host_packet(h, h->tx_first)->acked)
		h->tx_first++;
	for (uint32_t s = h->tx_first; h->closing && s != h->tx_next; s++)
		finished |= host_packet(h, s)->acked && (host_packet(h, s)->flags & FFFIN);
	finished |= h->closing && h->tx_first == h->tx_next;
	timing_progress(h, now);
	settle(h);
	host_check_drains(h);
	host_touch(h);
	if (finished) {
		socket_control(h, FFFIN | FFACK, 0);
		host_lost(h, SW_HOST_CLOSED, "link closed");
	}
}

static bool under_way(const struct host *h, uint32_t seq)
{
	return seq - h->tx_first < span(h);
}

void link_acked_one(struct host *h, uint32_t seq)
{
	int64_t now = clock_now();

	if (!under_way(h, seq))
		return;
	if (acknowledge(h, host_packet(h, seq), now))
		advance(h, now);
}

/* All before `expected`, as far as they have been sent; false: nothing new. */
static bool acknowledge_to(struct host *h, uint32_t expected, int64_t now)
{
	uint32_t n = expected - h->tx_first;

	if (n > span(h))
		return false;
	for (uint32_t s = h->tx_first; s != expected; s++)
		acknowledge(h, host_packet(h, s), now);
	return n > 0;
}

void link_acked_to(struct host *h, uint32_t expected)
{
	int64_t now = clock_now();

	if (acknowledge_to(h, expected, now))
		advance(h, now);
}

void link_acked(struct host *h, const struct packet_state *s)
{
	int64_t now = clock_now();
	uint32_t expected = packet_number(h->tx_first, s->expected);
	bool news = acknowledge_to(h, expected, now);

	if (s->duplicates != h->peer_duplicates)
		timing_spurious(h);
	h->peer_duplicates = s->duplicates;
	for (uint32_t i = 0; i < 32u * s->count; i++) {
		uint32_t seq = expected + 1 + i;

		if (s->list[i / 32] & 1u << (31 - i % 32) && under_way(h, seq))
			news |= acknowledge(h, host_packet(h, seq), now);
	}
	if (news)
		advance(h, now);
}

void link_drop(struct host *h)
{
	for (uint32_t i = 0; i < h->waiting_count; i++)
		chunk_unref(h->sw, h->waiting[(h->waiting_head + i) & (h->waiting_size - 1)].chunk);
	for (uint32_t s = h->tx_first; s != h->tx_next; s++)
		if (host_packet(h, s)->chunk)
			chunk_unref(h->sw, host_packet(h, s)->chunk);
	if (h->tail)
		chunk_unref(h->sw, h->tail);
	h->tail = NULL;
	free(h->waiting);
	free(h->flight);
	h->waiting = NULL;
	h->flight = NULL;
	h->waiting_size = h->waiting_count = h->settled = 0;
	h->flight_size = h->lost_count = 0;
	h->tx_first = h->tx_next;
	h->flying = 0;
	backlog_take(h->sw, &h->load, h->load.bytes);
	backlog_release(h->sw, &h->load);
	list_remove(&h->timed);
	list_remove(&h->touched);
	h->due = NEVER;
	host_check_drains(h);
}
