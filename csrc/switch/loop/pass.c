/* SPDX-License-Identifier: MIT */
/* One pass of the loop: wait, note what has happened, serve it, send what was queued. */
#include "loop/loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

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
		c->eager |= EAGER_HANGUP;
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
		c->readable = true;
		if (!c->place.next)
			conn_ready(c);
		else if (events & EPOLLHUP && stranger_left(c))
			conn_end(c, SW_EOF, NULL);
	}
}

static void note(struct sw *sw, const struct epoll_event *ev)
{
	uint64_t id = ev->data.u64;
	struct conn *c;

	switch (id) {
	case ID_LISTEN: tasks_of(sw)->accepting = true; break;
	case ID_WATCH: loop_of(sw)->watch_ready = true; break;
	case ID_WAKE: break;
	case ID_CHILDREN: loop_of(sw)->children.ended = true; break;
	case ID_NET: net_ready(sw, ev->events); break;
	default:
		c = conn_find(sw, id);
		if (c)
			note_conn(c, ev->events);
		else if (id >> 31 == 1)
			pipe_note(sw, (uint32_t)id & ~ID_PIPE, ev->events);
	}
}

/* Serve each connection that is ready now once; much input is sent on before the next one. */
static void serve_ready(struct sw *sw, bool helper)
{
	struct link *ready = &tasks_of(sw)->ready, *last = ready->prev;
	uint64_t before = sw->stats.queued_bytes;

	for (int i = 0; i < PASS_MAX && !list_empty(ready); i++) {
		struct link *l = ready->next;

		stream_serve(CONTAINER(l, struct conn, place));
		if (sw->stats.queued_bytes >= before + READ_ROOM) {
			queue_flush_touched(sw);
			before = sw->stats.queued_bytes;
		}
		if (l == last || (helper && lock_wanted(sw)))
			break;
	}
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int64_t pass_patience(struct sw *sw, int64_t ns)
{
	int64_t due = earlier(strangers_due(sw), earlier(net_due(sw), backlog_due(sw))), left;

	if (!list_empty(&tasks_of(sw)->ready) || tasks_of(sw)->accepting)
		return 0;
	if (due == NEVER || ns == 0)
		return ns;
	left = due - clock_now();
	if (left < 0)
		left = 0;
	return ns < 0 || left < ns ? left : ns;
}

int pass_run(struct sw *sw, int64_t ns, bool helper)
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
	if (tasks_of(sw)->accepting)
		conn_accept(sw);
	serve_ready(sw, helper);
	net_serve(sw);
	queue_flush_touched(sw);
	net_flush(sw);
	backlog_check_stalls(sw);
	conn_expire(sw);
	conn_bury(sw);
	return -e;
}
