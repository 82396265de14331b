/* SPDX-License-Identifier: MIT */
/*
 * pvm_notify: the daemon reports tasks and hosts; direct routes, and the task's
 * own end, are reported by the library itself.
 */
#include "calls/api.h"

/* Set (n > 0 or -1) or remove (0) the count of route notices. */
static int notify_route_add(int tag, int n, bool cancel)
{
	pvm__notice_drop(NOTICE_ROUTE_ADD, tag, 0);
	return n == 0 || cancel ? 0 : pvm__notice_add(NOTICE_ROUTE_ADD, tag, 0, n);
}

static int notify_route_delete(int tag, int n, const int *tids, bool cancel)
{
	int code = 0;

	for (int i = 0; i < n && code == 0; i++) {
		if (!cancel && pvm__route_exists(tids[i]))
			code = pvm__notice_add(NOTICE_ROUTE_DELETE, tag, tids[i], 1);
		else if (!cancel || pvm__notice_drop(NOTICE_ROUTE_DELETE, tag, tids[i]))
			pvm__notice_no_route(tids[i], pvmmyctx, tag);
	}
	return code;
}

/* Ask the daemon, which might refuse, and answers. 0, PvmOutOfRes or another error code. */
static int ask_for_room(struct message *m)
{
	struct message *reply;
	int code = pvm__request(TM_NOTICES, m, &reply), room;

	if (code < 0)
		return code;
	code = pvm__get_int(reply, &room);
	pvm__message_unref(reply);
	if (code < 0 || room < 0)
		return code < 0 ? code : room;
	pvm__notices_granted(room);
	return 0;
}

/* Send one request, about `listed` tids. There is no answer unless it might be refused. */
static int ask_once(int what, int tag, int n, const int *tids, int listed)
{
	int sched = pvm__task.schedtid;
	bool by_sched = sched && sched != pvmmytid;
	bool fits = what & PvmNotifyCancel || pvm__notices_fit(listed ? listed : 1);
	struct message *m = pvm__compose("iiiiv", what, pvmmyctx, tag, n, tids, listed);

	if (!m)
		return PvmNoMem;
	if (!fits && pvm__task.capabilities & WIRE_EXT_NOTICES)
		return ask_for_room(m);
	m->tag = by_sched ? SM_NOTIFY : TM_NOTIFY;
	return pvm__send(m, by_sched ? sched : TIDPVMD);
}

/* Ask the daemon, or a resource manager, for notices about these tids, some at a time. */
static int ask_about(int what, int tag, int n, const int *tids)
{
	int code = 0;

	for (int i = 0, part; i < n && code >= 0; i += part) {
		part = n - i < WIRE_NOTICES_LISTED ? n - i : WIRE_NOTICES_LISTED;
		code = ask_once(what, tag, part, tids + i, part);
	}
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
			pvm__notice_drop(NOTICE_SELF_EXIT, tag, pvmmytid);
		else
			code = pvm__notice_add(NOTICE_SELF_EXIT, tag, pvmmytid, 1);
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
	if ((tag < 0 && !pvm__task.option.resv_tids) || !list_fits(kind, n, tids))
		return PvmBadParam;
	switch (kind) {
	case PvmRouteAdd: return notify_route_add(tag, n, cancel);
	case PvmRouteDelete: return notify_route_delete(tag, n, tids, cancel);
	case PvmHostAdd: return ask_once(what, tag, n, NULL, 0);
	case PvmTaskExit: code = note_self(tag, n, tids, cancel); break;
	}
	return code ? code : ask_about(what, tag, n, tids);
}

/*
 * Ask for a message with `tag`, in the current context, when something happens:
 *   PvmTaskExit, PvmHostDelete, PvmRouteDelete: to one of the n tids; the body is
 *     that tid (and -1 for a route);
 *   PvmHostAdd: n times (-1: always, 0: no more); a count and the hosts' tids;
 *   PvmRouteAdd: likewise; a task's tid and the descriptor of the route.
 * With PvmNotifyCancel added, earlier requests are answered now or, for the
 * counted kinds, dropped. 0, PvmBadParam; PvmOutOfRes: the daemon keeps no more of them. Those
 * about the first tids may then be kept, and those about what has ended are given.
 */
int pvm_notify(int event, int tag, int count, int *tids)
{
	API_LOCK();
	int kind = event & ~PvmNotifyCancel, code;
	bool counted = kind == PvmHostAdd || kind == PvmRouteAdd; /* so tids mean nothing */

	API_BEGIN(TEV_NOTIFY, TEV_DID_NE, event, TEV_DID_NMC, tag, TEV_DID_NTL, tids,
		counted ? 0 : count);
	code = notify(event, tag, count, tids);
	pvm__settle(); /* what the library itself had to tell is a message now */
	return API_LEAVE(TEV_NOTIFY, TEV_DID_CC, pvm__result("pvm_notify", code));
}
