/* SPDX-License-Identifier: MIT */
/*
 * The receiving half of a link: whose packet it is, its place in the sequence,
 * what is acknowledged and when.
 */
#include "links/links.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

/* Data that come the other way carry the acknowledgement if they come within this time. */
#define OWED_NS 500000
/* Packets after which it is sent anyway. */
#define OWED_MAX 64u

static void stranger(struct net *net, const struct sockaddr_in *from, const char *what)
{
	char text[100];

	net->sw->stats.packets_dropped++;
	snprintf(text, sizeof text, "%s from %s:%u dropped", what, inet_ntoa(from->sin_addr),
		ntohs(from->sin_port));
	host_log(net->sw, text);
}

/* The numbers of a packet: those nearest to what is expected. */
struct numbers {
	uint32_t seq, ack;
};

static struct numbers numbers_of(const struct host *h, const char *head)
{
	return (struct numbers){ packet_number(h->rx_next, wire_get16(head + WIRE_PKT_SEQ)),
		packet_number(h->tx_first, wire_get16(head + WIRE_PKT_ACK)) };
}

/* Its wraps. One that was late by a whole round of numbers was sealed with others. */
static uint32_t wraps_of(const struct host *h, const char *packet, uint32_t len, struct numbers n)
{
	unsigned flags = (unsigned char)packet[WIRE_PKT_FLAGS];

	if (h->plain || (flags & (FFFIN | FFACK)) == (FFFIN | FFACK))
		return 0;
	if (flags & (FFDAT | FFFIN))
		return packet_wraps(n.seq, flags & FFACK ? n.ack : 0);
	if (len < DDFRAGHDR + WIRE_LINK_BYTES)
		return 0;
	return packet_wraps(0,
		packet_number(h->tx_first, wire_get16(packet + DDFRAGHDR + WIRE_LINK_EXPECTED)));
}

/* Whose packet it is: that of its sender, unless tasks may move, and else that of its address. */
static struct host *owner(struct net *net, uint32_t src, const struct sockaddr_in *from)
{
	struct host *h = wire_is_daemon(src) || wire_is_task(src) ? host_find(net->sw, src) : NULL;

	if (!h || !host_is_at(h, from))
		h = host_at(net, from);
	return h && !h->pending ? h : NULL;
}

/* Is this host meant, by a daemon that may say so? */
static bool addressed(const struct host *h, const char *head)
{
	uint32_t dst = wire_get32(head + WIRE_PKT_DST), src = wire_get32(head + WIRE_PKT_SRC);

	if (wire_is_daemon(dst) && wire_is_daemon(src) && src != h->tid)
		return false;
	if (wire_is_multicast(dst) || HOST_INDEX(dst) == HOST_INDEX(h->sw->own_tid))
		return true;
	return h->moves && head[WIRE_PKT_FLAGS] & WIRE_PKT_MOVED;
}

/* The committed host that sent a packet, and its numbers; NULL: it is to be dropped. */
static struct host *sender(struct net *net, const char *head, uint32_t len,
	const struct sockaddr_in *from, struct numbers *numbers)
{
	struct host *h;
	bool sealed, intact;

	if (len < DDFRAGHDR) {
		stranger(net, from, "short packet");
		return NULL;
	}
	h = owner(net, wire_get32(head + WIRE_PKT_SRC), from);
	if (!h) {
		stranger(net, from, "packet of a stranger");
		return NULL;
	}
	/* Bare headers of 3.4.6 may hold garbage where ours have the check: its last FIN|ACK does. */
	*numbers = numbers_of(h, head);
	intact = packet_intact(head, len, wraps_of(h, head, len, *numbers), &sealed);
	if (h->extended ? !(intact && sealed) : !intact && len > DDFRAGHDR) {
		stranger(net, from, "damaged packet");
		return NULL;
	}
	/* A daemon that had this address and port before was another host. */
	if (!addressed(h, head)) {
		stranger(net, from, "packet for another host");
		return NULL;
	}
	return h->lost ? NULL : h;
}

/* The other daemon is one of ours: change the rules of the link. */
static void extend(struct host *h, const struct packet_state *s)
{
	uint32_t path, longest;

	if (s->longest < WIRE_PKT_LEAST || !s->window)
		return;
	h->peer_window = s->window;
	if (h->extended)
		return;
	path = socket_path_mtu(&h->address);
	longest = s->longest < WIRE_PKT_LARGE ? s->longest : WIRE_PKT_LARGE;
	h->extended = true;
	h->plain = !s->can_wrap;
	h->offload = net_of(h->sw)->offload && path < longest;
	h->mtu = path < longest ? path : longest;
	h->rtt = h->deviation = 0;
	h->progress = h->tx_first != h->tx_next ? clock_now() : 0;
	if (!h->lost)
		timing_set(h);
	h->answer = true;
	host_touch(h);
}

/* A packet that carries no data. */
static void take_news(struct host *h, const char *head, uint32_t len, unsigned flags, uint32_t ack)
{
	struct packet_state s;

	if (packet_get_state(&s, head + DDFRAGHDR, len - DDFRAGHDR)) {
		extend(h, &s);
		if (h->extended) {
			link_acked(h, &s);
			if (h->lost)
				return;
			if ((flags & (FFACK | WIRE_PKT_ASK)) == WIRE_PKT_ASK) {
				h->answer = true;
				host_touch(h);
			}
		}
	}
	if (flags & FFACK)
		link_acked_one(h, ack);
}

/* Keep a packet that came too early. */
static bool keep(struct host *h, const char *packet, uint32_t len, uint32_t seq)
{
	uint32_t distance = seq - h->rx_next, size = h->ahead_size ? h->ahead_size : 64;
	struct chunk *ck;

	if (distance >= AHEAD_MAX || h->ahead_bytes + len > AHEAD_BYTES)
		return false;
	while (size <= distance)
		size *= 2;
	if (size > h->ahead_size) {
		struct chunk **ring = mem_new(size * sizeof *ring);

		memset(ring, 0, size * sizeof *ring);
		for (uint32_t i = 0; i < h->ahead_size; i++) {
			uint32_t s = h->rx_next + i;

			ring[s & (size - 1)] = h->ahead[s & (h->ahead_size - 1)];
		}
		free(h->ahead);
		h->ahead = ring;
		h->ahead_size = size;
	}
	if (h->ahead[seq & (h->ahead_size - 1)])
		return true;
	ck = chunk_new(h->sw, len);
	memcpy(ck->data, packet, len);
	ck->used = len;
	h->ahead[seq & (h->ahead_size - 1)] = ck;
	if (!h->ahead_count++ || (int32_t)(seq - h->ahead_last) > 0)
		h->ahead_last = seq;
	h->ahead_bytes += len;
	return true;
}

/* Deliver what follows without a gap. */
static void deliver_ahead(struct host *h)
{
	while (h->ahead_count) {
		struct chunk **place = &h->ahead[h->rx_next & (h->ahead_size - 1)], *ck = *place;

		if (!ck)
			return;
		sw__above.deliver(h, ck, 0, ck->used);
		*place = NULL;
		h->ahead_count--;
		h->ahead_bytes -= ck->used;
		chunk_unref(h->sw, ck);
		h->rx_next++;
	}
	free(h->ahead);
	h->ahead = NULL;
	h->ahead_size = 0;
}

/* A packet with data: false if it could not be taken, and so is not acknowledged. */
static bool take_data(struct host *h, struct chunk *ck, uint32_t off, uint32_t len, uint32_t seq)
{
	int32_t distance = (int32_t)(seq - h->rx_next);

	h->sw->stats.packets_received++;
	if (distance < 0) {
		h->duplicates++;
		h->ack_now = true;
		return true;
	}
	if (distance > 0) {
		h->ack_now = true;
		return keep(h, ck->data + off, len, seq);
	}
	if (h->ahead_count)
		h->ack_now = true;
	if (!sw__above.room(h, wire_get32(ck->data + off + WIRE_PKT_DST)))
		return false;
	sw__above.deliver(h, ck, off, len);
	h->rx_next++;
	deliver_ahead(h);
	return true;
}

/* It was taken: acknowledge it, at once if the sender waits for each, else before long. */
static void owe(struct host *h, uint32_t seq, unsigned flags, int64_t now)
{
	if (!h->extended) {
		socket_control(h, FFACK, seq);
		/* Its link is extended already: the block that would tell us was lost. */
		if (flags & FFACK)
			socket_control(h, WIRE_PKT_ASK, 0);
		return;
	}
	if (flags & WIRE_PKT_ASK)
		h->ack_now = true;
	h->owed++;
	if (!h->owing.next) {
		h->owed_due = now + OWED_NS;
		list_append(&net_of(h->sw)->owing, &h->owing);
	}
	if (h->ack_now || h->owed >= OWED_MAX)
		host_touch(h);
}

void receive_packet(struct net *net, struct chunk *ck, uint32_t off, uint32_t len,
	const struct sockaddr_in *from, int64_t now)
{
	const char *head = ck->data + off;
	struct numbers n;
	struct host *h = sender(net, head, len, from, &n);
	unsigned flags = h ? (unsigned char)head[WIRE_PKT_FLAGS] : 0;

	if (!h)
		return;
	h->heard = true;
	h->quiet_ms = h->asked_ms = h->probes = 0;
	if ((flags & (FFFIN | FFACK)) == (FFFIN | FFACK)) {
		host_lost(h, SW_HOST_LEFT, "it has left");
		return;
	}
	if ((flags & (FFDAT | FFSOM)) == (FFDAT | FFSOM) && len < DDFRAGHDR + MSGHDRLEN) {
		stranger(net, from, "first packet without a message header");
		return;
	}
	if (!(flags & (FFDAT | FFFIN))) {
		take_news(h, head, len, flags, n.ack);
		return;
	}
	if (flags & FFACK && h->extended)
		link_acked_to(h, n.ack + 1);
	else if (flags & FFACK)
		link_acked_one(h, n.ack);
	if (h->lost)
		return;
	if (!(flags & FFDAT))
		socket_control(h, FFACK, n.seq);
	else if (take_data(h, ck, off, len, n.seq))
		owe(h, n.seq, flags, now);
	else
		net->sw->stats.packets_dropped++;
}

void receive_carried(struct host *h)
{
	if (h->ahead_count)
		return;
	h->owed = 0;
	h->ack_now = false;
	list_remove(&h->owing);
}

void receive_acknowledge(struct host *h, int64_t now)
{
	bool due = h->owed && (h->ack_now || h->owed >= OWED_MAX || h->owed_due <= now);

	if (due || (h->ack_now && h->extended)) {
		socket_control(h, FFACK, h->rx_next - 1);
		h->answer = false;
	} else if (h->answer) {
		socket_control(h, 0, 0);
		h->answer = false;
		return;
	} else {
		return;
	}
	h->owed = 0;
	h->ack_now = false;
	list_remove(&h->owing);
}

void receive_drop(struct host *h)
{
	for (uint32_t i = 0; i < h->ahead_size; i++)
		if (h->ahead[i])
			chunk_unref(h->sw, h->ahead[i]);
	free(h->ahead);
	h->ahead = NULL;
	h->ahead_size = h->ahead_count = h->ahead_bytes = 0;
	list_remove(&h->owing);
	h->owed = 0;
	h->ack_now = h->answer = false;
}
