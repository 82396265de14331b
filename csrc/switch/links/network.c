/* SPDX-License-Identifier: MIT */
/* The network: the socket, the table of hosts, and what is done in each pass of the loop. */
#include "links/links.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

/* Period in which silent hosts are looked for; while one is silent for long. */
#define TICK_MS 250
#define TICK_HURRY_MS 100
/* Window of an extended link at first, bytes. */
#define LINK_WINDOW_FIRST (512u << 10)
/*
 * A silent host is asked after this part of its limit, and again, then more often: on a bad
 * network most questions and answers may get lost. Least number of questions.
 */
#define FIRST_PROBES 5
#define MORE_PROBES 25
#define PROBES 4

void net_flush(struct sw *sw)
{
	struct net *net = net_of(sw);
	int64_t now;

	if (!net || list_empty(&net->touched) || net->blocked)
		return;
	now = clock_now();
	while (!list_empty(&net->touched) && !net->blocked) {
		struct host *h = CONTAINER(net->touched.next, struct host, touched);

		list_remove(&h->touched);
		if (h->lost)
			continue;
		if (link_send(h) && h->extended)
			receive_carried(h);
		receive_acknowledge(h, now);
	}
}

/* Run the timers that are due. */
static void serve_timers(struct net *net, int64_t now)
{
	struct link *l, *next;
	int64_t due = NEVER;

	for (l = net->timed.next; l != &net->timed; l = next) {
		struct host *h = CONTAINER(l, struct host, timed);

		next = l->next;
		timing_expired(h, now);
		due = h->due < due ? h->due : due;
	}
	net->timer = due;
}

/*
 * Look whether a host has been silent for too long, or ask it to say something. True: it is to
 * be looked after again soon.
 */
static bool look_after(struct host *h, uint32_t elapsed_ms)
{
	bool hurry;
	char text[60];

	if (!h->silence_ms || !h->extended || h->pending || h->lost)
		return false;
	h->quiet_ms += elapsed_ms;
	if (h->quiet_ms >= h->silence_ms && h->probes >= PROBES) {
		snprintf(text, sizeof text, "nothing heard for %.1f s", h->quiet_ms / 1000.0);
		host_lost(h, SW_HOST_SILENT, text);
		return false;
	}
	hurry = h->quiet_ms >= h->silence_ms / FIRST_PROBES * 2;
	if (h->quiet_ms >= h->asked_ms + h->silence_ms / (hurry ? MORE_PROBES : FIRST_PROBES)) {
		h->asked_ms = h->quiet_ms;
		h->probes++;
		socket_control(h, WIRE_PKT_ASK, 0);
	}
	return hurry;
}

/*
 * Time in which this process itself did not run counts little: what the hosts
 * sent meanwhile has been read before.
 */
static void tick(struct net *net, int64_t now)
{
	int64_t elapsed = (now - net->silence.last) / NS_PER_MS;
	bool hurry = false;

	if (elapsed > 2 * TICK_MS)
		elapsed = 2 * TICK_MS;
	for (uint32_t i = 1; i < HOSTS_MAX; i++)
		if (net->hosts[i])
			hurry |= look_after(net->hosts[i], (uint32_t)elapsed);
	net->silence.last = now;
	net->silence.next = now + (hurry ? TICK_HURRY_MS : TICK_MS) * NS_PER_MS;
}

void net_serve(struct sw *sw)
{
	struct net *net = net_of(sw);
	int64_t now;

	if (!net)
		return;
	if (net->readable)
		socket_receive(net);
	now = clock_now();
	if (net->timer <= now)
		serve_timers(net, now);
	while (!list_empty(&net->owing)) {
		struct host *h = CONTAINER(net->owing.next, struct host, owing);

		if (h->owed_due > now)
			break;
		list_remove(&h->owing);
		host_touch(h);
	}
	if (net->silence.hosts && net->silence.next <= now && !net->readable)
		tick(net, now);
	if (net->faults)
		fault_serve(net, now);
}

int64_t net_due(const struct sw *sw)
{
	const struct net *net = net_of(sw);
	int64_t due;

	if (!net)
		return NEVER;
	if (net->readable)
		return 0;
	due = net->timer;
	if (!list_empty(&net->owing)) {
		int64_t t = CONTAINER(net->owing.next, struct host, owing)->owed_due;

		due = t < due ? t : due;
	}
	if (net->silence.hosts && net->silence.next < due)
		due = net->silence.next;
	if (net->faults && fault_due(net->faults) < due)
		due = fault_due(net->faults);
	return due;
}

void net_ready(struct sw *sw, uint32_t events)
{
	if (events & ~(uint32_t)EPOLLOUT)
		net_of(sw)->readable = true;
	if (events & EPOLLOUT && net_of(sw)->blocked)
		socket_watch(net_of(sw), false);
}

static void set_silence(struct net *net, struct host *h, uint32_t silence_ms)
{
	int64_t now = clock_now();

	if (!net->silence.hosts) {
		net->silence.last = now;
		net->silence.next = now + TICK_MS * NS_PER_MS;
	}
	net->silence.hosts += !!silence_ms;
	net->silence.hosts -= !!h->silence_ms;
	h->silence_ms = silence_ms;
}

static struct host *new_host(struct sw *sw, uint32_t tid)
{
	struct host *h = mem_new(sizeof *h);

	memset(h, 0, sizeof *h);
	h->sw = sw;
	h->tid = tid;
	h->tx_first = h->tx_next = h->rx_next = 1;
	h->window = LINK_WINDOW_FIRST;
	h->threshold = UINT64_MAX;
	h->due = NEVER;
	backlog_init(sw, &h->load);
	list_init(&h->remote.multicasts);
	list_init(&h->remote.stops);
	list_init(&h->drains);
	net_of(sw)->hosts[HOST_INDEX(tid)] = h;
	return h;
}

/* Take a host out of the table. */
static void end_host(struct host *h)
{
	struct net *net = net_of(h->sw);

	h->lost = true;
	sw__above.lost(h);
	set_silence(net, h, 0);
	host_locate(h, NULL);
	net->hosts[HOST_INDEX(h->tid)] = NULL;
	free(h);
}

int sw_network(struct sw *sw, int fd, uint32_t mtu)
{
	struct net *net;
	int rc;

	if (mtu < WIRE_PKT_LEAST)
		return -EINVAL;
	lock_enter(sw);
	if (net_of(sw)) {
		lock_leave(sw);
		return -EEXIST;
	}
	net = mem_new(sizeof *net);
	memset(net, 0, sizeof *net);
	net->sw = sw;
	net->fd = fd;
	net->mtu = mtu;
	net->timer = NEVER;
	list_init(&net->touched);
	list_init(&net->timed);
	list_init(&net->owing);
	rc = socket_open(net);
	if (rc) {
		free(net);
	} else {
		net->faults = fault_new();
		links_of(sw)->net = net;
	}
	lock_leave(sw);
	return rc;
}

void net_free(struct sw *sw)
{
	struct net *net = net_of(sw);

	if (!net)
		return;
	for (uint32_t i = 0; i < HOSTS_MAX; i++)
		if (net->hosts[i])
			end_host(net->hosts[i]);
	if (net->faults)
		fault_free(net);
	socket_close(net);
	links_of(sw)->net = NULL;
	free(net);
}

int sw_host(struct sw *sw, const struct sw_host *host)
{
	struct host *h;
	int rc = 0;

	lock_enter(sw);
	if (!net_of(sw) || !wire_is_daemon(host->tid) || !HOST_INDEX(host->tid) ||
		HOST_INDEX(host->tid) == HOST_INDEX(sw->own_tid) || host->mtu < WIRE_PKT_LEAST ||
		host->port > UINT16_MAX) {
		rc = -EINVAL;
	} else {
		h = host_find(sw, host->tid);
		if (!h)
			h = new_host(sw, host->tid);
		host_locate(h,
			&(struct sockaddr_in){ .sin_family = AF_INET,
				.sin_addr = { htonl(host->address) },
				.sin_port = htons((uint16_t)host->port) });
		h->moves = host->flags & SW_HOST_MOVES;
		h->pending = host->flags & SW_HOST_PENDING;
		if (!h->extended)
			h->mtu = host->mtu < net_of(sw)->mtu ? host->mtu : net_of(sw)->mtu;
		h->quiet_ms = h->asked_ms = h->probes = 0;
		set_silence(net_of(sw), h, host->silence_ms);
	}
	lock_leave(sw);
	return rc;
}

int sw_host_close(struct sw *sw, uint32_t tid)
{
	struct host *h;

	lock_enter(sw);
	h = host_find(sw, tid);
	if (h && !h->lost && !h->closing) {
		link_finish(h);
		net_flush(sw);
	}
	lock_leave(sw);
	return h ? 0 : -ENOENT;
}

int sw_host_forget(struct sw *sw, uint32_t tid, int farewell)
{
	struct host *h;

	lock_enter(sw);
	h = host_find(sw, tid);
	if (h && farewell)
		socket_control(h, FFFIN | FFACK, 0);
	if (h)
		end_host(h);
	conn_bury(sw);
	lock_leave(sw);
	return h ? 0 : -ENOENT;
}
