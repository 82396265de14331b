/* SPDX-License-Identifier: MIT */
/*
 * How long a wait looks for news before it sleeps. Waking from sleep costs more than most answers
 * take; on a busy machine giving way costs more than that.
 */
#include "engine/linger.h"
#include "transport/spread.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>

enum {
	LINGER_NS = 200000,        /* a wait up to so long is short; */
	LINGER_LONG_NS = 500000,   /* one for the answer to a long message, by memory */
	LINGER_TURNS_NS = 1000000, /* one that ends when many others have had their turns */
	ANSWER_LOOKS = 32,         /* looks for an answer that cost less than a sleep */
	ANSWERS_SLEPT_MAX = 255,   /* answers in a row that are not looked for */
	LONG_YIELD_NS = 600,       /* a round or yield of so long: somebody else has run */
	LONG_YIELDS = 10,          /* in a wait, before it sleeps */
	LOOKS = 200,               /* at the rings before a yield, */
	CROWDED_LOOKS = 2,         /* when the last one was long */
	SOCKET_ROUNDS = 8,         /* yields for each look at the sockets */
	BUSY_NS = 100000,          /* a yield of so long: others want the processor; */
	BUSY_MAX_NS = 400000,      /* if it is shorter than this, they may be peers, */
	PEER_NS = 20000,           /* one message of which comes or goes in so long; */
	PEER_TURNS = 3,            /* in a wait so many yields may be theirs */
	PEERS_REST_MAX = 64, /* no lingering for at most so many times what it took, if to peers, */
	REST = 32,           /* and at first for so many times, if to others, */
	REST_MAX_NS = 1000000000,
	LATELY_SHORT = 1, /* waits.last: the last one was short, the one before was not; */
	SHORT = 3,        /* both were */
};

/* Waits for a message: bits of the last two, the youngest lowest, and what followed such two. */
static struct {
	unsigned last;         /* a bit is set: that wait was short */
	bool brisk[SHORT + 1]; /* the next one was short, too */
} waits = { 0, { [LATELY_SHORT] = true, [SHORT] = true } };

/*
 * Up to which time a wait is short. Who answers a long message copies it twice, which takes longer
 * than the wait of a short one may last, and a pair that sleeps each time would do so for ever.
 */
static int64_t short_ns(void)
{
	return pvm__spread_is_long() ? LINGER_LONG_NS : LINGER_NS;
}

/* ---- looking ------------------------------------------------------------- */

void pvm__look(struct news *news, const struct watcher *w, int daemon_fd)
{
	struct pollfd p = { .fd = daemon_fd, .events = POLLIN };

	if (w)
		news->n = epoll_wait(w->epoll_fd, news->events, EVENTS, 0);
	else
		news->n = poll(&p, 1, 0);
	pvm__looked(news, w);
}

void pvm__looked(struct news *news, const struct watcher *w)
{
	news->error = news->n < 0 ? errno : 0;
	/* A poll that cannot tell, for want of memory, is news: reading tells. */
	if (!w && news->n < 0 && news->error != EINTR)
		news->n = 1;
}

/* Let others have the processor. Returns the time; *since is when that was done last. */
static int64_t give_way(struct lingered *l, int64_t since)
{
	int64_t now;

	sched_yield();
	now = pvm__now();
	l->yield = now - since;
	return now;
}

static bool away; /* the last yield at the rings was a long one */

/*
 * Have others had the processor who compute? Many peers that take turns on it keep it as long as one
 * of those, in which case messages come and go; `traffic` is what did so before. Their turn counts
 * as none, and the wait may last longer by it. The first long turn is believed to be theirs, as it
 * costs time to look at their counters. So are all in a shared wait: the members of a group have no
 * links with each other.
 */
static bool is_busy(struct lingered *l, const struct lookout *o, uint32_t traffic)
{
	bool again = away;

	away = l->yield >= BUSY_NS;
	if (!away)
		return false;
	if (l->yield >= BUSY_MAX_NS || (!l->shared && l->turns == PEER_TURNS))
		return true;
	if (!l->shared && again &&
		(pvm__lookout_traffic(o) - traffic) * (int64_t)PEER_NS < l->yield)
		return true;
	l->turns++;
	l->end += l->yield;
	l->yield = 0;
	return false;
}

/* Look at the sockets, giving way to whoever wants the processor. */
static bool linger_at_sockets(struct lingered *l, struct news *news, const struct watcher *w,
	int daemon_fd)
{
	unsigned looks = l->looks;
	int64_t now = l->start;

	do {
		pvm__look(news, w, daemon_fd);
		if (news->n > 0)
			return true;
		now = give_way(l, now);
	} while (--looks && now - l->start < LINGER_NS);
	return false;
}

static inline void pause_briefly(void)
{
#if defined __x86_64__ || defined __i386__
	__builtin_ia32_pause();
#endif
}

/* Look at the rings so often. A ring that has something, or -1. */
static int look_at_rings(const struct lookout *o, int looks)
{
	int ring;

	while ((ring = pvm__lookout_news(o)) < 0 && --looks) {
		pvm__lookout_prefetch(o);
		pause_briefly();
	}
	return ring;
}

/* Is the wait to go on after so many rounds, and long ones? One that is shared knows the time alone. */
static bool is_worth_a_round(const struct lingered *l, int64_t now, unsigned rounds, unsigned longs)
{
	return now < l->end && (l->shared || (longs < LONG_YIELDS && rounds < l->looks));
}

/*
 * The same with rings, which cost next to nothing to look at. A round that takes long means that
 * others run on this processor: who sleeps is no burden to them. The answer to a long message takes
 * a while even on an idle machine; so only the yields of the rounds count then.
 */
static bool linger_at_rings(struct lingered *l, struct news *news, const struct lookout *o,
	const struct watcher *w)
{
	static bool crowded; /* the last round was long, with its looks and its yield */
	bool patient = pvm__spread_is_long();
	int64_t before, now = l->start;
	uint32_t traffic;
	unsigned longs = 0;

	l->end = l->start + (l->shared ? LINGER_TURNS_NS : short_ns());
	for (unsigned round = 0; is_worth_a_round(l, now, round, longs); round++) {
		int ring = look_at_rings(o, crowded ? CROWDED_LOOKS : LOOKS);

		if (ring >= 0) {
			*news = (struct news){ 0 };
			pvm__spread_answered(o->home, o->ring[ring].home, o->ring[ring].peer,
				crowded && round, l->start, now);
			return true;
		}
		if (round % SOCKET_ROUNDS == 0) {
			pvm__look(news, w, -1);
			if (news->n > 0)
				return true;
		}
		traffic = away ? pvm__lookout_traffic(o) : 0;
		before = now;
		now = give_way(l, pvm__now());
		crowded = now - before > LONG_YIELD_NS;
		longs += patient ? l->yield > LONG_YIELD_NS : crowded;
		if (is_busy(l, o, traffic))
			break;
	}
	return false;
}

bool pvm__linger(struct lingered *l, struct news *news, const struct lookout *o,
	const struct watcher *w, int daemon_fd)
{
	if (l->looks)
		l->found = o->n ? linger_at_rings(l, news, o, w) :
				  linger_at_sockets(l, news, w, daemon_fd);
	return l->found;
}

/* ---- resting from it ------------------------------------------------------- */

/*
 * Giving way may cost a time slice, while who sleeps is woken at once. So after that waits sleep at
 * once for a while, longer each time that it happens again soon. That is a short while if those who
 * run are peers, and a long one if others compute; that they still do is asked now and then.
 */
static struct {
	bool crowded;          /* others compute */
	int64_t until, length; /* monotonic ns */
	int64_t asked, pause;  /* when that was asked last, and how long until it is again */
} rest;

static void rest_from_lingering(int64_t yield, int64_t now)
{
	bool soon = now - rest.until < rest.length;
	int64_t most;

	rest.crowded = pvm__spare_processors() < 0;
	most = rest.crowded ? REST_MAX_NS : PEERS_REST_MAX * yield;
	rest.length = soon ? 2 * rest.length : rest.crowded ? REST * yield : yield;
	if (rest.length > most)
		rest.length = most;
	rest.until = now + rest.length;
	rest.asked = now;
	rest.pause = rest.length / REST;
}

bool pvm__others_compute(int64_t now)
{
	if (!rest.crowded || now >= rest.until)
		return false;
	if (now - rest.asked < rest.pause)
		return true;
	rest.asked = now;
	rest.pause *= 2;
	if (pvm__spare_processors() >= 0)
		rest.until = now;
	return now < rest.until;
}

/* ---- learning --------------------------------------------------------------- */

/*
 * Who waits for a message looks if the last wait for one was short, as it wants that soon; but not
 * if the wait was long when this came about before. So a program that waits briefly and for long in
 * turn, as for the end of a task and for the begin of the next one, does not look in vain. An answer
 * is not to cost more processor time than with a sleep: `pace` says what became of the last ones.
 */
static unsigned looks_granted(struct pace *pace, int64_t now)
{
	if (pvm__others_compute(now) || now < rest.until)
		return 0;
	if (!pace)
		return waits.last & LATELY_SHORT && waits.brisk[waits.last] ? UINT_MAX : 0;
	if (pace->to_sleep) {
		pace->to_sleep--;
		return 0;
	}
	return ANSWER_LOOKS;
}

struct lingered pvm__linger_begin(struct pace *pace, int64_t now)
{
	return (struct lingered){
		.start = now,
		.looks = looks_granted(pace, now),
		.shared = pace && pace->shared,
	};
}

/* Each time that looks for an answer were in vain more of the next waits for one do without. */
static void learn(struct pace *pace, bool found)
{
	unsigned more = found ? 0 : 2U * pace->slept + 1;

	pace->slept = (unsigned char)(more < ANSWERS_SLEPT_MAX ? more : ANSWERS_SLEPT_MAX);
	pace->to_sleep = pace->slept;
}

static void remember_wait(bool brief)
{
	waits.brisk[waits.last] = brief;
	waits.last = (waits.last << 1 | brief) & SHORT;
}

void pvm__linger_end(const struct lingered *l, struct pace *pace, int64_t now)
{
	if (!pace)
		remember_wait(now - l->start < short_ns());
	else if (l->looks)
		learn(pace, l->found);
	if (l->yield >= BUSY_NS)
		rest_from_lingering(l->yield, now);
}
