/* SPDX-License-Identifier: MIT */
/* The switch's life and its loop. */
#include "mailbox.h"
#include "network.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* Most that is queued to one task by default, however much memory there is. */
#define QUEUE_HIGH_MAX (256u << 20)
/* Room of the mailbox by default. */
#define MAIL_ROOM (256u << 20)

/* A backlog has room again: connections and senders of other hosts go on. */
static void resume(struct sw *sw, struct backlog *b)
{
	while (!list_empty(&b->waiters))
		conn_ready(CONTAINER(b->waiters.next, struct conn, place));
	remote_resume(sw, b);
}

/* Another host is lost: nothing more goes there, what came from it is incomplete. */
static void lost(struct host *h)
{
	link_drop(h);
	receive_drop(h);
	remote_drop(h);
}

const struct above sw__above = {
	.fragment = route_fragment,
	.resume = resume,
	.packet = receive_packet,
	.room = remote_room,
	.deliver = remote_deliver,
	.lost = lost,
};

static void set_defaults(struct sw_config *cf)
{
	uint64_t ram = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);

	if (!cf->budget)
		cf->budget = 4;
	if (!cf->queue_low)
		cf->queue_low = 1u << 20;
	if (!cf->queue_high)
		cf->queue_high = ram / 32 < QUEUE_HIGH_MAX ? ram / 32 : QUEUE_HIGH_MAX;
	if (cf->queue_high < cf->queue_low)
		cf->queue_high = cf->queue_low;
	if (!cf->queue_total)
		cf->queue_total = ram / 4;
	if (!cf->message_max)
		cf->message_max = 64u << 20;
	if (!cf->mail_room)
		cf->mail_room = MAIL_ROOM;
	if (!cf->standby_us)
		cf->standby_us = 300;
}

static int epoll_add(int epoll_fd, int fd, uint32_t id)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET, .data.u64 = id };

	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev);
}

static int open_descriptors(struct sw *sw)
{
	sw->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	sw->watch_fd = epoll_create1(EPOLL_CLOEXEC);
	sw->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	sw->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	sw->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (sw->epoll_fd < 0 || sw->watch_fd < 0 || sw->wake_fd < 0 || sw->timer_fd < 0)
		return -1;
	if (epoll_add(sw->epoll_fd, sw->listen_fd, ID_LISTEN) ||
		epoll_add(sw->epoll_fd, sw->watch_fd, ID_WATCH) ||
		epoll_add(sw->epoll_fd, sw->wake_fd, ID_WAKE))
		return -1;
	return 0;
}

static void close_descriptors(struct sw *sw)
{
	const int fds[] = { sw->epoll_fd, sw->watch_fd, sw->wake_fd, sw->timer_fd, sw->spare_fd };

	for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

struct sw *sw_new(int listen_fd, uint32_t own_tid, const struct sw_config *cf)
{
	struct sw *sw = calloc(1, sizeof *sw);

	if (!sw)
		return NULL;
	sw->cf = *cf;
	set_defaults(&sw->cf);
	sw->own_tid = own_tid;
	sw->listen_fd = listen_fd;
	sw->filling = &sw->batches[0];
	sw->shown = &sw->batches[1];
	sw->batch = 1;
	list_init(&sw->ready);
	list_init(&sw->held);
	list_init(&sw->dead);
	list_init(&sw->touched);
	list_init(&sw->stalled);
	sw->mail = mem_new(sizeof *sw->mail);
	mailbox_init(sw->mail, sw->cf.mail_room);
	lock_init(sw);
	if (open_descriptors(sw) || standby_start(sw)) {
		int e = errno;

		close_descriptors(sw);
		free(sw->mail);
		free(sw);
		errno = e;
		return NULL;
	}
	return sw;
}

void sw_free(struct sw *sw)
{
	standby_stop(sw);
	for (uint32_t i = 0; i < sw->slots_used; i++)
		if (sw->conns[i])
			conn_end(sw->conns[i], SW_CLOSED, NULL);
	conn_bury(sw);
	table_free(sw);
	net_free(sw);
	events_free(sw);
	mailbox_clear(sw->mail);
	free(sw->mail);
	if (sw->spare)
		chunk_unref(sw, sw->spare);
	chunk_trim(sw);
	free(sw->conns);
	free(sw->generations);
	free(sw->free_slots);
	close_descriptors(sw);
	lock_destroy(sw);
	free(sw);
}

int sw_epoll_fd(struct sw *sw)
{
	return sw->epoll_fd;
}

int sw_watch(struct sw *sw, int fd, int mask)
{
	struct epoll_event ev = {
		.events = (mask & 1 ? EPOLLIN : 0u) | (mask & 2 ? EPOLLOUT : 0u),
		.data.fd = fd,
	};
	int rc;

	if (!mask)
		rc = epoll_ctl(sw->watch_fd, EPOLL_CTL_DEL, fd, NULL);
	else if ((rc = epoll_ctl(sw->watch_fd, EPOLL_CTL_ADD, fd, &ev)) && errno == EEXIST)
		rc = epoll_ctl(sw->watch_fd, EPOLL_CTL_MOD, fd, &ev);
	return rc ? -errno : 0;
}

/* epoll_wait with nanoseconds where the system has it, else rounded up to milliseconds. */
static int wait_ns(int epoll_fd, struct epoll_event *ev, int n, int64_t ns)
{
#ifdef SYS_epoll_pwait2
	struct {
		int64_t sec, nsec;
	} t = { ns / 1000000000, ns % 1000000000 };

	if (ns > 0) {
		int rc = (int)syscall(SYS_epoll_pwait2, epoll_fd, ev, n, &t, NULL, (size_t)0);

		if (rc >= 0 || errno != ENOSYS)
			return rc;
	}
#endif
	if (ns > (int64_t)INT32_MAX * NS_PER_MS)
		ns = (int64_t)INT32_MAX * NS_PER_MS;
	return epoll_wait(epoll_fd, ev, n, ns < 0 ? -1 : (int)((ns + NS_PER_MS - 1) / NS_PER_MS));
}

/* Something happened on a connection. */
static void note_conn(struct conn *c, uint32_t events)
{
	if (c->closing && (events & (EPOLLHUP | EPOLLERR))) {
		conn_end(c, SW_CLOSED, NULL);
		return;
	}
	if (events & EPOLLOUT && queue_writable(c->sw, &c->out) && c->closing)
		conn_end(c, SW_CLOSED, NULL);
	if (c->closing)
		return;
	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		c->hangup = true;
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
		c->readable = true;
		if (!c->place.next)
			conn_ready(c);
	}
}

static void note(struct sw *sw, const struct epoll_event *ev)
{
	struct conn *c;

	switch (ev->data.u64) {
	case ID_LISTEN: sw->accepting = true; break;
	case ID_WATCH: sw->watch_ready = true; break;
	case ID_WAKE: break;
	case ID_NET: net_ready(sw, ev->events); break;
	default:
		c = conn_find(sw, ev->data.u64);
		if (c)
			note_conn(c, ev->events);
	}
}

/* Serve each connection that is ready now once; much input is sent on before the next one. */
static void serve_ready(struct sw *sw, bool helper)
{
	struct link *last = sw->ready.prev;
	uint64_t before = sw->stats.queued_bytes;

	for (int i = 0; i < PASS_MAX && !list_empty(&sw->ready); i++) {
		struct link *l = sw->ready.next;

		conn_serve(CONTAINER(l, struct conn, place));
		if (sw->stats.queued_bytes >= before + READ_ROOM) {
			queue_flush_touched(sw);
			before = sw->stats.queued_bytes;
		}
		if (l == last || (helper && lock_wanted(sw)))
			break;
	}
}

int64_t switch_patience(struct sw *sw, int64_t ns)
{
	int64_t due = net_due(sw), left;

	if (!list_empty(&sw->ready) || sw->accepting)
		return 0;
	if (!list_empty(&sw->stalled) && sw->stall_check < due)
		due = sw->stall_check;
	if (due == NEVER || ns == 0)
		return ns;
	left = due - clock_now();
	if (left < 0)
		left = 0;
	return ns < 0 || left < ns ? left : ns;
}

int switch_pass(struct sw *sw, int64_t ns, bool helper)
{
	struct epoll_event ev[PASS_MAX];
	int n, e;

	lock_leave(sw);
	n = wait_ns(sw->epoll_fd, ev, PASS_MAX, ns);
	e = n < 0 ? errno : 0;
	if (helper)
		lock_take(sw);
	else
		lock_enter(sw);
	for (int i = 0; i < n; i++)
		note(sw, &ev[i]);
	if (sw->accepting)
		conn_accept(sw);
	serve_ready(sw, helper);
	net_serve(sw);
	queue_flush_touched(sw);
	net_flush(sw);
	backlog_check_stalls(sw);
	conn_bury(sw);
	return -e;
}

/* Ask which of the caller's descriptors are ready. */
static void collect_watched(struct sw *sw)
{
	struct epoll_event ev[PASS_MAX];
	int n = epoll_wait(sw->watch_fd, ev, PASS_MAX, 0);

	sw->watch_ready = n > 0;
	for (int i = 0; i < n; i++) {
		sw->fds[i].fd = ev[i].data.fd;
		sw->fds[i].mask = (ev[i].events & ~(uint32_t)EPOLLOUT ? 1 : 0) |
			(ev[i].events & ~(uint32_t)EPOLLIN ? 2 : 0);
	}
	sw->fd_count = n > 0 ? (uint32_t)n : 0;
}

int sw_run(struct sw *sw, int64_t us)
{
	int64_t left = us < 0 ? -1 : us * 1000, until = us > 0 ? clock_now() + left : 0;
	int rc;

	lock_enter(sw);
	sw->inside = true;
	sw->fd_count = 0;
	inbox_handled(sw);
	do {
		if (sw->watch_ready)
			collect_watched(sw);
		rc = switch_pass(sw,
			sw->fd_count || sw->filling->count ? 0 : switch_patience(sw, left), false);
		if (sw->watch_ready && !sw->fd_count)
			collect_watched(sw);
		if (us > 0 && (left = until - clock_now()) < 0)
			left = 0;
	} while (!rc && !sw->filling->count && !sw->fd_count && left);
	events_turn(sw);
	if (!rc || sw->shown->count)
		rc = (sw->shown->count ? SW_RUN_EVENTS : 0) | (sw->fd_count ? SW_RUN_FDS : 0);
	sw->inside = false;
	standby_arm(sw);
	lock_leave(sw);
	return rc;
}

const struct sw_fd *sw_ready(struct sw *sw, uint32_t *count)
{
	*count = sw->fd_count;
	return sw->fds;
}

void sw_statistics(struct sw *sw, struct sw_stats *stats)
{
	lock_enter(sw);
	*stats = sw->stats;
	lock_leave(sw);
}
