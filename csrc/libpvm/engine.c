/* SPDX-License-Identifier: MIT */
/*
 * The wait loop: reads all sockets, then runs handlers and fills the receive
 * list.  While the daemon is the only peer a wait is one blocking recvmsg; with
 * direct routes it is an epoll_wait and a recvmsg for each socket with news.
 */
#include "engine.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000
#define NS_PER_MS 1000000

enum {
	EVENTS = 32,             /* sources read per pass */
	UNREAD_SENDS_MAX = 16,   /* a task that only sends reads after so many messages, */
	UNREAD_MS_MAX = 10,      /* or after this time */
	SECONDS_MAX = 1 << 30,   /* a time longer than this has no end */
	LINGER_NS = 100000,      /* a wait up to so long is short */
};

/* ---- lists --------------------------------------------------------------- */

void pvm__queue_append(struct queue *q, struct message *m)
{
	m->next = NULL;
	m->prev = q->tail;
	if (q->tail)
		q->tail->next = m;
	else
		q->head = m;
	q->tail = m;
}

void pvm__queue_remove(struct queue *q, struct message *m)
{
	*(m->prev ? &m->prev->next : &q->head) = m->next;
	*(m->next ? &m->next->prev : &q->tail) = m->prev;
	m->next = m->prev = NULL;
}

void pvm__queue_clear(struct queue *q)
{
	struct message *m;

	while ((m = q->head)) {
		pvm__queue_remove(q, m);
		pvm__message_unref(m);
	}
}

void pvm__discard_received(void)
{
	pvm__queue_clear(&pvm__task.arrived);
	pvm__queue_clear(&pvm__task.inbox);
	pvm__task.fresh = NULL;
}

/* ---- time ---------------------------------------------------------------- */

static int64_t read_clock(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

int64_t pvm__now(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

/* Milliseconds to the deadline for poll, rounded up; -1: for ever. */
static int ms_until(int64_t deadline)
{
	int64_t left;

	if (deadline == NO_DEADLINE)
		return -1;
	left = deadline ? deadline - pvm__now() : 0;
	if (left <= 0)
		return 0;
	left = (left + NS_PER_MS - 1) / NS_PER_MS;
	return left < INT_MAX ? (int)left : INT_MAX;
}

/* ---- sources ------------------------------------------------------------- */

static int epoll_add(struct source *source)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = source };

	return epoll_ctl(pvm__task.epoll_fd, EPOLL_CTL_ADD, source->fd, &e);
}

int pvm__watch(struct source *source)
{
	struct task *t = &pvm__task;

	if (t->epoll_fd < 0) {
		t->epoll_fd = pvm__off_stdio(epoll_create1(EPOLL_CLOEXEC));
		if (t->epoll_fd < 0)
			return PvmSysErr;
		if (epoll_add(&t->daemon->source) < 0)
			goto fail;
	}
	if (epoll_add(source) < 0)
		goto fail;
	t->watched++;
	return 0;
fail:
	if (t->watched == 0) {
		close(t->epoll_fd);
		t->epoll_fd = -1;
	}
	return PvmSysErr;
}

void pvm__unwatch(struct source *source)
{
	struct task *t = &pvm__task;

	if (t->epoll_fd < 0)
		return;
	epoll_ctl(t->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
	if (source != &t->daemon->source && --t->watched == 0) {
		close(t->epoll_fd);
		t->epoll_fd = -1;
	}
}

/* ---- reading ------------------------------------------------------------- */

/* Wait at most `ms` for one descriptor; true if there is news, or if that cannot be told. */
static bool wait_one(int fd, short events, int ms)
{
	struct pollfd p = { .fd = fd, .events = events };

	int n = poll(&p, 1, ms);

	return n > 0 || (n < 0 && errno != EINTR);
}

static void intake_daemon(int64_t deadline)
{
	struct source *daemon = &pvm__task.daemon->source;

	if (deadline == NO_DEADLINE)
		pvm__stream_read(pvm__task.daemon, 0);
	else if (deadline == 0 || wait_one(daemon->fd, POLLIN, ms_until(deadline)))
		daemon->ready(daemon);
}

static bool intake_all(int64_t deadline)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(pvm__task.epoll_fd, events, EVENTS, ms_until(deadline));

	/* The program has closed what it did not open: nothing can be waited for any more. */
	if (n < 0 && errno != EINTR)
		pvm__stream_lose(pvm__task.daemon);
	for (int i = 0; i < n; i++) {
		struct source *source = events[i].data.ptr;

		source->ready(source);
	}
	return n > 0;
}

/*
 * Waking from sleep costs more than most answers take. So a task whose last
 * wait was short looks for news a little before it sleeps, giving way to
 * whoever wants its processor. True: it has read some.
 */
static bool linger(bool all, int64_t start)
{
	struct source *daemon = &pvm__task.daemon->source;

	do {
		if (all && intake_all(0))
			return true;
		if (!all && wait_one(daemon->fd, POLLIN, 0)) {
			daemon->ready(daemon);
			return true;
		}
		sched_yield();
	} while (pvm__now() - start < LINGER_NS);
	return false;
}

/* Wait for news, at most until the deadline, and read it. */
static void await(bool all, int64_t deadline)
{
	struct task *t = &pvm__task;
	int64_t start = pvm__now();

	if (t->brisk && linger(all, start))
		return;
	if (all)
		intake_all(deadline);
	else
		intake_daemon(deadline);
	t->brisk = pvm__now() - start < LINGER_NS;
}

/*
 * One pass over the sockets: wait for the first that is readable, read those
 * that are. No handler runs. `deadline` as pvm__engine_wait_until, 0: no wait.
 */
static void intake(int64_t deadline)
{
	struct task *t = &pvm__task;
	bool all = t->epoll_fd >= 0;

	if (deadline)
		await(all, deadline);
	else if (all)
		intake_all(0);
	else
		intake_daemon(0);
	t->unread_sends = 0;
	t->last_intake = read_clock(CLOCK_MONOTONIC_COARSE);
}

void pvm__wait_writable(struct stream *s)
{
	struct task *t = &pvm__task;
	bool all = t->epoll_fd >= 0;
	struct pollfd p[2] = {
		{ .fd = s->source.fd, .events = POLLOUT },
		{ .fd = all ? t->epoll_fd : t->daemon->source.fd, .events = POLLIN },
	};

	if (!all && t->daemon->lost)
		p[1].fd = -1;

	if (poll(p, 2, -1) > 0 && p[1].revents)
		intake(0);
}

void pvm__read_now_and_then(void)
{
	struct task *t = &pvm__task;

	if (t->sending || t->in_handler)
		return;
	if (++t->unread_sends < UNREAD_SENDS_MAX &&
	    read_clock(CLOCK_MONOTONIC_COARSE) - t->last_intake < UNREAD_MS_MAX * NS_PER_MS)
		return;
	intake(0);
	pvm__settle();
}

/* ---- what to do with messages -------------------------------------------- */

void pvm__deliver(struct message *m)
{
	struct task *t = &pvm__task;

	m->mode = MESSAGE_READING;
	pvm__message_set_codec(m);
	pvm__message_rewind(m);
	t->deliveries++;
	if (!pvm__request_reply(m))
		pvm__queue_append(&t->arrived, m);
}

void pvm__lost_for_memory(int src)
{
	pvm__log("message from t%x dropped: out of memory", (unsigned)src);
	pvm__task.short_of_memory = true;
	pvm__task.incomplete = true;
}

/* Was something lost for want of memory that nobody was told of? Then that is now. */
static bool take_shortage(void)
{
	bool lost = pvm__task.short_of_memory;

	pvm__task.short_of_memory = false;
	return lost;
}

static void dispatch_arrived(void)
{
	struct task *t = &pvm__task;
	struct message *m;

	while ((m = t->arrived.head)) {
		pvm__queue_remove(&t->arrived, m);
		if (pvm__handler_dispatch(m)) {
			pvm__message_unref(m);
			continue;
		}
		if (!t->fresh)
			t->fresh = m;
		pvm__queue_append(&t->inbox, m);
	}
}

void pvm__settle(void)
{
	struct task *t = &pvm__task;

	/* Before the handlers are installed nothing can be dispatched. */
	if (t->sending || t->in_handler || t->enrolling)
		return;
	do
		dispatch_arrived();
	while (t->route_lost && pvm__routes_reap());
	if (t->daemon && t->daemon->lost)
		pvm__disconnect();
}

int pvm__engine_wait_until(int64_t deadline)
{
	struct task *t = &pvm__task;
	unsigned before = t->deliveries;

	for (;;) {
		if (!t->daemon || t->daemon->lost)
			return PvmSysErr;
		if (take_shortage())
			return PvmNoMem;
		intake(deadline);
		pvm__settle();
		if (t->deliveries != before)
			return (int)(t->deliveries - before);
		if (!t->short_of_memory && deadline != NO_DEADLINE && pvm__now() >= deadline)
			return t->daemon ? 0 : PvmSysErr;
	}
}

int64_t pvm__deadline(const struct timeval *timeout)
{
	int64_t sec = timeout->tv_sec, usec = timeout->tv_usec;

	if (sec > SECONDS_MAX || usec / 1000000 > SECONDS_MAX)
		return NO_DEADLINE;
	if (sec < -SECONDS_MAX || usec / 1000000 < -SECONDS_MAX || sec * 1000000 + usec <= 0)
		return 0;
	return pvm__now() + sec * NS_PER_S + usec * 1000;
}

int pvm__engine_wait(const struct timeval *timeout)
{
	return pvm__engine_wait_until(timeout ? pvm__deadline(timeout) : NO_DEADLINE);
}
