/* SPDX-License-Identifier: MIT */
/*
 * The wait loop: reads all sockets, then runs handlers and fills the receive
 * list.  While the daemon is the only peer a wait is a poll and a recvmsg (a
 * blocking recvmsg is woken in vain when the daemon reads what this task sent); with
 * direct routes, or several threads, an epoll_wait and a recvmsg for each socket with news.
 * Of threads that wait one, the reader, does that; the others sleep until they are woken.
 */
#include "watch.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <time.h>

#define NS_PER_MS 1000000

enum {
	EVENTS = 32,           /* sources read per pass */
	UNREAD_SENDS_MAX = 16, /* a task that only sends reads after so many messages, */
	UNREAD_MS_MAX = 10,    /* or after this time */
	SECONDS_MAX = 1 << 30, /* a time longer than this has no end */
	LINGER_NS = 200000,    /* a wait up to so long is short */
	BUSY_NS = 100000,      /* a yield of so long: others want the processor */
	REST_MAX = 64,         /* no lingering for at most so many times what a yield took */
	LOCKED_MS_MAX = 10,    /* wait with the lock held, where others could not interrupt it */
};

/* ---- lists --------------------------------------------------------------- */

void pvm__discard_received(void)
{
	pvm__queue_clear(&pvm__task.arrived);
	pvm__queue_clear(&pvm__task.inbox);
}

/* ---- time ---------------------------------------------------------------- */

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

/* ---- reading ------------------------------------------------------------- */

/* What a wait for the sockets has found. */
struct news {
	int n, error;
	struct epoll_event events[EVENTS];
};

/*
 * Look at a watcher, or at the daemon's descriptor, for at most `ms`. A poll that cannot
 * tell, for want of memory, is news: reading tells.
 */
static void look(struct news *news, const struct watcher *w, int daemon_fd, int ms)
{
	struct pollfd p = { .fd = daemon_fd, .events = POLLIN };

	if (w)
		news->n = epoll_wait(w->epoll_fd, news->events, EVENTS, ms);
	else
		news->n = poll(&p, 1, ms);
	news->error = news->n < 0 ? errno : 0;
	if (!w && news->n < 0 && news->error != EINTR)
		news->n = 1;
}

/* Read the sources that have news. */
static void read_news(const struct news *news, const struct watcher *w)
{
	struct source *daemon = &pvm__task.daemon->source;

	/* The program has closed what it did not open: nothing can be waited for any more. */
	if (news->n < 0 && news->error != EINTR)
		pvm__stream_lose(pvm__task.daemon);
	if (!w && news->n > 0)
		daemon->ready(daemon);
	for (int i = 0; w && i < news->n; i++) {
		struct source *source = news->events[i].data.ptr;

		source->ready(source);
	}
}

/* Read what is there. */
static void intake(void)
{
	struct task *t = &pvm__task;
	struct news news = { .n = 1 };

	if (t->watcher)
		look(&news, t->watcher, -1, 0);
	read_news(&news, t->watcher);
	t->unread_sends = 0;
	t->last_intake = pvm__clock(CLOCK_MONOTONIC_COARSE);
}

/*
 * Waking from sleep costs more than most answers take. So a task whose last
 * wait was short looks for news a little before it sleeps, giving way to
 * whoever wants its processor. True: there are some.
 *
 * *yield gets the time that giving way took at last.
 */
static bool linger(struct news *news, const struct watcher *w, int daemon_fd, int64_t start,
	int64_t *yield)
{
	int64_t before, now = start;

	do {
		look(news, w, daemon_fd, 0);
		if (news->n > 0)
			return true;
		before = now;
		sched_yield();
		now = pvm__now();
		*yield = now - before;
	} while (now - start < LINGER_NS);
	return false;
}

/*
 * On a busy machine giving way may take a time slice, while who sleeps is woken at once. So
 * after that waits sleep at once for a while, longer each time that it happens again soon.
 */
static void rest_from_lingering(int64_t yield, int64_t now)
{
	struct task *t = &pvm__task;

	if (yield < BUSY_NS)
		return;
	t->rest = now - t->rest_until < t->rest ? 2 * t->rest : yield;
	if (t->rest > REST_MAX * yield)
		t->rest = REST_MAX * yield;
	t->rest_until = now + t->rest;
}

/*
 * Wait for news without the lock, at most until the deadline, then read it. No handler
 * runs. Another thread may have read it, or ended the connection, before.
 */
static void await(int64_t deadline)
{
	struct task *t = &pvm__task;
	bool alone = !pvm__interruptible(); /* then the lock is kept for a while */
	struct watcher *w = t->watcher;
	int daemon_fd = t->daemon->source.fd, ms = ms_until(deadline);
	unsigned session = t->session, forgotten = w ? w->forgotten : 0, depth = 0;
	int64_t start = pvm__now(), now = start, yield = 0;
	bool brisk = t->brisk && start >= t->rest_until;
	struct news news;

	if (w)
		w->users++;
	pvm__self.reading = true;
	if (!alone)
		depth = pvm__unlock_all();
	else if (ms < 0 || ms > LOCKED_MS_MAX)
		ms = LOCKED_MS_MAX;
	if (!brisk || !linger(&news, w, daemon_fd, start, &yield)) {
		look(&news, w, daemon_fd, ms);
		now = pvm__now();
		brisk = now - start < LINGER_NS;
	}
	if (alone)
		depth = pvm__unlock_all();
	pvm__relock(depth);
	pvm__self.reading = false;
	t->brisk = brisk;
	rest_from_lingering(yield, now);
	if (t->session == session && t->daemon) {
		if (w == t->watcher && (!w || w->forgotten == forgotten))
			read_news(&news, w);
		else
			intake();
	}
	if (w)
		pvm__watcher_release(w);
	t->unread_sends = 0;
	t->last_intake = pvm__clock(CLOCK_MONOTONIC_COARSE);
}

void pvm__wait_writable(struct stream *s)
{
	struct task *t = &pvm__task;
	bool alone = !pvm__interruptible();
	struct watcher *w = t->watcher;
	struct pollfd p[2] = {
		{ .fd = s->source.fd, .events = POLLOUT },
		{ .fd = w ? w->epoll_fd : t->daemon->source.fd, .events = POLLIN },
	};
	unsigned session = t->session, depth = 0;
	int n;

	if (!w && t->daemon->lost)
		p[1].fd = -1;
	if (w)
		w->users++;
	if (!alone)
		depth = pvm__unlock_all();
	n = poll(p, 2, alone ? LOCKED_MS_MAX : -1);
	if (alone)
		depth = pvm__unlock_all();
	pvm__relock(depth);
	if (w)
		pvm__watcher_release(w);
	if (n > 0 && p[1].revents && t->session == session && t->daemon)
		intake();
}

void pvm__read_now_and_then(void)
{
	struct task *t = &pvm__task;

	if (t->sending || t->in_handler)
		return;
	if (++t->unread_sends < UNREAD_SENDS_MAX &&
		pvm__clock(CLOCK_MONOTONIC_COARSE) - t->last_intake < UNREAD_MS_MAX * NS_PER_MS)
		return;
	intake();
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
	if (m->ctx == SYSCTX_TC && m->tag == TC_TASKEXIT)
		pvm__routes_notice(m);
	if (!pvm__request_reply(m))
		pvm__queue_append(&t->arrived, m);
}

/* Was something lost for want of memory that nobody was told of? Then that is now. */
static bool take_shortage(void)
{
	bool lost = pvm__task.short_of_memory;

	pvm__task.short_of_memory = false;
	return lost;
}

/* Put a message into the receive list, for whoever waits for it. */
static void enlist(struct message *m)
{
	m->serial = ++pvm__task.serial;
	pvm__queue_append(&pvm__task.inbox, m);
	pvm__wake_receivers(m);
}

static void dispatch_arrived(void)
{
	struct task *t = &pvm__task;
	struct message *m;

	t->dispatcher = &pvm__self;
	while ((m = t->arrived.head)) {
		pvm__queue_remove(&t->arrived, m);
		if (pvm__handler_dispatch(m))
			pvm__message_unref(m);
		else
			enlist(m);
		pvm__wake(WAKE_NEWS);
	}
	t->dispatcher = NULL;
}

/* While another thread runs a handler: put what no handler takes into the receive list. */
static void enlist_unhandled(void)
{
	struct task *t = &pvm__task;

	for (struct message *m = t->arrived.head, *next; m; m = next) {
		next = m->next;
		if (pvm__handler_exists(m))
			continue;
		pvm__queue_remove(&t->arrived, m);
		enlist(m);
		pvm__wake(WAKE_NEWS);
	}
}

void pvm__settle(void)
{
	struct task *t = &pvm__task;

	/* Before the handlers are installed nothing can be dispatched. */
	if (t->sending || t->in_handler || t->enroller)
		return;
	/* The handlers' order is that of the messages: one thread at a time runs them. */
	if (t->dispatcher)
		enlist_unhandled();
	else
		do
			dispatch_arrived();
		while (t->route_lost && pvm__routes_reap());
	if (t->daemon && t->daemon->lost)
		pvm__disconnect();
}

/* One pass over the sockets, without waiting. */
static int look_once(void)
{
	struct task *t = &pvm__task;
	unsigned before = t->deliveries;

	if (!t->daemon || t->daemon->lost)
		return PvmSysErr;
	if (take_shortage())
		return PvmNoMem;
	intake();
	pvm__settle();
	if (t->deliveries != before)
		return 1;
	return t->daemon ? 0 : PvmSysErr;
}

/* Read the sockets, or sleep while another thread does that, once. */
static void read_or_sleep(int64_t deadline)
{
	struct task *t = &pvm__task;

	if (t->reader && t->reader != &pvm__self) {
		pvm__sleep(deadline);
		return;
	}
	t->reader = &pvm__self;
	await(deadline);
	t->reader = NULL;
	pvm__settle();
}

void pvm__let_others_read(void)
{
	if (!pvm__task.reader)
		pvm__wake_reader();
}

int pvm__engine_wait_for(const struct interest *interest, int64_t deadline)
{
	struct task *t = &pvm__task;
	unsigned session = t->session;
	struct wait w;
	int code = 0;

	if (!deadline)
		return look_once();
	pvm__wait_begin(&w, interest);
	while (code == 0) {
		if (t->session != session || !t->daemon || t->daemon->lost) {
			code = PvmSysErr;
			break;
		}
		if (take_shortage()) {
			code = PvmNoMem;
			break;
		}
		read_or_sleep(deadline);
		if (pvm__woken())
			code = 1;
		else if (!t->short_of_memory && deadline != NO_DEADLINE && pvm__now() >= deadline)
			break;
	}
	pvm__wait_end(&w);
	pvm__let_others_read();
	return t->session == session ? code : PvmSysErr;
}

int pvm__engine_wait_until(int64_t deadline)
{
	return pvm__engine_wait_for(&(struct interest){ .wakes = WAKE_NEWS | WAKE_REPLY },
		deadline);
}

int pvm__engine_wait(void)
{
	return pvm__engine_wait_until(NO_DEADLINE);
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
