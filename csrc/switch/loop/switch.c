/* SPDX-License-Identifier: MIT */
/*
 * The switch's life, and the caller's turn in it. Here is also what lower files have done by those
 * above them.
 */
#include "loop/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Most that is queued to one task by default, at first and after growing. */
#define QUEUE_LOW_MAX (1u << 20)
#define QUEUE_HIGH_MAX (256u << 20)
/*
 * By default a message for the daemon may take a sixteenth of the memory, and the mailbox an
 * eighth; at least so much, unless that were more than twice these parts.
 */
#define MESSAGE_LEAST (64u << 20)
#define MAIL_LEAST (256u << 20)

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
	.ended = share_ended,
	.resume = resume,
	.packet = receive_packet,
	.room = remote_room,
	.deliver = remote_deliver,
	.lost = lost,
};

static uint64_t within(uint64_t least, uint64_t wanted, uint64_t most)
{
	return wanted < least ? least : wanted > most ? most : wanted;
}

static uint64_t lesser(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void set_defaults(struct sw_config *cf)
{
	if (!cf->memory)
		cf->memory = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	const uint64_t ram = cf->memory;

	if (!cf->budget)
		cf->budget = 4;
	if (!cf->queue_low)
		cf->queue_low = lesser(ram / 256, QUEUE_LOW_MAX);
	if (!cf->queue_high)
		cf->queue_high = lesser(ram / 32, QUEUE_HIGH_MAX);
	if (cf->queue_high < cf->queue_low)
		cf->queue_high = cf->queue_low;
	if (!cf->queue_total)
		cf->queue_total = ram / 4;
	if (!cf->message_max)
		cf->message_max = (uint32_t)within(lesser(MESSAGE_LEAST, ram / 8), ram / 16,
			INT32_MAX);
	if (!cf->mail_room)
		cf->mail_room = within(lesser(MAIL_LEAST, ram / 4), ram / 8, UINT64_MAX);
	if (!cf->standby_us)
		cf->standby_us = 300;
}

static int open_descriptors(struct sw *sw)
{
	struct loop *loop = loop_of(sw);

	sw->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	loop->watch_fd = epoll_create1(EPOLL_CLOEXEC);
	loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (sw->epoll_fd < 0 || loop->watch_fd < 0 || loop->wake_fd < 0)
		return -1;
	if (loop_watch(sw, tasks_of(sw)->listen_fd, ID_LISTEN) ||
		loop_watch(sw, loop->watch_fd, ID_WATCH) || loop_watch(sw, loop->wake_fd, ID_WAKE))
		return -1;
	return 0;
}

/* Give back all but the standby thread. */
static void destroy(struct loop *loop)
{
	struct sw *sw = sw_of(loop);
	const int fds[] = { sw->epoll_fd, loop->watch_fd, loop->wake_fd, loop->children.signal_fd };

	backlog_release(sw, &routing_of(sw)->inbox);
	conn_free(sw);
	table_free(sw);
	net_free(sw);
	events_free(sw);
	answers_forget(sw);
	contexts_clear(sw);
	notices_clear(sw);
	search_clear(sw);
	mailbox_clear(routing_of(sw)->mail);
	free(routing_of(sw)->mail);
	chunk_trim(sw);
	for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	lock_destroy(sw);
	free(loop);
}

struct sw *sw_new(int listen_fd, uint32_t own_tid, const struct sw_config *cf)
{
	struct loop *loop = calloc(1, sizeof *loop);
	struct sw *sw;

	if (!loop)
		return NULL;
	sw = sw_of(loop);
	sw->cf = *cf;
	set_defaults(&sw->cf);
	sw->own_tid = own_tid;
	loop->children.signal_fd = -1;
	lock_init(sw);
	events_init(sw);
	stalls_init(sw);
	queues_init(sw);
	conn_init(sw, listen_fd);
	routing_of(sw)->mail = mem_new(sizeof *routing_of(sw)->mail);
	mailbox_init(routing_of(sw)->mail, sw->cf.mail_room);
	backlog_init(sw, &routing_of(sw)->inbox);
	search_init(sw);
	if (open_descriptors(sw) || standby_start(sw)) {
		int e = errno;

		destroy(loop);
		errno = e;
		return NULL;
	}
	return sw;
}

void sw_free(struct sw *sw)
{
	standby_stop(sw);
	destroy(loop_of(sw));
}

int sw_listen(struct sw *sw, int listen_fd)
{
	struct tasks *t = tasks_of(sw);
	int rc;

	lock_enter(sw);
	rc = loop_watch(sw, listen_fd, ID_LISTEN) ? -errno : 0;
	if (!rc) {
		epoll_ctl(sw->epoll_fd, EPOLL_CTL_DEL, t->listen_fd, NULL);
		t->listen_fd = listen_fd;
	}
	lock_leave(sw);
	return rc;
}

int sw_watch(struct sw *sw, int fd, int mask)
{
	struct epoll_event ev = {
		.events = (mask & 1 ? EPOLLIN : 0u) | (mask & 2 ? EPOLLOUT : 0u),
		.data.fd = fd,
	};
	int rc;

	if (!mask)
		rc = epoll_ctl(loop_of(sw)->watch_fd, EPOLL_CTL_DEL, fd, NULL);
	else if ((rc = epoll_ctl(loop_of(sw)->watch_fd, EPOLL_CTL_ADD, fd, &ev)) && errno == EEXIST)
		rc = epoll_ctl(loop_of(sw)->watch_fd, EPOLL_CTL_MOD, fd, &ev);
	return rc ? -errno : 0;
}

/* Ask which of the caller's descriptors are ready. */
static void collect_watched(struct loop *loop)
{
	struct epoll_event ev[PASS_MAX];
	int n = epoll_wait(loop->watch_fd, ev, PASS_MAX, 0);

	loop->watch_ready = n > 0;
	for (int i = 0; i < n; i++) {
		loop->fds[i].fd = ev[i].data.fd;
		loop->fds[i].mask = (ev[i].events & ~(uint32_t)EPOLLOUT ? 1 : 0) |
			(ev[i].events & ~(uint32_t)EPOLLIN ? 2 : 0);
	}
	loop->fd_count = n > 0 ? (uint32_t)n : 0;
}

/* Is there something to be shown to the caller? */
static bool found(struct sw *sw)
{
	return events_pressing(sw) || loop_of(sw)->fd_count;
}

/* How long the next pass may wait if the caller waits for `ns` (-1: no limit). */
static int64_t patience(struct sw *sw, int64_t ns)
{
	int64_t due = events_due(sw), left;

	if (due != NEVER) {
		left = due - clock_now();
		if (left < 0)
			left = 0;
		if (ns < 0 || left < ns)
			ns = left;
	}
	return pass_patience(sw, ns);
}

/* Do something that may take long without the lock: meanwhile the standby thread forwards. */
static void step_out(struct sw *sw)
{
	loop_of(sw)->inside = false;
	standby_arm(sw);
	lock_leave(sw);
}

static void step_in(struct sw *sw)
{
	lock_enter(sw);
	loop_of(sw)->inside = true;
}

/* Serve strangers that ask to be enrolled, as many as a pass does. */
static void serve_strangers(struct sw *sw)
{
	struct enrolment e;

	for (int i = 0; i < PASS_MAX && enrol_take(sw, &e); i++) {
		step_out(sw);
		enrol_files(&e);
		step_in(sw);
		enrol_done(sw, &e);
	}
}

/* The same with programs that tasks ask for. */
static void serve_searches(struct sw *sw)
{
	struct search *s;

	for (int i = 0; i < PASS_MAX && (s = search_take(sw)); i++) {
		step_out(sw);
		search_files(s);
		step_in(sw);
		search_done(sw, s);
	}
}

int sw_run(struct sw *sw, int64_t us)
{
	int64_t left = us < 0 ? -1 : us * 1000, until = us > 0 ? clock_now() + left : 0;
	struct loop *loop = loop_of(sw);
	uint32_t count;
	bool now;
	int rc;

	lock_enter(sw);
	loop->inside = true;
	loop->fd_count = 0;
	budget_handled(sw);
	do {
		if (loop->watch_ready)
			collect_watched(loop);
		now = found(sw) || enrol_waits(sw) || search_waits(sw) || loop->children.ended;
		rc = pass_run(sw, now ? 0 : patience(sw, left), false);
		serve_strangers(sw);
		serve_searches(sw);
		/* A child that enrolled at last is known as a task before its end is. */
		children_reap(sw);
		if (loop->watch_ready && !loop->fd_count)
			collect_watched(loop);
		if (us > 0 && (left = until - clock_now()) < 0)
			left = 0;
	} while (!rc && !found(sw) && left);
	events_turn(sw);
	sw_events(sw, &count);
	if (!rc || count)
		rc = (count ? SW_RUN_EVENTS : 0) | (loop->fd_count ? SW_RUN_FDS : 0);
	loop->inside = false;
	standby_arm(sw);
	lock_leave(sw);
	return rc;
}

const struct sw_fd *sw_ready(struct sw *sw, uint32_t *count)
{
	*count = loop_of(sw)->fd_count;
	return loop_of(sw)->fds;
}

void sw_statistics(struct sw *sw, struct sw_stats *stats)
{
	lock_enter(sw);
	*stats = sw->stats;
	lock_leave(sw);
}
