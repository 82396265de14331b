/* SPDX-License-Identifier: MIT */
/*
 * The standby thread: when the caller has stayed away from sw_run for a while,
 * it forwards in the caller's place.
 *
 * It sleeps on a timer that sw_run arms on return unless it is armed, so that
 * a caller that comes back quickly pays nothing each time. What the thread
 * finds for the caller is kept for the next sw_run. While it waits for
 * connections the caller may come back and wait for the same ones: whoever is
 * woken does the work, and the thread then withdraws.
 */
#include "core.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define STACK_BYTES 262144

static void set_timer(struct sw *sw, int64_t ns)
{
	struct itimerspec t = { .it_value = {
					.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 } };

	timerfd_settime(sw->timer_fd, 0, &t, NULL);
}

/* End the sleep of whoever waits in pass_run. */
static void wake(struct sw *sw)
{
	(void)!write(sw->wake_fd, &(uint64_t){ 1 }, sizeof(uint64_t));
}

/* The timer has run out: forward while the caller is away. Has the lock. */
static void stand_in(struct sw *sw)
{
	const int64_t patience = (int64_t)sw->cf.standby_us * 1000;
	bool worked = false;

	while (!sw->stop && !sw->inside) {
		int64_t away = clock_now() - sw->left;

		if (away < patience) {
			set_timer(sw, patience - away);
			return;
		}
		pass_run(sw, pass_patience(sw, -1), true);
		worked = true;
	}
	sw->armed = false;
	if (worked)
		wake(sw);
}

static void *standby_main(void *arg)
{
	struct sw *sw = arg;
	uint64_t expired;
	bool stop = false;

	while (!stop) {
		if (read(sw->timer_fd, &expired, sizeof expired) < 0 && errno != EINTR)
			break;
		lock_take(sw);
		stand_in(sw);
		stop = sw->stop;
		lock_leave(sw);
	}
	return NULL;
}

void standby_arm(struct sw *sw)
{
	if (!sw->standby)
		return;
	sw->left = clock_now();
	if (!sw->armed) {
		sw->armed = true;
		set_timer(sw, (int64_t)sw->cf.standby_us * 1000);
	}
}

int standby_start(struct sw *sw)
{
	pthread_attr_t attr;
	sigset_t all, before;
	int rc;

	if (sw->cf.standby_us == UINT32_MAX)
		return 0;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	rc = pthread_create(&sw->helper, &attr, standby_main, sw);
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	sw->standby = !rc;
	errno = rc;
	return rc ? -1 : 0;
}

void standby_stop(struct sw *sw)
{
	if (!sw->standby)
		return;
	lock_enter(sw);
	sw->stop = true;
	set_timer(sw, 1);
	wake(sw);
	lock_leave(sw);
	pthread_join(sw->helper, NULL);
}
