/* SPDX-License-Identifier: MIT */
/*
 * Looking for news of the sockets, sleeping on them, and taking in what is there. While the daemon is
 * the only peer that is a poll and a recvmsg (a blocking recvmsg is woken in vain when the daemon reads
 * what this task sent); with direct routes, or several threads, an epoll_wait and a recvmsg for each
 * socket with news.
 */
#define _GNU_SOURCE 1 /* ppoll */
#include "engine/linger.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>

#define NS_PER_MS 1000000

enum {
	BLIND_PASSES_MAX = 16,          /* passes in a row that do not look, */
	BLIND_NS = 100000,              /* and how long a task that only sends does not */
	DRAIN_LOOKS_MAX = 64,           /* looks while a send is blocked, before it tries again */
	DRAIN_PASSES_MAX = 4096,        /* passes for each of them */
	SPACE_YIELDS = 10,              /* yields of a wait for room in a ring before it sleeps, */
	SPACE_MS = 1,                   /* so long at once */
	PATIENCE_NS = 5000000,          /* without progress of a peer that computes, */
	PATIENCE_INSIDE_NS = 200000000, /* and of one that waits for a processor, */
	PATIENCE_MAX_NS = 2000000000,   /* and whatever the peer says about its progress */
	REST_MS = 1000,                 /* a sleep while there is memory to give back */
	LOCKED_MS_MAX = 10, /* wait with the lock held, where others could not interrupt it */
};

static unsigned blind_passes; /* since the last look at the sockets */
static int64_t last_look;     /* when that or an earlier one was, monotonic ns */

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

/* ---- looking ------------------------------------------------------------- */

/* Have the sources that have news listed as ways, or act on theirs. */
static void take_news(const struct news *news, const struct watcher *w)
{
	struct source *daemon = &pvm__task.daemon->way.source;

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

/* Is there any but that a thread is to wake? */
static bool is_any(const struct news *news, const struct watcher *w)
{
	for (int i = 0; i < news->n; i++)
		if (news->events[i].data.ptr != &w->wake)
			return true;
	return false;
}

/*
 * Look at the sockets without waiting. True: some have news. Without a watcher that is left to
 * the reading.
 */
static bool look_around(void)
{
	const struct watcher *w;
	struct news news = { .n = 1 };
	bool any = false;

	pvm__watch_late();
	w = pvm__task.transport.watcher;
	if (w) {
		pvm__look(&news, w, -1);
		any = is_any(&news, w);
	}
	pvm__bell_heard();
	take_news(&news, w);
	blind_passes = 0;
	return any;
}

/*
 * Is a sparing pass to look at the sockets, which costs more than the rest of it? If not, what has
 * come since the last look counts as not yet there. A daemon that is the only connection is not
 * looked at while it is listed.
 */
static bool look_is_due(void)
{
	const struct task *t = &pvm__task;
	int64_t now;

	if (t->transport.exact)
		return true;
	if (t->transport.listed)
		return t->transport.watcher && ++blind_passes >= BLIND_PASSES_MAX;
	now = pvm__now();
	if (++blind_passes < BLIND_PASSES_MAX && now - last_look < BLIND_NS)
		return false;
	last_look = now;
	return true;
}

/* ---- taking in ----------------------------------------------------------- */

bool pvm__take_listed(void)
{
	struct task *t = &pvm__task;
	bool taken;

	pvm__links_look();
	taken = pvm__ways_take();
	if (t->transport.exact && t->daemon)
		pvm__stream_caught_up(t->daemon);
	return taken;
}

bool pvm__take_in(enum pass pass)
{
	const struct task *t = &pvm__task;
	bool all_listed = !t->transport.watcher && t->transport.listed;
	bool news = false;

	if (pass == PASS_LOOKING ? !all_listed : look_is_due())
		news = look_around();
	return pvm__take_listed() || news;
}

/* Take in everything, with a bound for a flood. */
static void drain(void)
{
	for (int looks = 0; looks < DRAIN_LOOKS_MAX; looks++) {
		bool news = look_around();

		for (int i = 0; i < DRAIN_PASSES_MAX && pvm__take_listed(); i++)
			news = true;
		/* A task that is about to move need not wait until there is room. */
		pvm__above.leave_routes();
		if (!news)
			return;
	}
}

void pvm__pay_owed(void)
{
	struct task *t = &pvm__task;

	if (t->sending || t->in_handler || t->engine.enroller)
		return;
	while (t->engine.owed && t->daemon) {
		t->engine.owed--;
		if (!pvm__take_in(PASS_SPARING) && !t->daemon->lost && !t->transport.route_lost)
			break;
		pvm__settle();
	}
	t->engine.owed = 0;
	if (t->transport.listed)
		pvm__let_others_read();
}

unsigned pvm__pass_early(void)
{
	struct task *t = &pvm__task;
	int64_t now;

	if (t->sending || t->in_handler || t->engine.enroller)
		return 0;
	now = pvm__now();
	if (now - last_look < BLIND_NS)
		return 0;
	last_look = now;
	pvm__take_in(PASS_LOOKING);
	pvm__settle();
	if (t->transport.listed)
		pvm__let_others_read();
	return 1;
}

/* ---- sleeping ------------------------------------------------------------ */

/* Keep the watcher, if there is one, while this thread sleeps. Returns the one it has kept so far. */
static struct watcher *keep_watcher(struct watcher *w)
{
	struct watcher *outer = pvm__self.watcher;

	if (w)
		w->users++;
	pvm__self.watcher = w;
	return outer;
}

/* End that; `outer` is kept again. */
static void drop_watcher(struct watcher *outer)
{
	struct watcher *w = pvm__self.watcher;

	pvm__self.watcher = outer;
	if (w)
		pvm__watcher_release(w);
}

void pvm__sleep_left(void)
{
	pvm__self.reading = false;
	pvm__lookouts_left();
	drop_watcher(NULL);
}

/* What a sleep on the sockets polls, from before the lock is given up. */
static void prepare_sleep(const struct watcher *w, int daemon_fd)
{
	struct pollfd *p = pvm__self.polled;

	p[0] = (struct pollfd){ .fd = w ? w->epoll_fd : daemon_fd, .events = POLLIN };
	p[1] = (struct pollfd){ .fd = -1 };
}

/*
 * Sleep until there are news, at most `ms`. A signal handler may have called the library since the
 * preparation, and taken in what this waits for: then poll finds the descriptor that it left.
 */
static void sleep_for_news(struct news *news, const struct watcher *w, int ms)
{
	struct pollfd *p = pvm__self.polled;

	news->n = poll(p, 2, ms);
	news->error = news->n < 0 ? errno : 0;
	if (news->error == EINTR)
		return;
	if (w && (news->n < 0 || p[0].revents))
		pvm__look(news, w, -1);
	else
		news->n = news->n < 0 || p[0].revents;
}

/*
 * The same in a group call, which holds signals off until here. So no handler runs between the last
 * look and the sleep.
 */
static void sleep_with_signals(struct news *news, const struct watcher *w, int daemon_fd, int ms)
{
	const struct timespec limit = { ms / 1000, ms % 1000 * NS_PER_MS };
	const sigset_t *mask = &pvm__self.mask;
	struct pollfd p = { .fd = daemon_fd, .events = POLLIN };

	if (w)
		news->n = epoll_pwait(w->epoll_fd, news->events, EVENTS, ms, mask);
	else
		news->n = ppoll(&p, 1, ms < 0 ? NULL : &limit, mask);
	pvm__looked(news, w);
}

static int shorter(int ms, int most)
{
	return ms < 0 || ms > most ? most : ms;
}

/*
 * How long to sleep at most if it may be `ms`: a task that waits gives memory back meanwhile, and
 * looks at what cannot be watched.
 */
static int ms_of_rest(int ms, int64_t now)
{
	if (pvm__task.segment && pvm__segment_rest(now))
		ms = shorter(ms, REST_MS);
	return pvm__watch_is_late() ? shorter(ms, LATE_MS) : ms;
}

/* No handler runs. Another thread may have read the news, or ended the connection, before. */
void pvm__await_news(int64_t deadline)
{
	struct task *t = &pvm__task;
	bool alone = !pvm__interruptible(); /* then the lock is kept for a while */
	struct watcher *w = t->transport.watcher, *outer;
	int daemon_fd = t->daemon->way.source.fd, ms;
	unsigned session = t->session, forgotten = w ? w->forgotten : 0;
	int64_t now = pvm__now();
	struct pace eager = { 0 }, *pace = deadline == BRIEFLY ? &eager : pvm__self.interest.pace;
	struct lingered lingered = pvm__linger_begin(pace, now);
	struct lookout o;
	struct held held;
	struct news news;

	ms = ms_of_rest(ms_until(deadline), now);
	outer = keep_watcher(w);
	pvm__lookout_begin(&o);
	pvm__self.reading = true;
	prepare_sleep(w, daemon_fd);
	if (!alone)
		held = pvm__unlock_unheard();
	else
		ms = shorter(ms, LOCKED_MS_MAX);
	if (!pvm__linger(&lingered, &news, &o, w, daemon_fd)) {
		/* Something else has run meanwhile, and may have taken in what this waits for. */
		if (pvm__self.polled[1].fd >= 0)
			ms = 0;
		ms = pvm__lookout_sleep(&o) ? ms : 0;
		if (!alone && held.masked)
			sleep_with_signals(&news, w, daemon_fd, ms);
		else
			sleep_for_news(&news, w, ms);
		pvm__lookout_wake(&o);
		now = pvm__now();
	}
	if (alone) {
		held = pvm__unlock_all();
		pvm__relock(&held);
	} else
		pvm__relock_unheard(&held);
	pvm__self.reading = false;
	pvm__lookout_end(&o);
	pvm__self.signalled |= news.error == EINTR;
	pvm__linger_end(&lingered, pace, now);
	if (t->session == session && t->daemon) {
		if (w == t->transport.watcher && (!w || w->forgotten == forgotten))
			take_news(&news, w);
		else
			look_around();
		pvm__watch_late();
	}
	drop_watcher(outer);
	blind_passes = 0;
	last_look = now;
}

int pvm__doze(void)
{
	static unsigned long seen;
	struct task *t = &pvm__task;
	bool fresh = t->engine.serial != seen, quiet;
	struct lookout o;

	seen = t->engine.serial;
	pvm__watch_late();
	pvm__links_look();
	if (fresh || t->transport.listed || t->daemon->lost || t->engine.short_of_memory)
		return 0;
	pvm__lookout_begin(&o);
	quiet = pvm__lookout_sleep(&o);
	if (!quiet)
		pvm__lookout_wake(&o);
	pvm__lookout_end(&o);
	return quiet ? ms_of_rest(INT_MAX, pvm__now()) : 0;
}

void pvm__await_room(struct stream *s)
{
	struct task *t = &pvm__task;
	bool threads = !pvm__single_threaded(), alone = !pvm__interruptible();
	struct watcher *w = t->transport.watcher, *outer;
	struct pollfd p[2] = {
		{ .fd = s->way.source.fd, .events = POLLOUT },
		{ .fd = w ? w->epoll_fd : t->daemon->way.source.fd, .events = POLLIN },
	};
	unsigned session = t->session;
	struct held held;
	int n;

	if (t->transport.listed) {
		drain();
		return;
	}
	if (!w && t->daemon->lost)
		p[1].fd = -1;
	outer = keep_watcher(w);
	/* Without threads the lock is kept, so that signal handlers' calls are refused. */
	if (threads && !alone)
		held = pvm__unlock_all();
	n = poll(p, 2, alone ? LOCKED_MS_MAX : pvm__links_end ? SPACE_MS : -1);
	if (alone)
		held = pvm__unlock_all();
	if (threads)
		pvm__relock(&held);
	drop_watcher(outer);
	if (((n > 0 && p[1].revents) || pvm__links_end) && t->session == session && t->daemon)
		drain();
}

/*
 * Let others have the processor for a moment, or sleep until something has come, but not for long.
 * Without threads the lock is kept, so that signal handlers' calls are refused.
 */
static void nap(const struct link *l, bool briefly)
{
	bool threads = !pvm__single_threaded();
	struct watcher *w = pvm__task.transport.watcher, *outer = keep_watcher(w);
	struct pollfd p = { .fd = w->epoll_fd, .events = POLLIN };
	struct held held;

	if (!briefly)
		__atomic_store_n(&l->ours->want, 1, __ATOMIC_SEQ_CST);
	if (threads)
		held = pvm__unlock_all();
	if (briefly)
		sched_yield();
	else
		poll(&p, 1, SPACE_MS);
	if (threads)
		pvm__relock(&held);
	drop_watcher(outer);
}

bool pvm__await_link(struct link *l, bool (*enough)(struct link *))
{
	unsigned session = pvm__task.session, yields = 0;
	uint32_t progress = pvm__link_progress(l), last = progress;
	int64_t now = pvm__now(), since = now, start = now;

	while (l->out != LINK_CLOSED && !enough(l)) {
		bool inside = __atomic_load_n(&l->home->inside, __ATOMIC_RELAXED);

		if (now - since > (inside ? PATIENCE_INSIDE_NS : PATIENCE_NS) ||
			now - start > PATIENCE_MAX_NS)
			return false;
		nap(l, yields++ < SPACE_YIELDS && !pvm__others_compute(now));
		if (pvm__task.session != session)
			return false;
		drain();
		if (pvm__task.daemon->lost)
			return false;
		__atomic_store_n(&l->ours->want, 0, __ATOMIC_RELAXED);
		now = pvm__now();
		progress = pvm__link_progress(l);
		if (progress != last)
			since = now;
		last = progress;
	}
	return l->out != LINK_CLOSED;
}
