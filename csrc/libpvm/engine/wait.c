/* SPDX-License-Identifier: MIT */
/* Waiting: of the threads that wait one reads the sockets, the others sleep until they are woken. */
#include "engine/engine.h"

enum { SECONDS_MAX = 1 << 30 }; /* a time longer than this has no end */

/* ---- sleeping ------------------------------------------------------------ */

/* Sleep until woken or nudged, at most until the deadline. */
static void sleep_till_woken(int64_t deadline)
{
	struct thread *me = &pvm__self;
	struct held held;

	me->idle = me->interest.wakes != WAKE_STATE;
	held = pvm__unlock_all();
	me->signalled |= pvm__futex_wait(&me->signs, 0, deadline);
	pvm__relock(&held);
	me->idle = false;
	__atomic_fetch_and(&me->signs, SIGN_WOKEN, __ATOMIC_RELAXED);
}

void pvm__await_change(void)
{
	struct wait w;

	pvm__let_others_read();
	pvm__wait_begin(&w, &(struct interest){ .wakes = WAKE_STATE });
	while (!pvm__woken())
		sleep_till_woken(NO_DEADLINE);
	pvm__wait_end(&w);
}

/* ---- the sockets --------------------------------------------------------- */

/* Was something lost for want of memory that nobody was told of? Then that is now. */
static bool take_shortage(void)
{
	bool lost = pvm__task.engine.short_of_memory;

	pvm__task.engine.short_of_memory = false;
	return lost;
}

/* One pass without waiting. 1: something was there. */
static int look_once(void)
{
	struct task *t = &pvm__task;
	bool any;

	if (!t->daemon || t->daemon->lost)
		return PvmSysErr;
	if (take_shortage())
		return PvmNoMem;
	any = pvm__take_in(PASS_LOOKING);
	pvm__settle();
	pvm__pay();
	if (t->transport.listed)
		pvm__let_others_read();
	if (any)
		return 1;
	return t->daemon ? 0 : PvmSysErr;
}

/* Make a pass, first waiting for something to take in; or sleep while another thread does that. */
static void pass_or_sleep(int64_t deadline)
{
	struct task *t = &pvm__task;

	pvm__links_look();
	if (!t->transport.listed) {
		if (t->engine.reader && t->engine.reader != &pvm__self) {
			sleep_till_woken(deadline);
			return;
		}
		t->engine.reader = &pvm__self;
		pvm__await_news(deadline);
		t->engine.reader = NULL;
		pvm__take_listed();
	} else {
		pvm__take_in(PASS_SPARING);
	}
	pvm__settle();
	pvm__pay();
}

/* ---- giving up ------------------------------------------------------------ */

static int (*given_up)(void); /* NULL: nobody is asked */

void pvmaskwaiting(int (*ask)(void))
{
	LOCK_SCOPE(lock);
	given_up = ask;
}

bool pvm__given_up(void)
{
	return given_up && given_up();
}

/* The same where the lock is held. */
static bool ask_whether_given_up(void)
{
	struct held held = pvm__unlock_all();
	bool yes = pvm__given_up();

	pvm__relock(&held);
	return yes;
}

/* When a wait till `deadline` is to ask, which a signal just before its sleep would not show. */
static int64_t next_question(int64_t deadline)
{
	int64_t soon;

	if (!given_up)
		return deadline;
	soon = pvm__now() + NS_PER_S;
	return deadline == NO_DEADLINE || soon < deadline ? soon : deadline;
}

/* A wait has slept till `question` at most. Is it over? */
static bool wait_is_given_up(int64_t question)
{
	if (!given_up || (!pvm__self.signalled && (question < 0 || pvm__now() < question)))
		return false;
	pvm__self.signalled = false;
	return ask_whether_given_up();
}

/* ---- the wait -------------------------------------------------------------- */

int pvm__engine_wait_for(const struct interest *interest, int64_t deadline)
{
	struct task *t = &pvm__task;
	unsigned session = t->session;
	int64_t question;
	struct wait w;
	int code = 0;
	bool over = false;

	pvm__self.given_up = false;
	if (deadline == ONE_PASS || deadline == WHILE_THERE)
		return look_once();
	pvm__wait_begin(&w, interest);
	pvm__self.signalled = false;
	while (code == 0) {
		if (t->session != session || !t->daemon || t->daemon->lost) {
			code = PvmSysErr;
			break;
		}
		if (take_shortage()) {
			code = PvmNoMem;
			break;
		}
		question = next_question(deadline);
		pass_or_sleep(question);
		if (pvm__woken())
			code = 1;
		else if ((over = wait_is_given_up(question)))
			code = PvmSysErr;
		else if (!t->engine.short_of_memory && deadline != NO_DEADLINE &&
			pvm__now() >= deadline)
			break;
	}
	pvm__self.given_up = over;
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
		return sec || usec ? LIST_ONLY : WHILE_THERE;
	return pvm__now() + sec * NS_PER_S + usec * 1000;
}
