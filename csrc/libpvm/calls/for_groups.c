/* SPDX-License-Identifier: MIT */
/* What libgpvm3 uses to let threads call it at the same time. */
#include "calls/api.h"

#include <stdlib.h>

/* Hold the library's lock till pvmunlock, and call the library meanwhile. */
void pvmlock(void)
{
	pvm__lock();
	pvm__opened();
}

void pvmunlock(void)
{
	pvm__closed(pvm__self.depth);
	pvm__unlock();
}

/* Begin a group call, with a variable of its frame. 0; PvmNotImpl to a signal handler. */
int pvmgroupbegin(struct pvmcall *call)
{
	struct thread *me = &pvm__self;

	if (!pvm__call_begin((struct call *)call))
		return PvmNotImpl;
	if (me->grouped) {
		pvm__unlock();
		return pvm__quiet(PvmNotImpl);
	}
	me->grouped = true;
	pvm__opened();
	return 0;
}

/* End it. */
void pvmgroupend(void)
{
	pvm__self.grouped = false;
	pvm__closed(pvm__self.depth);
	pvm__unlock();
	pvm__unmask();
}

/* From now on signals wait until the end of the group call, except while that waits. */
void pvmgroupmask(void)
{
	if (pvm__self.grouped)
		pvm__mask();
}

/*
 * Add one to *count when the next message of this thread has been written; NULL: no longer. So it
 * is right if a handler jumps out of the send.
 */
void pvmgroupcount(int *count)
{
	pvm__self.written = count;
}

/* A function of the program's runs inside the group call. For pvmgroupresume. */
int pvmgrouppause(void)
{
	int state = pvm__self.grouped;

	pvm__self.grouped = false;
	pvm__unmask();
	return state;
}

/* It has returned. */
void pvmgroupresume(int state)
{
	pvm__self.grouped = state;
	pvmgroupmask();
}

/*
 * Is this a task? It becomes one first if that is possible; what is to be said about a daemon that was
 * lost is left to a call that needs one.
 */
int pvmistask(void)
{
	LOCK_SCOPE(lock);
	pvm__connect_if_possible();
	return pvmmytid != -1;
}

/* A view of a group call. It is not on the stack, which a handler may leave by a jump. */
struct group_view {
	struct view view;
	bool on_heap;
};

/* From now on this thread has no active buffers but new ones, and another context. */
void pvmviewbegin(struct pvmview *room, int context)
{
	LOCK_SCOPE(lock);
	struct group_view *v;

	pvmgroupmask();
	v = malloc(sizeof *v);
	if (v)
		v->on_heap = true;
	else
		(v = (struct group_view *)room)->on_heap = false;
	pvm__view_begin(&v->view, NULL, NULL, context);
}

_Static_assert(sizeof(struct group_view) <= sizeof(struct pvmview), "room for a view");

/* End this thread's innermost view, with its active buffers. */
static void end_view(void)
{
	struct group_view *v = (struct group_view *)pvm__self.view;

	if (pvm__task.sbuf)
		pvm__message_retire(pvm__task.sbuf);
	if (pvm__task.rbuf)
		pvm__message_retire(pvm__task.rbuf);
	pvm__view_end(&v->view);
	if (v->on_heap)
		free(v);
}

/* That is over; the buffers that were active in it are freed. */
void pvmviewend(struct pvmview *room)
{
	LOCK_SCOPE(lock);
	(void)room;
	end_view();
}

/*
 * pvm_trecv, past the function of pvm_recvf, with `match` (NULL: the usual rule) instead. Before
 * it is asked about messages it is called with buffer id 0: a negative result ends the wait.
 */
int pvmtrecvf(int (*match)(int, int, int), int tid, int tag, struct timeval *timeout)
{
	LOCK_SCOPE(lock);
	return pvm__result("pvm_trecv",
		pvm__receive(match, tid, tag, timeout ? pvm__deadline(timeout) : NO_DEADLINE));
}

/* Where this thread notes that it has a turn: of `holder`, NULL: that is not noted yet. */
static int **note_of(const int *holder)
{
	int **turns = pvm__self.turns;

	for (int i = 0; i < TURNS_MAX; i++)
		if (turns[i] == holder)
			return &turns[i];
	return NULL;
}

/*
 * Wait until no other thread has the turn, then have it. *holder is the tid under which it
 * is had, so that a child or a new enrolment is not bound by it. 0; PvmNotImpl in a handler,
 * which must not wait for others.
 */
int pvmturn(int *holder)
{
	LOCK_SCOPE(lock);
	int **note;

	while (*holder && *holder == pvmmytid) {
		if (pvm__task.in_handler)
			return PvmNotImpl;
		pvm__await_change();
	}
	*holder = pvmmytid;
	note = note_of(NULL);
	if (note)
		*note = holder;
	return 0;
}

/* Give it on. Who waits in pvmtrecvf looks again, too. */
void pvmturnend(int *holder)
{
	LOCK_SCOPE(lock);
	int **note = note_of(holder);

	if (note)
		*note = NULL;
	*holder = 0;
	pvm__wake_all();
}

void pvm__group_left(void)
{
	struct thread *me = &pvm__self;

	me->grouped = false;
	me->written = NULL;
	while (me->view)
		end_view();
	for (int i = 0; i < TURNS_MAX; i++)
		if (me->turns[i])
			pvmturnend(me->turns[i]);
}

/*
 * Changes when the connection to the daemon ends: what was learned from the machine is void then.
 * Between pvmlock and pvmunlock.
 */
unsigned pvmsession(void)
{
	return pvm__task.session;
}
