/* SPDX-License-Identifier: MIT */
/* Which threads wait, for what, and waking them. */
#include "transport/transport.h"

static struct thread *waiting; /* those inside pvm__wait_begin */

void pvm__wait_begin(struct wait *w, const struct interest *interest)
{
	struct thread *me = &pvm__self;

	w->outer = me->interest;
	w->outer_waiting = me->waiting;
	me->interest = *interest;
	__atomic_store_n(&me->signs, 0, __ATOMIC_RELAXED);
	if (!me->waiting) {
		me->next_waiting = waiting;
		waiting = me;
	}
	me->waiting = true;
}

/* Take this thread from the list. */
static void unlink_waiting(void)
{
	struct thread *me = &pvm__self, **place = &waiting;

	while (*place && *place != me)
		place = &(*place)->next_waiting;
	if (*place)
		*place = me->next_waiting;
	me->waiting = false;
}

void pvm__wait_end(const struct wait *w)
{
	struct thread *me = &pvm__self;

	if (w->outer_waiting) {
		/* What the outer wait is for may have come meanwhile. */
		me->interest = w->outer;
		__atomic_store_n(&me->signs, SIGN_WOKEN, __ATOMIC_RELAXED);
		return;
	}
	unlink_waiting();
}

void pvm__waits_left(void)
{
	if (pvm__self.waiting)
		unlink_waiting();
}

bool pvm__woken(void)
{
	return __atomic_load_n(&pvm__self.signs, __ATOMIC_RELAXED) & SIGN_WOKEN;
}

void pvm__waits_become_child(void)
{
	struct thread *me = &pvm__self;

	waiting = me->waiting ? me : NULL;
	me->next_waiting = NULL;
}

/* ---- waking -------------------------------------------------------------- */

static void wake(struct thread *thread)
{
	if (__atomic_fetch_or(&thread->signs, SIGN_WOKEN, __ATOMIC_RELAXED) & SIGN_WOKEN ||
		thread == &pvm__self)
		return;
	if (thread->reading)
		pvm__interrupt_reader();
	else
		pvm__futex_wake(&thread->signs, 1);
}

void pvm__wake(int wakes)
{
	for (struct thread *w = waiting; w; w = w->next_waiting)
		if (w->interest.wakes & wakes)
			wake(w);
}

void pvm__wake_all(void)
{
	pvm__wake(~0);
}

void pvm__wake_receivers(const struct message *m)
{
	for (struct thread *w = waiting; w; w = w->next_waiting) {
		const struct interest *i = &w->interest;

		if (i->wakes & WAKE_MESSAGE && (i->tid == -1 || i->tid == m->src) &&
			(i->tag == -1 || i->tag == m->tag) && (i->ctx == -1 || i->ctx == m->ctx))
			wake(w);
	}
}

void pvm__wake_asker(const struct pending *p)
{
	for (struct thread *w = waiting; w; w = w->next_waiting)
		if (w->interest.wakes & WAKE_REPLY && w->interest.request == p)
			wake(w);
}

void pvm__let_others_read(void)
{
	const struct thread *reader = pvm__task.engine.reader;

	if (reader) {
		/* It sleeps on the sockets, where what was read ahead does not show. */
		if (pvm__task.transport.listed && reader->reading && reader != &pvm__self)
			pvm__interrupt_reader();
		return;
	}
	for (struct thread *w = waiting; w; w = w->next_waiting)
		if (w->idle) {
			w->idle = false;
			__atomic_fetch_or(&w->signs, SIGN_NUDGED, __ATOMIC_RELAXED);
			pvm__futex_wake(&w->signs, 1);
			return;
		}
}
