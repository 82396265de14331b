/* SPDX-License-Identifier: MIT */
/* The table of other hosts, and what all files of their links ask or say about one. */
#include "links/links.h"

#include <stdio.h>
#include <stdlib.h>

/* At most one log event in this time, ns. */
#define LOG_NS (200 * NS_PER_MS)

/* The caller wishes to know when so little is queued for tid. */
struct drain {
	struct link link;
	uint32_t tid;
	uint64_t mark;
};

struct host *host_find(const struct sw *sw, uint32_t tid)
{
	const struct net *net = net_of(sw);

	return net ? net->hosts[HOST_INDEX(tid)] : NULL;
}

static struct host **place(const struct net *net, const struct sockaddr_in *address)
{
	uint32_t at = ntohl(address->sin_addr.s_addr) * 31u + ntohs(address->sin_port);
	struct host *const *first = &net->addresses[at % HOST_PLACES];

	return (struct host **)first;
}

struct host *host_at(const struct net *net, const struct sockaddr_in *address)
{
	struct host *h = *place(net, address);

	while (h && !(h->moves && host_is_at(h, address)))
		h = h->next;
	return h;
}

void host_locate(struct host *h, const struct sockaddr_in *address)
{
	struct net *net = net_of(h->sw);
	struct host **at = place(net, &h->address);

	while (*at && *at != h)
		at = &(*at)->next;
	if (*at)
		*at = h->next;
	if (!address)
		return;
	h->address = *address;
	at = place(net, address);
	h->next = *at;
	*at = h;
}

void host_touch(struct host *h)
{
	if (!h->touched.next)
		list_append(&net_of(h->sw)->touched, &h->touched);
}

void host_log(struct sw *sw, const char *text)
{
	struct net *net = net_of(sw);
	int64_t now = clock_now();
	char more[200];

	if (net->log.last && now - net->log.last < LOG_NS) {
		net->log.left_out++;
		return;
	}
	snprintf(more, sizeof more, net->log.left_out ? "%s (and %u events before it)" : "%s", text,
		(unsigned)net->log.left_out);
	net->log.last = now;
	net->log.left_out = 0;
	events_text(sw, SW_LOG, 0, more);
}

void host_lost(struct host *h, uint32_t reason, const char *text)
{
	struct sw_event *e;

	if (h->lost)
		return;
	h->lost = true;
	e = events_text(h->sw, SW_HOST, 0, text);
	e->dst = h->tid;
	e->reason = reason;
	sw__above.lost(h);
}

void host_resend(struct host *h, struct packet *p)
{
	if (p->lost || p->acked)
		return;
	p->lost = true;
	h->lost_count++;
	h->flying -= p->len + PACKET_COST;
	host_touch(h);
}

void host_state(const struct host *h, struct packet_state *s)
{
	memset(s, 0, sizeof *s);
	s->expected = (uint16_t)h->rx_next;
	s->can_wrap = true;
	s->longest = WIRE_PKT_LARGE;
	s->window = net_of(h->sw)->window;
	s->duplicates = h->duplicates;
	if (!h->ahead_count)
		return;
	for (uint32_t i = 0; i < 32 * WIRE_LINK_WORDS; i++) {
		uint32_t seq = h->rx_next + 1 + i;

		if ((int32_t)(h->ahead_last - seq) < 0)
			break;
		if (i < AHEAD_MAX && h->ahead[seq & (h->ahead_size - 1)]) {
			s->list[i / 32] |= 1u << (31 - i % 32);
			s->count = (uint16_t)(i / 32 + 1);
		}
	}
}

void host_notify_drain(struct host *h, uint32_t tid, uint64_t mark)
{
	struct drain *d = mem_new(sizeof *d);

	d->tid = tid;
	d->mark = mark;
	list_append(&h->drains, &d->link);
	host_check_drains(h);
}

void host_check_drains(struct host *h)
{
	struct link *l, *next;

	for (l = h->drains.next; l != &h->drains; l = next) {
		struct drain *d = CONTAINER(l, struct drain, link);

		next = l->next;
		if (h->load.bytes > d->mark && !h->lost)
			continue;
		events_add(h->sw, SW_DRAINED, 0)->dst = d->tid;
		list_remove(l);
		free(d);
	}
}
