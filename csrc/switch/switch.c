/* SPDX-License-Identifier: MIT */
/*
 * The switch's life, and the caller's turn in it. Here is also what lower files have done by those
 * above them.
 */
#include "mailbox.h"
#include "network.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
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
		rc = pass_run(sw, sw->fd_count || sw->filling->count ? 0 : pass_patience(sw, left),
			false);
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
