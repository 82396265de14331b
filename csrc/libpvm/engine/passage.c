/* SPDX-License-Identifier: MIT */
/* Which messages go by a direct route, and waiting for one that is being made. */
#include "engine/route.h"

enum { ACCEPT_WAIT_MS = 2000 };

void pvm__route_pass_by(int tid)
{
	struct route *r = pvm__route_find(tid);

	if (r)
		r->passed_by = true;
}

/*
 * Wait for what brings a route on. If it does not come the route is passed by. A message that was
 * lost for want of memory may have been it: that loss is left to be told.
 */
static void await_progress(int tid, int64_t deadline)
{
	int code = pvm__engine_wait_until(deadline);
	struct route *r;

	if (code >= 0)
		return;
	if (code == PvmNoMem)
		pvm__task.engine.short_of_memory = true;
	r = pvm__route_find(tid);
	if (r && r->state != ROUTE_OPEN)
		r->passed_by = true;
}

/* Is a route in that state, and nothing has passed it by? */
static bool is_at(int tid, enum route_state state)
{
	const struct route *r = pvm__route_find(tid);

	return r && r->state == state && !r->passed_by;
}

/*
 * Wait until the other side has connected. It may be stopped, and still connect later: to close the
 * socket then would lose what it has written.
 */
static void await_connection(int tid)
{
	int64_t deadline = pvm__now() + ACCEPT_WAIT_MS * (int64_t)1000000;

	while (is_at(tid, ROUTE_LISTEN)) {
		await_progress(tid, deadline);
		if (!is_at(tid, ROUTE_LISTEN) || pvm__now() < deadline)
			continue;
		pvm__route_pass_by(tid);
		pvm__route_watch_late(tid);
	}
}

/* Is a route being made, and can this thread wait for it? */
static bool is_awaited(const struct route *r)
{
	return r && !r->passed_by &&
		(r->state == ROUTE_LISTEN || (r->state == ROUTE_ASKED && !pvm__task.in_handler));
}

/* Wait until a route is made, refused, or passed by. False: that is so. */
static bool await_route(int tid)
{
	if (!is_awaited(pvm__route_find(tid)))
		return false;
	while (!pvm__task.in_handler && is_at(tid, ROUTE_ASKED))
		await_progress(tid, NO_DEADLINE);
	await_connection(tid);
	return true;
}

void pvm__routes_await(const int *tids, int n)
{
	/* While one is awaited others may be asked for. */
	for (int i = 0; i < n && pvm__task.engine.routes; i++)
		if (await_route(tids[i]))
			i = -1;
}

struct stream *pvm__route_stream(int tid)
{
	struct task *t = &pvm__task;
	struct route *r = pvm__route_find(tid);

	if (!r && t->option.route == PvmRouteDirect && tid != pvmmytid && !t->in_handler &&
		!pvm__self.unrouted)
		pvm__route_request(tid);
	if (!r || r->state != ROUTE_OPEN) {
		await_route(tid);
		r = pvm__route_find(tid);
	}
	return r && r->state == ROUTE_OPEN && !r->passed_by && !r->stream->lost ? r->stream : NULL;
}
