/* SPDX-License-Identifier: MIT */
/*
 * pvm_notify: the daemon reports tasks and hosts; direct routes, and the task's
 * own end, are reported by the library itself.
 */
#include <stdlib.h>

#include "api.h"
#include "ask.h"
#include "engine.h"

/* A notice that the library itself will give. */
struct notice {
	struct notice *next;
	int ctx, tag;
	int tid;   /* whose route is deleted, or own tid */
	int count; /* PvmRouteAdd: how many are left, -1: no limit */
};

static struct notice *self_exits, *route_adds, *route_deletes;

static int add_notice(struct notice **list, int tag, int tid, int count)
{
	struct notice *n = malloc(sizeof *n);

	if (!n)
		return PvmNoMem;
	*n = (struct notice){ *list, pvmmyctx, tag, tid, count };
	*list = n;
	return 0;
}

/* The place of a notice of this tag and tid in the current context, or of the list's end. */
static struct notice **find_notice(struct notice **list, int tag, int tid)
{
	while (*list && !((*list)->ctx == pvmmyctx && (*list)->tag == tag && (*list)->tid == tid))
		list = &(*list)->next;
	return list;
}

static void remove_notice(struct notice **place)
{
	struct notice *n = *place;

	if (n) {
		*place = n->next;
		free(n);
	}
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

void pvm__notify_self_exit(void)
{
	while (self_exits) {
		deliver(pvm__compose("i", pvmmytid), TIDPVMD, self_exits->ctx, self_exits->tag);
		remove_notice(&self_exits);
	}
}

void pvm__notices_forget(void)
{
	while (self_exits)
		remove_notice(&self_exits);
	while (route_adds)
		remove_notice(&route_adds);
	while (route_deletes)
		remove_notice(&route_deletes);
}

/* ---- routes -------------------------------------------------------------- */

void pvm__route_opened(int tid, int fd)
{
	struct notice **place = &route_adds;

	while (*place) {
		struct notice *n = *place;

		deliver(pvm__compose("ii", tid, fd), pvmmytid, n->ctx, n->tag);
		if (n->count > 0 && --n->count == 0)
			remove_notice(place);
		else
			place = &n->next;
	}
}

void pvm__route_closed(int tid)
{
	struct notice **place = &route_deletes;

	while (*place) {
		struct notice *n = *place;

		if (n->tid != tid) {
			place = &n->next;
			continue;
		}
		deliver(pvm__compose("ii", tid, -1), pvmmytid, n->ctx, n->tag);
		remove_notice(place);
	}
}

/* Set (n > 0 or -1) or remove (0) the count of route notices. */
static int notify_route_add(int tag, int n, bool cancel)
{
	remove_notice(find_notice(&route_adds, tag, 0));
	return n == 0 || cancel ? 0 : add_notice(&route_adds, tag, 0, n);
}

static int notify_route_delete(int tag, int n, const int *tids, bool cancel)
{
	int code = 0;

	for (int i = 0; i < n && code == 0; i++) {
		struct notice **place = find_notice(&route_deletes, tag, tids[i]);

		if (!cancel && pvm__route_exists(tids[i]))
			code = add_notice(&route_deletes, tag, tids[i], 1);
		else if (!cancel || *place)
			deliver(pvm__compose("ii", tids[i], -1), pvmmytid, pvmmyctx, tag);
		if (cancel)
			remove_notice(place);
	}
	return code;
}

/* ---- tasks and hosts ----------------------------------------------------- */

/* Send the request; there is no reply. */
static int ask_daemon(int what, int tag, int n, const int *tids)
{
	int sched = pvm__task.schedtid;
	bool by_sched = sched && sched != pvmmytid;
	int listed = tids ? n : 0;
	struct message *m = pvm__compose("iiiiv", what, pvmmyctx, tag, n, tids, listed);
	int code;

	if (!m)
		return PvmNoMem;
	m->tag = by_sched ? SM_NOTIFY : TM_NOTIFY;
	code = pvm__send(m, by_sched ? sched : TIDPVMD);
	pvm__message_unref(m);
	return code;
}

/* Keep in mind, or forget, that the task wants to know about its own exit. */
static int note_self(int tag, int n, const int *tids, bool cancel)
{
	int code = 0;

	for (int i = 0; i < n && code == 0; i++) {
		if (tids[i] != pvmmytid)
			continue;
		if (cancel)
			remove_notice(find_notice(&self_exits, tag, pvmmytid));
		else
			code = add_notice(&self_exits, tag, pvmmytid, 1);
	}
	return code;
}

static bool all_tasks(int n, const int *tids)
{
	for (int i = 0; i < n; i++)
		if (!wire_is_task((uint32_t)tids[i]))
			return false;
	return true;
}

/* Check the list that the kind of event needs. */
static bool list_fits(int kind, int n, const int *tids)
{
	switch (kind) {
	case PvmTaskExit:
	case PvmRouteDelete: return n > 0 && tids && all_tasks(n, tids);
	case PvmHostDelete: return n > 0 && tids;
	case PvmHostAdd:
	case PvmRouteAdd: return true;
	default: return false;
	}
}

static int notify(int what, int tag, int n, const int *tids)
{
	int kind = what & ~PvmNotifyCancel;
	bool cancel = what & PvmNotifyCancel;
	int code = pvm__connect();

	if (code)
		return code;
	if ((tag < 0 && !pvm__task.resv_tids) || !list_fits(kind, n, tids))
		return PvmBadParam;
	switch (kind) {
	case PvmRouteAdd: return notify_route_add(tag, n, cancel);
	case PvmRouteDelete: return notify_route_delete(tag, n, tids, cancel);
	case PvmHostAdd: return ask_daemon(what, tag, n, NULL);
	case PvmTaskExit: code = note_self(tag, n, tids, cancel); break;
	}
	return code ? code : ask_daemon(what, tag, n, tids);
}

/*
 * Ask for a message with `tag`, in the current context, when something happens:
 *   PvmTaskExit, PvmHostDelete, PvmRouteDelete: to one of the n tids; the body is
 *     that tid (and -1 for a route);
 *   PvmHostAdd: n times (-1: always, 0: no more); a count and the hosts' tids;
 *   PvmRouteAdd: likewise; a task's tid and the descriptor of the route.
 * With PvmNotifyCancel added, earlier requests are answered now or, for the
 * counted kinds, dropped. 0, PvmBadParam.
 */
int pvm_notify(int event, int tag, int count, int *tids)
{
	API_LOCK();
	int kind = event & ~PvmNotifyCancel, code;
	bool counted = kind == PvmHostAdd || kind == PvmRouteAdd; /* so tids mean nothing */

	API_ENTER(TEV_NOTIFY, TEV_DID_NE, event, TEV_DID_NMC, tag, TEV_DID_NTL, tids,
		counted ? 0 : count);
	code = notify(event, tag, count, tids);
	pvm__settle(); /* what the library itself had to tell is a message now */
	return API_LEAVE(TEV_NOTIFY, TEV_DID_CC, pvm__result("pvm_notify", code));
}
