/* SPDX-License-Identifier: MIT */
/* Notices that the library itself gives: of direct routes, and of the task's own end. */
#include "engine/engine.h"

#include <stdlib.h>

/* A notice that the library itself will give. */
struct notice {
	struct notice *next;
	int ctx, tag;
	int tid;   /* whose route is deleted, or own tid */
	int count; /* PvmRouteAdd: how many are left, -1: no limit */
};

/* Oldest first. */
static struct notice *lists[NOTICE_KINDS];

int pvm__notice_add(enum notice_kind kind, int tag, int tid, int count)
{
	struct notice *n = malloc(sizeof *n), **end = &lists[kind];

	if (!n)
		return PvmNoMem;
	*n = (struct notice){ NULL, pvmmyctx, tag, tid, count };
	while (*end)
		end = &(*end)->next;
	*end = n;
	return 0;
}

static void remove_notice(struct notice **place)
{
	struct notice *n = *place;

	*place = n->next;
	free(n);
}

bool pvm__notice_drop(enum notice_kind kind, int tag, int tid)
{
	struct notice **place = &lists[kind];

	while (*place &&
		!((*place)->ctx == pvmmyctx && (*place)->tag == tag && (*place)->tid == tid))
		place = &(*place)->next;
	if (!*place)
		return false;
	remove_notice(place);
	return true;
}

void pvm__notices_forget(void)
{
	for (int kind = 0; kind < NOTICE_KINDS; kind++)
		while (lists[kind])
			remove_notice(&lists[kind]);
}

/* Deliver a message made by the library; NULL: it could not be made. */
static void deliver(struct message *m, int src, int ctx, int tag)
{
	if (!m) {
		pvm__lost_for_memory(src);
		return;
	}
	m->src = src;
	m->dst = pvmmytid;
	m->ctx = ctx;
	m->tag = tag;
	pvm__deliver(m);
}

/* ---- own exit ------------------------------------------------------------ */

void pvm__notice_self_exit(void)
{
	struct notice **first = &lists[NOTICE_SELF_EXIT];

	while (*first) {
		deliver(pvm__compose("i", pvmmytid), TIDPVMD, (*first)->ctx, (*first)->tag);
		remove_notice(first);
	}
}

/* ---- routes -------------------------------------------------------------- */

void pvm__notice_route_opened(int tid, int fd)
{
	struct notice **place = &lists[NOTICE_ROUTE_ADD];

	while (*place) {
		struct notice *n = *place;

		deliver(pvm__compose("ii", tid, fd), pvmmytid, n->ctx, n->tag);
		if (n->count > 0 && --n->count == 0)
			remove_notice(place);
		else
			place = &n->next;
	}
}

void pvm__notice_no_route(int tid, int ctx, int tag)
{
	deliver(pvm__compose("ii", tid, -1), pvmmytid, ctx, tag);
}

void pvm__notice_route_closed(int tid)
{
	struct notice **place = &lists[NOTICE_ROUTE_DELETE];

	while (*place) {
		struct notice *n = *place;

		if (n->tid != tid) {
			place = &n->next;
			continue;
		}
		pvm__notice_no_route(tid, n->ctx, n->tag);
		remove_notice(place);
	}
}
