/* SPDX-License-Identifier: MIT */
/*
 * The standby thread: when the caller has stayed away from sw_run for a while,
 * it forwards in the caller's place.
 *
 * It sleeps on a timer that sw_run arms on return unless it is armed, so that
 * a caller that comes back quickly pays nothing each time. If such a caller has the thread wake in
 * vain again and again, the thread sleeps longer. What the thread
 * finds for the caller is kept for the next sw_run. While it waits for
 * connections the caller may come back and wait for the same ones: whoever is
 * woken does the work, and the thread then withdraws.
 */
#include "loop/loop.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define STACK_BYTES 262144
/* It waits up to so many times longer while it wakes in vain more often than that, ns. */
#define LONGER_MAX 8
#define VAIN_NS (10 * NS_PER_MS)

static void set_timer(struct standby *s, int64_t ns)
{
	struct itimerspec t = { .it_value = {
					.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 } };

	timerfd_settime(s->timer_fd, 0, &t, NULL);
}

/* End the sleep of whoever waits in pass_run. */
static void wake(struct sw *sw)
{
	(void)!write(loop_of(sw)->wake_fd, &(uint64_t){ 1 }, sizeof(uint64_t));
}

/* It has woken, and it was wanted or not: how long it lets the caller be away next time. */
static void learn(struct sw *sw, bool wanted)
{
	const int64_t least = (int64_t)sw->cf.standby_us * 1000;
	struct standby *s = &loop_of(sw)->standby;
	int64_t now = clock_now();
	bool often = now - s->woken < VAIN_NS;

	s->woken = now;
	if (wanted || !often)
		s->patience = least;
	else if (s->patience < LONGER_MAX * least)
		s->patience *= 2;
}

/* The timer has run out: forward while the caller is away. Has the lock. */
static void stand_in(struct sw *sw)
{
	struct standby *s = &loop_of(sw)->standby;
	bool worked = false, helped = false;

	while (!s->stop && !loop_of(sw)->inside) {
		int64_t away = clock_now() - s->left;

		if (away < s->patience) {
			learn(sw, helped);
			set_timer(s, s->patience > away ? s->patience - away : 1);
			return;
		}
		s->waiting = true;
		pass_run(sw, pass_patience(sw, -1), true);
		s->waiting = false;
		worked = true;
		/* If the caller is back, it could have done that as well. */
		helped |= !loop_of(sw)->inside;
	}
	s->armed = false;
	learn(sw, helped);
	if (worked)
		wake(sw);
}

static void *standby_main(void *arg)
{
	struct sw *sw = arg;
	struct standby *s = &loop_of(sw)->standby;
	uint64_t expired;
	bool stop = false;

	while (!stop) {
		if (read(s->timer_fd, &expired, sizeof expired) < 0 && errno != EINTR)
			break;
		lock_take(sw);
		stand_in(sw);
		stop = s->stop;
		lock_leave(sw);
	}
	return NULL;
}

void standby_arm(struct sw *sw)
{
	struct standby *s = &loop_of(sw)->standby;

	if (!s->exists)
		return;
	s->left = clock_now();
	if (s->waiting) {
		/* It began before the caller came back, and knows nothing of what is due now. */
		if (pass_patience(sw, -1) >= 0)
			wake(sw);
	} else if (!s->armed) {
		s->armed = true;
		set_timer(s, s->patience);
	}
}

/*
 * The signals that are the caller's. Not those of faults: where one of them is blocked the system ends
 * the process without asking its handler, and nobody tells what has happened.
 */
static void callers_signals(sigset_t *set)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT, SIGSYS };

	sigfillset(set);
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		sigdelset(set, faults[i]);
}

int standby_start(struct sw *sw)
{
	struct standby *s = &loop_of(sw)->standby;
	pthread_attr_t attr;
	sigset_t callers, before;
	int rc;

	if (sw->cf.standby_us == UINT32_MAX)
		return 0;
	s->patience = (int64_t)sw->cf.standby_us * 1000;
	s->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	if (s->timer_fd < 0)
		return -1;
	callers_signals(&callers);
	pthread_sigmask(SIG_SETMASK, &callers, &before);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	rc = pthread_create(&s->helper, &attr, standby_main, sw);
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	s->exists = !rc;
	if (rc)
		close(s->timer_fd);
	errno = rc;
	return rc ? -1 : 0;
}

void standby_stop(struct sw *sw)
{
	struct standby *s = &loop_of(sw)->standby;

	if (!s->exists)
		return;
	lock_enter(sw);
	s->stop = true;
	set_timer(s, 1);
	wake(sw);
	lock_leave(sw);
	pthread_join(s->helper, NULL);
	close(s->timer_fd);
}
