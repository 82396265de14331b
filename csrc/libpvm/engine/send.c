/* SPDX-License-Identifier: MIT */
/* The way that a message takes: direct route, or daemon. */
#include "engine/engine.h"

#include <stdlib.h>

/* Write to a direct route. False: it broke, the message must go through the daemon. */
static bool write_route(struct stream *route, const struct message *m, int dst)
{
	if (pvm__stream_write(route, &(struct parcel){ m, dst }, 1))
		return true;
	pvm__log("direct route to t%x lost, message sent through the daemon", (unsigned)dst);
	return false;
}

/* The passes that writing a message is worth. */
static unsigned passes_for(const struct message *m)
{
	return m->nfrags > 2 ? (m->nfrags + 1) / 2 : 1;
}

/* Owe the passes for a message and `more`, without the *early ones, which are settled then. */
static void owe(const struct message *m, unsigned more, unsigned *early)
{
	pvm__task.engine.owed += passes_for(m) + more - *early;
	*early = 0;
}

/* The end of a send: its code, or PvmSysErr if the daemon's end is seen then. */
static int finish(unsigned session, int code)
{
	pvm__settle();
	pvm__pay();
	return pvm__task.session == session ? code : PvmSysErr;
}

/* A message has been written. */
static void count_written(void)
{
	struct thread *me = &pvm__self;

	if (me->written)
		++*me->written;
	me->written = NULL;
}

int pvm__send(struct message *m, int dst)
{
	struct stream *route = NULL;
	unsigned session = pvm__task.session, early;
	int code = 0;

	if (pvm__task.sending) {
		pvm__message_unref(m);
		return PvmNotImpl;
	}
	pvm__keep(m, pvm__message_end);
	early = pvm__route_exists(dst) ? pvm__pass_early() : 0;
	if (pvm__task.session == session && wire_is_task((uint32_t)dst))
		route = pvm__route_stream(dst);
	if (pvm__task.session != session) {
		pvm__kept(m);
		pvm__message_unref(m);
		return PvmSysErr;
	}
	pvm__task.sending++;
	if (!route || !write_route(route, m, dst))
		code = pvm__write_daemon(&(struct parcel){ m, dst }, 1);
	pvm__task.sending--;
	if (code == 0)
		count_written();
	owe(m, 0, &early);
	pvm__kept(m);
	pvm__message_unref(m);
	return finish(session, code);
}

/* Tell the daemon who gets the next multicast, and send it. */
static int multicast_daemon(struct message *m, const int *tids, int n)
{
	struct message *announce = pvm__message_new(WIRE_ENC_XDR);
	int code;

	if (!announce)
		return PvmNoMem;
	announce->tag = TM_MCA;
	code = pvm__put_int(announce, n);
	if (code >= 0)
		code = pvm__put_ints(announce, tids, n);
	if (code >= 0)
		code = pvm__write_daemon((struct parcel[]){ { announce, TIDPVMD },
						 { m, pvmmytid | TIDGID } },
			2);
	pvm__message_unref(announce);
	return code;
}

/* The open route to `tid`; none is requested. */
static struct stream *existing_route(int tid)
{
	return pvm__route_exists(tid) ? pvm__route_stream(tid) : NULL;
}

/* Is there an open route to one of them? */
static bool any_route(const int *tids, int n)
{
	for (int i = 0; i < n; i++)
		if (pvm__route_exists(tids[i]))
			return true;
	return false;
}

static int ascending(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

/* Sort, drop duplicates and this task. Returns how many are left. */
static int tidy(int *tids, int n)
{
	int kept = 0;

	qsort(tids, (size_t)n, sizeof *tids, ascending);
	for (int i = 0; i < n; i++)
		if (tids[i] != pvmmytid && (!kept || tids[i] != tids[kept - 1]))
			tids[kept++] = tids[i];
	return kept;
}

int pvm__multicast(struct message *m, int *tids, int n)
{
	unsigned session = pvm__task.session;
	unsigned early;
	int code = 0, nrest = 0;

	if (pvm__task.sending)
		return PvmNotImpl;
	n = tidy(tids, n);
	early = any_route(tids, n) ? pvm__pass_early() : 0;
	if (pvm__task.session != session)
		return PvmSysErr;
	for (int i = 0; i < n; i++) {
		struct stream *route = existing_route(tids[i]);

		pvm__task.sending++;
		if (!route || !write_route(route, m, tids[i]))
			tids[nrest++] = tids[i];
		else
			owe(m, 0, &early);
		pvm__task.sending--;
	}
	pvm__task.sending++;
	if (nrest) {
		code = multicast_daemon(m, tids, nrest);
		owe(m, 1, &early);
	}
	pvm__task.sending--;
	return finish(session, code);
}
