/* SPDX-License-Identifier: MIT */
/* Direct routes: which there are, and what is done with all of them. */
#include "engine/route.h"

#include <stdlib.h>

enum { BUCKETS = 64 };

static struct route *routes[BUCKETS]; /* hashed by tid */

static struct route **bucket(int tid)
{
	return &routes[(unsigned)tid % BUCKETS];
}

struct route *pvm__route_find(int tid)
{
	struct route *r = *bucket(tid);

	while (r && r->tid != tid)
		r = r->next;
	return r;
}

struct route *pvm__route_next(const struct route *r)
{
	struct route *next = r ? r->next : NULL;

	for (unsigned i = r ? (unsigned)r->tid % BUCKETS + 1 : 0; !next && i < BUCKETS; i++)
		next = routes[i];
	return next;
}

struct route *pvm__route_new(int tid)
{
	struct route *r = calloc(1, sizeof *r);

	if (!r)
		return NULL;
	r->meeting.source.fd = r->meeting.reserve = -1;
	r->tid = tid;
	r->place = pvm__place(tid);
	r->state = ROUTE_ASKED;
	r->next = *bucket(tid);
	*bucket(tid) = r;
	pvm__task.engine.routes++;
	return r;
}

void pvm__route_drop(struct route *r)
{
	struct route **p = bucket(r->tid);
	int tid = r->tid;
	bool open = r->state == ROUTE_OPEN;

	while (*p != r)
		p = &(*p)->next;
	*p = r->next;
	pvm__task.engine.routes--;
	pvm__rendezvous_close(&r->meeting);
	free(r->prepared);
	if (r->stream)
		pvm__stream_free(r->stream);
	free(r);
	if (open)
		pvm__notice_route_closed(tid);
}

bool pvm__routes_reap(void)
{
	bool any = false;

	pvm__task.transport.route_lost = false;
	for (int i = 0; i < BUCKETS; i++)
		for (struct route *r = routes[i], *next; r; r = next) {
			next = r->next;
			if (r->gone || (r->stream && r->stream->lost)) {
				pvm__route_drop(r);
				any = true;
			}
		}
	return any;
}

bool pvm__routes_drain(void)
{
	bool any = false;

	for (int i = 0; i < BUCKETS; i++)
		for (struct route *r = routes[i]; r; r = r->next)
			if (r->stream)
				any = pvm__stream_drain(r->stream) || any;
	return any;
}

void pvm__routes_close(void)
{
	for (int i = 0; i < BUCKETS; i++)
		while (routes[i]) {
			/* Nobody is told: the program itself ends its connections. */
			if (routes[i]->state == ROUTE_OPEN)
				routes[i]->state = ROUTE_DENIED;
			pvm__route_drop(routes[i]);
		}
	pvm__task.transport.route_lost = false;
}

void pvm__routes_abandon(void)
{
	for (int i = 0; i < BUCKETS; i++)
		for (struct route *r = routes[i]; r; r = r->next) {
			if (r->stream)
				pvm__stream_abandon(r->stream);
			pvm__rendezvous_abandon(&r->meeting);
		}
}

void pvm__writes_left(void)
{
	pvm__share_left();
	pvm__links_left();
	if (pvm__task.daemon)
		pvm__stream_left(pvm__task.daemon);
	for (int i = 0; i < BUCKETS; i++)
		for (struct route *r = routes[i]; r; r = r->next)
			if (r->stream)
				pvm__stream_left(r->stream);
}

bool pvm__route_is_leavable(int tid)
{
	const struct route *r = pvm__route_find(tid);

	return r && r->can & WIRE_ROUTE_CAN_LEAVE;
}

bool pvm__route_exists(int tid)
{
	struct route *r = pvm__route_find(tid);

	return r && r->state == ROUTE_OPEN;
}

static int descriptor(const struct route *r)
{
	return r->stream ? pvm__stream_select_fd(r->stream) : r->meeting.source.fd;
}

int pvm__route_fds(int *fds)
{
	int n = 0, left = pvm__task.engine.routes;

	for (int i = 0; left; i++)
		for (struct route *r = routes[i]; r; r = r->next, left--) {
			if (r->state != ROUTE_OPEN && r->state != ROUTE_LISTEN)
				continue;
			fds[n] = descriptor(r);
			if (fds[n++] < 0)
				return PvmSysErr;
		}
	return n;
}

void pvm__routes_notice(struct message *m)
{
	int host = 0;

	if (wire_is_daemon((uint32_t)m->src) && pvm__get_int(m, &host) == 0 && host &&
		!(host & (int)TIDLOCAL))
		for (int i = 0; i < BUCKETS; i++)
			for (struct route *r = routes[i]; r; r = r->next)
				if (r->stream && r->place == host) {
					r->stream->settles = false;
					pvm__stream_end(r->stream);
				}
	pvm__message_rewind(m);
}
