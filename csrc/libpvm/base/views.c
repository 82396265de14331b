/* SPDX-License-Identifier: MIT */
/* Views: active buffers and context of the task, of threads, of handlers and of group calls. */
#include "base/base.h"

static struct view shared;            /* active buffers and context of the task */
static struct view *active = &shared; /* the one in the task's variables */
static struct view *views = &shared;
static bool per_thread;

/* The view that a thread's calls use. */
static struct view *view_of(struct thread *me)
{
	if (me->view)
		return me->view;
	return per_thread && me->has_own ? &me->own : &shared;
}

/* Copy the task's variables back to the view that they are of. */
static void store_view(void)
{
	active->sbuf = pvm__task.sbuf;
	active->rbuf = pvm__task.rbuf;
	active->ctx = pvmmyctx;
}

static void load_view(struct view *v)
{
	active = v;
	pvm__task.sbuf = v->sbuf;
	pvm__task.rbuf = v->rbuf;
	pvmmyctx = v->ctx;
}

static void link_view(struct view *v)
{
	v->next = views;
	views = v;
}

static void unlink_view(struct view *v)
{
	struct view **place = &views;

	while (*place && *place != v)
		place = &(*place)->next;
	if (*place)
		*place = v->next;
}

void pvm__view_choose(struct thread *me)
{
	struct view *v;

	if (per_thread && !me->has_own) {
		store_view();
		me->own = (struct view){ .ctx = shared.ctx };
		me->has_own = true;
		link_view(&me->own);
	}
	v = view_of(me);
	if (v != active) {
		store_view();
		load_view(v);
	}
}

void pvm__view_begin(struct view *v, struct message *sbuf, struct message *rbuf, int ctx)
{
	struct thread *me = &pvm__self;

	*v = (struct view){ .outer = me->view, .sbuf = sbuf, .rbuf = rbuf, .ctx = ctx };
	me->view = v;
	link_view(v);
	pvm__view_choose(me);
}

void pvm__view_end(struct view *v)
{
	struct thread *me = &pvm__self;

	me->view = v->outer;
	pvm__view_choose(me);
	unlink_view(v);
}

void pvm__views_drop(const struct message *m)
{
	if (pvm__task.sbuf == m)
		pvm__task.sbuf = NULL;
	if (pvm__task.rbuf == m)
		pvm__task.rbuf = NULL;
	for (struct view *v = views; v; v = v->next) {
		if (v->sbuf == m)
			v->sbuf = NULL;
		if (v->rbuf == m)
			v->rbuf = NULL;
	}
}

bool pvm__is_active(const struct message *m)
{
	store_view();
	for (const struct view *v = views; v; v = v->next)
		if (v->sbuf == m || v->rbuf == m)
			return true;
	return false;
}

/* Have `to` take over the buffers and the context of `from`. */
static void move_view(struct view *from, struct view *to)
{
	to->sbuf = from->sbuf;
	to->rbuf = from->rbuf;
	to->ctx = from->ctx;
	from->sbuf = from->rbuf = NULL;
}

void pvm__views_per_thread(bool on)
{
	struct thread *me = &pvm__self;

	if (on == per_thread)
		return;
	store_view();
	per_thread = on;
	if (on) {
		if (!me->has_own)
			link_view(&me->own);
		me->has_own = true;
		move_view(&shared, &me->own);
	} else if (me->has_own) {
		move_view(&me->own, &shared);
	}
	load_view(view_of(me));
}

void pvm__view_thread_ends(struct thread *me)
{
	if (!me->has_own)
		return;
	store_view();
	if (me->own.sbuf)
		pvm__above.retire(me->own.sbuf);
	if (me->own.rbuf)
		pvm__above.retire(me->own.rbuf);
	unlink_view(&me->own);
	me->has_own = false;
	load_view(&shared);
}

void pvm__views_become_child(struct thread *me)
{
	views = &shared;
	shared.next = NULL;
	if (me->has_own)
		link_view(&me->own);
	for (struct view *v = me->view; v; v = v->outer)
		link_view(v);
}
