/* SPDX-License-Identifier: MIT */
/* The way that a message takes: memory, direct route, or daemon. */
#include "engine/engine.h"

#include <stdlib.h>

enum { STREAMED_MIN = 16 }; /* messages by a stream before memory is tried again */

/* ---- memory ------------------------------------------------------------------------------- */

/* The open route to `tid`; none is requested. */
static struct stream *existing_route(int tid)
{
	return pvm__route_exists(tid) ? pvm__route_stream(tid) : NULL;
}

/* Write to a task by a direct route, if there is one, or by the daemon. False: not possible. */
static bool write_to(int dst, const struct parcel *parcels, int n)
{
	struct stream *route = existing_route(dst);

	return (route && pvm__stream_write(route, parcels, n)) ||
		pvm__write_daemon(parcels, n) == 0;
}

/* Tell the peer by the stream that it may go on reading the ring behind this mark. */
static bool write_mark(struct link *l)
{
	struct message *mark = pvm__message_new(WIRE_ENC_XDR);
	unsigned session = pvm__task.session;
	bool written;

	if (!mark)
		return false;
	l->streamed = false;
	mark->tag = TC_MARK;
	mark->ctx = SYSCTX_TC;
	mark->wid = (int)++l->mark; /* used up: one that is left by a jump may be written */
	pvm__keep(mark, pvm__message_end);
	written = write_to(l->way.turn, &(struct parcel){ .message = mark, .dst = l->way.turn }, 1);
	pvm__kept(mark);
	if (pvm__task.session != session)
		written = false;
	else if (written)
		pvm__segment_home()->marks++;
	else
		l->streamed = true;
	pvm__message_unref(mark);
	return written;
}

/* The peer has seen the last mark. */
static bool has_mark(struct link *l)
{
	return __atomic_load_n(&l->theirs->mark, __ATOMIC_ACQUIRE) == l->mark;
}

/*
 * A peer that has fallen behind has room again, and sees a mark soon: go on by memory. Without that
 * wait the mark would stay behind what goes by the stream, for ever.
 */
static bool resume(struct link *l)
{
	if (l->by_stream < STREAMED_MIN || !pvm__link_roomy(l))
		return false;
	l->by_stream = 0;
	if (!write_mark(l) || !pvm__await_link(l, has_mark))
		return false;
	l->out = LINK_OPEN;
	return true;
}

/*
 * The peer has not said whether it takes what was put last, as one that is stopped just then. It will
 * know: send a copy by the stream, which it drops if it takes the record. False: not possible.
 */
static bool send_again(const struct link *l, const struct message *form)
{
	const struct message word = {
		.enc = WIRE_ENC_XDR,
		.tag = TC_AGAIN,
		.ctx = SYSCTX_TC,
		.wid = (int)l->ring.tail,
	};
	const struct parcel parcels[] = {
		{ .message = &word, .dst = l->way.turn },
		{ .message = form, .dst = l->way.turn },
	};

	pvm__segment_home()->streamed++;
	if (!existing_route(l->way.turn))
		pvm__route_pass_by(l->way.turn);
	return write_to(l->way.turn, parcels, 2);
}

/*
 * The peer leaves the memory: what it had not got by then goes by a stream. True: this message has
 * been seen to.
 */
static bool leave_memory(struct link *l, const struct message *form)
{
	unsigned session = pvm__task.session;

	pvm__await_link(l, pvm__link_is_final);
	if (pvm__task.session != session)
		return false;
	l->out = LINK_CLOSED;
	return pvm__link_is_final(l) ? pvm__link_takes_last(l) : send_again(l, form);
}

/* Put a message, waiting for room. False: it takes a stream. */
static bool put(struct link *l, const struct message *form)
{
	unsigned session = pvm__task.session;
	enum put done;

	while ((done = pvm__link_put(l, form)) == PUT_FULL) {
		pvm__segment_home()->waits++;
		if (pvm__await_link(l, pvm__link_roomy))
			continue;
		if (pvm__task.session == session && l->out == LINK_OPEN) {
			l->out = LINK_STREAMING;
			l->by_stream = 0;
		}
		return false;
	}
	return done == PUT_DONE || (done == PUT_LEFT && leave_memory(l, form));
}

/* Send by memory. False: a stream is to be taken. */
static bool by_memory(struct message *m, int dst)
{
	struct link *l = pvm__share_link(dst, pvm__message_bytes(m));
	unsigned session = pvm__task.session;
	struct message *form;
	bool done;

	if (!l)
		return false;
	l->user = &pvm__self;
	pvm__task.sending++;
	form = l->out == LINK_OPEN || resume(l) ? pvm__link_form(m) : NULL;
	pvm__keep(form, pvm__message_end);
	done = form && (!l->streamed || write_mark(l)) && put(l, form);
	pvm__kept(form);
	pvm__message_unref(form);
	pvm__task.sending--;
	if (pvm__task.session == session)
		l->user = NULL;
	return done;
}

/* Something goes to a task by a stream: before and after. */
static void note_stream(int dst)
{
	struct link *l = pvm__links_end ? pvm__link_find(dst) : NULL;

	if (l)
		l->streamed = true;
}

static void count_stream(int dst)
{
	struct link *l = pvm__links_end ? pvm__link_find(dst) : NULL;

	note_stream(dst);
	if (!l || l->out < LINK_OPEN)
		return;
	l->by_stream++;
	pvm__segment_home()->streamed++;
}

/* ---- streams ------------------------------------------------------------------------------- */

/* Write to a direct route. False: it broke, the message must go through the daemon. */
static bool write_route(struct stream *route, const struct message *m, int dst)
{
	if (pvm__stream_write(route, &(struct parcel){ .message = m, .dst = dst }, 1))
		return true;
	if (!pvm__route_is_leavable(dst))
		pvm__log("direct route to t%x lost, message sent through the daemon",
			(unsigned)dst);
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

/* Send by a direct route, if there is one, or by the daemon. 0 or an error code. */
static int by_stream(const struct message *m, int dst, struct stream *route)
{
	int code = 0;

	note_stream(dst);
	pvm__task.sending++;
	if (!route || !write_route(route, m, dst)) {
		code = pvm__write_daemon(&(struct parcel){ .message = m, .dst = dst }, 1);
		pvm__route_pass_by(dst);
	}
	pvm__task.sending--;
	count_stream(dst);
	return code;
}

/* A program that wants direct routes sees one, by notices and descriptors, also where memory serves. */
static void show_route(int dst)
{
	if (pvm__task.option.route == PvmRouteDirect && wire_is_task((uint32_t)dst))
		pvm__route_stream(dst);
}

int pvm__send(struct message *m, int dst)
{
	struct stream *route = NULL;
	unsigned session = pvm__task.session, early;
	bool done = false;
	int code = 0;

	if (pvm__task.sending) {
		pvm__message_unref(m);
		return PvmNotImpl;
	}
	pvm__keep(m, pvm__message_end);
	show_route(dst);
	early = pvm__route_exists(dst) ? pvm__pass_early() : 0;
	if (pvm__task.session == session)
		done = by_memory(m, dst);
	if (!done && pvm__task.session == session && wire_is_task((uint32_t)dst))
		route = pvm__route_stream(dst);
	if (pvm__task.session != session) {
		pvm__kept(m);
		pvm__message_unref(m);
		return PvmSysErr;
	}
	if (!done)
		code = by_stream(m, dst, route);
	if (code == 0)
		count_written();
	owe(m, 0, &early);
	pvm__kept(m);
	pvm__message_unref(m);
	return finish(session, code);
}

/* Tell the daemon who gets the next multicast, at most WIRE_RECEIVERS_MAX, and send it. */
static int multicast_part(struct message *m, const int *tids, int n)
{
	struct message *announce = pvm__message_new(WIRE_ENC_XDR);
	int code;

	if (!announce)
		return PvmNoMem;
	announce->tag = TM_MCA;
	code = pvm__put_int(announce, n);
	if (code >= 0)
		code = pvm__put_ints(announce, tids, n);
	pvm__keep(announce, pvm__message_end);
	if (code >= 0)
		code = pvm__write_daemon((struct parcel[]){ { .message = announce, .dst = TIDPVMD },
						 { .message = m, .dst = pvmmytid | (int)TIDGID } },
			2);
	pvm__kept(announce);
	pvm__message_unref(announce);
	return code;
}

/* Have the daemon send a message to all of them. */
static int multicast_daemon(struct message *m, const int *tids, int n)
{
	int code = 0;

	for (int i = 0, part; i < n && code >= 0; i += part) {
		part = n - i < WIRE_RECEIVERS_MAX ? n - i : WIRE_RECEIVERS_MAX;
		code = multicast_part(m, tids + i, part);
	}
	return code;
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

/* One reference to what is sent to many: in a form that links take, if there are some. */
static struct message *common_form(struct message *m)
{
	struct message *form = pvm__links_end ? pvm__link_form(m) : NULL;

	if (!form) {
		pvm__message_ref(m);
		return m;
	}
	form->dst = m->dst;
	return form;
}

/* Send to one receiver of a multicast by a direct route. False: there is none. */
static bool by_route(const struct message *m, int dst)
{
	struct stream *route = existing_route(dst);
	bool done;

	if (!route)
		return false;
	note_stream(dst);
	pvm__task.sending++;
	done = write_route(route, m, dst);
	pvm__task.sending--;
	count_stream(dst);
	return done;
}

/*
 * Send by memory and direct routes to whom that is possible; the others are left in `tids`. Returns
 * how many. What goes by memory counts as if it were the daemon's: *common says that some did.
 */
static int send_apart(struct message *m, int *tids, int n, unsigned *early, bool *common)
{
	int nrest = 0;

	for (int i = 0; i < n; i++)
		if (by_memory(m, tids[i]))
			*common = true;
		else if (by_route(m, tids[i]))
			owe(m, 0, early);
		else
			tids[nrest++] = tids[i];
	return nrest;
}

int pvm__multicast(struct message *m, int *tids, int n)
{
	unsigned session = pvm__task.session;
	unsigned early;
	bool common = false;
	int code = 0, nrest;

	if (pvm__task.sending)
		return PvmNotImpl;
	n = tidy(tids, n);
	pvm__routes_await(tids, n);
	if (pvm__task.session != session)
		return PvmSysErr;
	early = any_route(tids, n) ? pvm__pass_early() : 0;
	if (pvm__task.session != session)
		return PvmSysErr;
	m = common_form(m);
	pvm__keep(m, pvm__message_end);
	nrest = send_apart(m, tids, n, &early, &common);
	pvm__task.sending++;
	if (nrest && pvm__task.session == session) {
		for (int i = 0; i < nrest; i++)
			note_stream(tids[i]);
		code = multicast_daemon(m, tids, nrest);
		for (int i = 0; i < nrest; i++) {
			count_stream(tids[i]);
			pvm__route_pass_by(tids[i]);
		}
	}
	pvm__task.sending--;
	if (common || nrest)
		owe(m, 1, &early);
	pvm__kept(m);
	pvm__message_unref(m);
	return finish(session, code);
}
