/* SPDX-License-Identifier: MIT */
/* What libgpvm3 uses to let threads call it at the same time. */
#include "calls/api.h"

_Static_assert(sizeof(struct view) <= sizeof(struct pvmview), "room for a view");

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

/* From now on this thread has no active buffers but new ones, and another context. */
void pvmviewbegin(struct pvmview *room, int context)
{
	LOCK_SCOPE(lock);
	pvm__view_begin((struct view *)room, NULL, NULL, context);
}

/* That is over; the buffers that were active in it are freed. */
void pvmviewend(struct pvmview *room)
{
	LOCK_SCOPE(lock);
	if (pvm__task.sbuf)
		pvm__message_retire(pvm__task.sbuf);
	if (pvm__task.rbuf)
		pvm__message_retire(pvm__task.rbuf);
	pvm__view_end((struct view *)room);
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

/*
 * Wait until no other thread has the turn, then have it. *holder is the tid under which it
 * is had, so that a child or a new enrolment is not bound by it. 0; PvmNotImpl in a handler,
 * which must not wait for others.
 */
int pvmturn(int *holder)
{
	LOCK_SCOPE(lock);
	while (*holder && *holder == pvmmytid) {
		if (pvm__task.in_handler)
			return PvmNotImpl;
		pvm__await_change();
	}
	*holder = pvmmytid;
	return 0;
}

/* Give it on. Who waits in pvmtrecvf looks again, too. */
void pvmturnend(int *holder)
{
	LOCK_SCOPE(lock);
	*holder = 0;
	pvm__wake_all();
}

/*
 * Changes when the connection to the daemon ends: what was learned from the machine is void then.
 * Between pvmlock and pvmunlock.
 */
unsigned pvmsession(void)
{
	return pvm__task.session;
}
