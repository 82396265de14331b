/* SPDX-License-Identifier: MIT */
/*
 * Direct routes: connections between two tasks, closed by either side's end.
 *
 * Messages stay in order.  Requests and answers go by the daemon behind all earlier
 * messages, so these have come when the route is open.  While it is being made no
 * message goes to that task.  If one has to, as that of a handler, or when the other
 * task is stopped, the route is passed by: this task sends by the daemon for good,
 * and only receives by the route. Who sends by the daemon has left its route, or never
 * used it: what the route has brought until then comes first.
 */
#ifndef PVM3PY_LIBPVM_ROUTE_H
#define PVM3PY_LIBPVM_ROUTE_H

#include "engine/engine.h"

enum route_state {
	ROUTE_ASKED,  /* we sent TC_CONREQ and wait for TC_CONACK */
	ROUTE_LISTEN, /* we accepted and wait for the other side to connect */
	ROUTE_OPEN,
	ROUTE_DENIED, /* everything goes through the daemon */
};

struct route {
	struct rendezvous meeting; /* first: a route's address is its socket's */
	struct route *next;
	int tid;
	enum route_state state;
	bool passed_by;          /* what goes to the task goes by the daemon */
	int can;                 /* WIRE_ROUTE_CAN_ bits of the other task, as far as it has said */
	int place;               /* tid of the host where that is */
	bool again;              /* it is asked for a second time */
	bool stale;              /* ROUTE_ASKED: what was bound for it is gone */
	bool asked;              /* the other task was asked to leave it, as this one moves */
	bool told;               /* the other task moves, and wants it to be left */
	bool closed;             /* the socket is closed, and its number kept (parting.c) */
	bool gone;               /* it was left before it was open, and is to be dropped */
	struct stream *prepared; /* without a socket, for the connection that is to come, or NULL */
	struct stream *stream;   /* ROUTE_OPEN */
};

/* ---- the table (route.c) ----------------------------------------------------- */

/* The route to a task; NULL: there is none. */
struct route *pvm__route_find(int tid);
/* A new one to a task that has none, ROUTE_ASKED; NULL: out of memory. */
struct route *pvm__route_new(int tid);
/* Close and forget it; whoever has asked for notices of that gets one if it was open. */
void pvm__route_drop(struct route *);

/* The one behind this one in the table, in any order; NULL: the first, or there is none. */
struct route *pvm__route_next(const struct route *);

/* ---- making one (meeting.c) --------------------------------------------------- */

/* Ask a task for a route; if that is not possible, it is ROUTE_DENIED, or there is none. */
void pvm__route_request(int tid);
/* One that is listened for is open if the other side has connected by now. */
void pvm__route_accept(struct route *);
/* The same in a signal handler, for one that is about to be left: nobody is told. */
void pvm__route_accept_quietly(struct route *);
/* A task has not connected in time, and still may: be told when it ends, with which its route goes. */
void pvm__route_watch_late(int tid);

#endif
