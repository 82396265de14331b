/* SPDX-License-Identifier: MIT */
/*
 * When packets are sent again, how many may be under way, and when a host that
 * does not acknowledge is given up.
 *
 * Classic links have 3.4.6's rule, a timer for each packet. Extended ones look
 * at what overtook what: a packet is lost if three sent later have arrived, or
 * one did and a little more than a round trip has passed; when nothing arrives,
 * one timer sends first the last packet (to be told what is missing), then all.
 */
#include "links/links.h"

#include <stdio.h>

/* 3.4.6: first guess of the round trip, limit of a doubled wait, end of patience. */
#define RTT_FIRST 1000000000ll
#define WAIT_MAX 9000000000ll
#define GIVE_UP_TRIES 10u
#define GIVE_UP_NS 180000000000ll
/* The same for a host that was never heard of: it may just be starting, or cut off. */
#define RTT_UNHEARD (250 * NS_PER_MS)
#define WAIT_UNHEARD 1000000000ll
/* A classic packet is not sent again earlier than this: 3.4.6 acknowledges at once. */
#define WAIT_MIN (5 * NS_PER_MS)
/*
 * A packet, or its acknowledgement, that the network keeps so long is not taken for a later one of
 * the same 16 bits: 57344 packets take longer. 3.4.6 has no check that would tell them apart. It
 * takes fewer packets a second anyway, and 1 Gbit/s brings only 30000 full ones.
 */
#define LIFETIME_NS 1000000000ll

/* Extended links. */
#define REORDER 3u           /* packets that may be overtaken by so many less one */
#define REORDER_NS NS_PER_MS /* and for so long at least */
#define PROBE_MIN (3 * NS_PER_MS)
#define TIMEOUT_MIN (30 * NS_PER_MS)
#define TIMEOUT_MAX 1000000000ll
/* Least window after losses, and after nothing was heard, bytes. */
#define WINDOW_FLOOR (160u << 10)
#define WINDOW_TIMEOUT (40u << 10)

void timing_sent(struct host *h, struct packet *p, int64_t now)
{
	p->sent = now;
	if (!h->unanswered)
		h->unanswered = now;
	if (h->extended) {
		if (!h->progress)
			h->progress = now;
		return;
	}
	if (p->tries == 1) {
		if (p->seq % LINK_BLOCK == 0)
			h->used[p->seq / LINK_BLOCK] = now;
		p->wait = 2 * (h->rtt ? h->rtt : h->heard ? RTT_FIRST : RTT_UNHEARD);
		p->wait = p->wait < WAIT_MIN ? WAIT_MIN : p->wait;
	} else if (p->wait < (h->heard ? WAIT_MAX : WAIT_UNHEARD)) {
		p->wait *= 2;
	}
	p->waited += p->wait;
}

int64_t timing_turn(const struct host *h)
{
	int64_t used = h->used[(h->tx_next / LINK_BLOCK + 1) % LINK_BLOCKS];

	return h->tx_next % LINK_BLOCK || !used ? 0 : used + LIFETIME_NS - clock_now();
}

void timing_acked(struct host *h, const struct packet *p, int64_t now)
{
	int64_t sample = now - p->sent;

	if ((int32_t)(p->first - h->acked_order) > 0)
		h->acked_order = p->first;
	if (h->window < h->threshold)
		h->window += p->len + PACKET_COST;
	else
		h->window += (uint64_t)(p->len + PACKET_COST) * (p->len + PACKET_COST) / h->window +
			1;
	if (h->window > h->peer_window && h->peer_window)
		h->window = h->peer_window;
	if (p->tries != 1)
		return;
	if (sample < 1000)
		sample = NS_PER_MS;
	if (sample > WAIT_MAX)
		sample = WAIT_MAX;
	if (!h->rtt)
		h->rtt = h->extended ? sample : RTT_FIRST;
	h->deviation = (3 * h->deviation + (sample > h->rtt ? sample - h->rtt : h->rtt - sample)) /
		4;
	h->rtt = (3 * h->rtt + sample) / 4;
}

void timing_spurious(struct host *h)
{
	h->rtt = 2 * h->rtt + NS_PER_MS;
	if (h->rtt > TIMEOUT_MAX)
		h->rtt = TIMEOUT_MAX;
}

/* Less may be under way: once for what was sent before the last reduction was made. */
static void reduce(struct host *h, const struct packet *p, uint64_t floor)
{
	if ((int32_t)(p->order - h->reduced) <= 0)
		return;
	h->reduced = h->order;
	h->window = h->window * 7 / 10;
	if (h->window < floor)
		h->window = floor;
	h->threshold = h->window;
}

/* How long a packet may be overtaken before it counts as lost. */
static int64_t patience(const struct host *h)
{
	return h->rtt * 5 / 4 > REORDER_NS ? h->rtt * 5 / 4 : REORDER_NS;
}

/* Mark packets that others have overtaken as lost. */
static void find_lost(struct host *h, int64_t now)
{
	for (uint32_t s = h->tx_first; s != h->tx_next; s++) {
		struct packet *p = host_packet(h, s);
		int32_t behind = (int32_t)(h->acked_order - p->order);

		if (p->acked || p->lost || behind <= 0 ||
			(behind < (int32_t)REORDER && now - p->sent < patience(h)))
			continue;
		host_resend(h, p);
		reduce(h, p, WINDOW_FLOOR);
	}
}

void timing_progress(struct host *h, int64_t now)
{
	bool idle = h->tx_first == h->tx_next;

	h->stage = 0;
	h->unanswered = idle ? 0 : now;
	h->progress = idle ? 0 : now;
	if (h->extended && !idle)
		find_lost(h, now);
}

/* Extended: how long to wait for any acknowledgement, by the expiries so far. */
static int64_t timeout(const struct host *h)
{
	int64_t t;

	if (h->stage == 0) {
		t = 2 * h->rtt + NS_PER_MS;
		return t < PROBE_MIN ? PROBE_MIN : t < TIMEOUT_MAX ? t : TIMEOUT_MAX;
	}
	t = h->rtt + 4 * h->deviation;
	if (t < TIMEOUT_MIN)
		t = TIMEOUT_MIN;
	t <<= h->stage < 6 ? h->stage - 1 : 5;
	return t < TIMEOUT_MAX ? t : TIMEOUT_MAX;
}

static void give_up(struct host *h, int64_t now)
{
	char text[80];

	snprintf(text, sizeof text, "no acknowledgement for %lld s",
		(long long)((now - h->unanswered) / 1000000000));
	host_lost(h, SW_HOST_SILENT, text);
}

static void classic_expired(struct host *h, int64_t now)
{
	for (uint32_t s = h->tx_first; s != h->tx_next; s++) {
		struct packet *p = host_packet(h, s);

		if (p->acked || p->lost || p->sent + p->wait > now)
			continue;
		if (p->tries >= GIVE_UP_TRIES && p->waited >= GIVE_UP_NS) {
			give_up(h, now);
			return;
		}
		host_resend(h, p);
	}
	if (h->waiting_count)
		host_touch(h);
}

static void extended_expired(struct host *h, int64_t now)
{
	find_lost(h, now);
	if (!h->progress || h->progress + timeout(h) > now)
		return;
	if (h->stage >= GIVE_UP_TRIES && now - h->unanswered >= GIVE_UP_NS) {
		give_up(h, now);
		return;
	}
	for (uint32_t s = h->tx_next; s != h->tx_first; s--) {
		struct packet *p = host_packet(h, s - 1);

		if (p->acked)
			continue;
		host_resend(h, p);
		if (h->stage == 0)
			break;
		reduce(h, p, WINDOW_TIMEOUT);
	}
	h->stage++;
	h->progress = now;
}

void timing_expired(struct host *h, int64_t now)
{
	if (h->due > now)
		return;
	if (h->extended)
		extended_expired(h, now);
	else
		classic_expired(h, now);
	if (!h->lost)
		timing_set(h);
}

/* The earliest time at which something is to be done for a packet under way. */
static int64_t next_time(const struct host *h)
{
	int64_t due = h->extended && h->progress ? h->progress + timeout(h) : NEVER;
	int64_t turn = h->extended || !h->waiting_count ? 0 : timing_turn(h);

	if (turn > 0)
		due = clock_now() + turn;
	for (uint32_t s = h->tx_first; s != h->tx_next; s++) {
		const struct packet *p = host_packet(h, s);
		int64_t t = NEVER;

		if (p->acked || p->lost)
			continue;
		if (!h->extended)
			t = p->sent + p->wait;
		else if ((int32_t)(h->acked_order - p->order) > 0)
			t = p->sent + patience(h);
		else
			break;
		due = t < due ? t : due;
	}
	return due;
}

void timing_set(struct host *h)
{
	struct net *net = net_of(h->sw);

	h->due = next_time(h);
	if (h->due == NEVER) {
		list_remove(&h->timed);
		return;
	}
	if (!h->timed.next)
		list_append(&net->timed, &h->timed);
	if (h->due < net->timer)
		net->timer = h->due;
}
