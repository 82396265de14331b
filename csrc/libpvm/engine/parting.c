/* SPDX-License-Identifier: MIT */
/*
 * Direct routes are left when one of their tasks moves. All that the other one has written comes to lie
 * in a stash, and all that this one has written is where the other one reads it, before anything is
 * sent by the daemon. Of a Unix socket the task that moves sees to that alone. Of a network's the
 * other one has to say that it writes no more (TM_LEAVE). All of it may run in a signal handler.
 */
#include "engine/move.h"
#include "engine/route.h"

#include <errno.h>
#include <poll.h>

enum {
	PEERS_NS = 1500000000, /* the others have that long to leave */
	TOLD_MS = 1000,        /* one that is told to leave waits so long for what is on its way */
	NAP_MS = 1,
};

static bool any_told; /* some route is to be left for the other task's move */

/* ---- own move ---------------------------------------------------------------------------- */

/* How far a route is left. */
enum progress { LEFT, LEAVING, NO_MEMORY };

static bool is_live(const struct route *r)
{
	return r->state == ROUTE_OPEN && !r->stream->lost;
}

/* Of a route that is listened for: nobody has connected to it, and nobody will. */
static enum progress leave_unconnected(struct route *r)
{
	/* Over a network the other one may think by now that it is connected. */
	if (!r->meeting.path[0] && !r->gone)
		return LEAVING;
	pvm__rendezvous_leave(&r->meeting);
	r->gone = pvm__task.transport.route_lost = true;
	return LEFT;
}

/* Of one whose socket is local: who writes to it now sees that it is closed. */
static enum progress leave_local(struct route *r)
{
	int n;

	r->passed_by = true;
	pvm__stream_stop(r->stream, true);
	n = pvm__stash_rest(r->stream);
	return n < 0 ? NO_MEMORY : n ? LEFT : LEAVING;
}

/* What goes to the other task goes by the daemon. */
static void stop_writing(struct route *r)
{
	r->passed_by = true;
	pvm__stream_stop(r->stream, false);
}

/* Ask the other one for its help, once. */
static void ask_peer(struct route *r, int epoch)
{
	if (!r->asked)
		pvm__unroute_write(pvm__task.daemon->way.source.fd, epoch, r->tid);
	r->asked = true;
}

/* Of one over a network: the other one has written all, and got all. */
static enum progress leave_remote(struct route *r, int epoch)
{
	int n;

	ask_peer(r, epoch);
	n = pvm__stash_rest(r->stream);
	if (n < 0)
		return NO_MEMORY;
	if (n || r->told)
		stop_writing(r);
	return n && pvm__stream_is_acknowledged(r->stream) ? LEFT : LEAVING;
}

/* Go on with leaving a route. */
static enum progress leave(struct route *r, int epoch)
{
	if (r->state == ROUTE_LISTEN && r->meeting.path[0])
		pvm__rendezvous_refuse(&r->meeting);
	if (r->state == ROUTE_LISTEN && !r->gone)
		pvm__route_accept_quietly(r);
	if (r->state == ROUTE_LISTEN)
		return r->gone ? LEFT : leave_unconnected(r);
	if (!is_live(r))
		return LEFT;
	return pvm__stream_is_local(r->stream) ? leave_local(r) : leave_remote(r, epoch);
}

/* Go on with all of them. */
static enum progress leave_all(int epoch)
{
	enum progress all = LEFT;

	for (struct route *r = pvm__route_next(NULL); r; r = pvm__route_next(r)) {
		enum progress one = leave(r, epoch);

		if (one > all)
			all = one;
	}
	return all;
}

/* Others that stop at the same time want the same of this one. */
static void hear_peers(void)
{
	struct move_order order;

	while (pvm__stash_until(pvm__task.daemon, TM_LEAVE, 0, &order, 0) > 0)
		pvm__route_told(pvm__order_first(&order));
}

/* Is there a route to a task that does not know how to leave it? */
static bool any_old(void)
{
	for (const struct route *r = pvm__route_next(NULL); r; r = pvm__route_next(r))
		if ((is_live(r) || r->state == ROUTE_LISTEN) && !(r->can & WIRE_ROUTE_CAN_LEAVE))
			return true;
	return false;
}

/* Close what is left; the addresses that others were told of are no good any more. */
static void close_all(void)
{
	for (struct route *r = pvm__route_next(NULL); r; r = pvm__route_next(r)) {
		if (is_live(r)) {
			pvm__stream_close(r->stream);
			r->closed = true;
		} else if (r->state == ROUTE_ASKED) {
			pvm__rendezvous_leave(&r->meeting);
			r->stale = true;
		}
	}
}

/* The task goes on, and sends by the daemon where it has stopped writing. */
static void settle_all(void)
{
	for (const struct route *r = pvm__route_next(NULL); r; r = pvm__route_next(r))
		if (is_live(r) && r->passed_by)
			pvm__stream_await_acknowledged(r->stream);
}

struct objection pvm__routes_leave(int epoch)
{
	int64_t deadline = pvm__now() + PEERS_NS;
	enum progress all;

	if (!pvm__task.engine.routes)
		return (struct objection){ 0 };
	if (any_old())
		return pvm__objection(PvmNotMovable, WIRE_WHY_ROUTES);
	for (struct route *r = pvm__route_next(NULL); r; r = pvm__route_next(r))
		r->asked = false;
	while ((all = leave_all(epoch)) == LEAVING && pvm__now() < deadline) {
		hear_peers();
		poll(NULL, 0, NAP_MS);
	}
	if (all != LEFT) {
		settle_all();
		return pvm__objection(PvmBusy, WIRE_WHY_PEERS);
	}
	close_all();
	return (struct objection){ 0 };
}

bool pvm__routes_renew(void)
{
	bool all = true;

	for (struct route *r = pvm__route_next(NULL); r; r = pvm__route_next(r)) {
		if (r->closed)
			all = pvm__stream_renew_ended(r->stream) && all;
		else if (is_live(r))
			pvm__stream_look(r->stream);
		r->closed = false;
	}
	return all;
}

/* ---- the move of another ------------------------------------------------------------------- */

void pvm__route_told(int tid)
{
	struct route *r = pvm__route_find(tid);

	if (r)
		r->told = any_told = true;
}

/* Write nothing more, and read until the other one, which does the same, has closed the connection. */
static void leave_told(struct route *r)
{
	struct pollfd p = { .fd = r->stream->way.source.fd, .events = POLLIN };
	int n;

	stop_writing(r);
	while ((n = pvm__stash_rest(r->stream)) == 0)
		if (UNINTERRUPTED(poll(&p, 1, TOLD_MS)) <= 0)
			break;
	pvm__stream_await_acknowledged(r->stream);
	pvm__stream_look(r->stream);
}

void pvm__routes_heed(void)
{
	if (!any_told)
		return;
	any_told = false;
	for (struct route *r = pvm__route_next(NULL); r; r = pvm__route_next(r)) {
		bool written = r->stream && r->stream->writer;

		any_told |= r->told && written;
		if (!r->told || written)
			continue;
		pvm__route_accept_quietly(r);
		r->told = false;
		if (is_live(r) && !pvm__stream_is_local(r->stream))
			leave_told(r);
	}
}

bool pvm__routes_written(void)
{
	for (const struct route *r = pvm__route_next(NULL); r; r = pvm__route_next(r))
		if (r->stream && r->stream->writer)
			return true;
	return false;
}
