/* SPDX-License-Identifier: MIT */
/*
 * Request and reply: with the daemon in the system's context, with a resource
 * manager as ordinary messages.  A reply belongs to a request if source, tag and
 * wait id agree, so that a stale one is never taken for another's.
 */
#include "engine/engine.h"

#include <stdlib.h>

/* A request and, when it has come, its reply. */
struct pending {
	struct pending *next;
	const struct thread *asker; /* NULL: given up, and a resource manager's answer is dropped */
	unsigned session;
	int src, tag, wid; /* src TIDPVMD: any daemon */
	bool any_wid;      /* of who may not return it: then the oldest such request is meant */
	struct pace *pace;
	struct message *reply;
	bool lost; /* the resource manager that was asked has ended */
};

static struct pending *pending;                   /* those that wait, oldest first */
static int wid;                                   /* last wait id used */
static struct pace paces[TM_LAST - TM_FIRST + 1]; /* of the daemon's answers, by tag */
static struct pace manager_pace;                  /* of the resource manager's */

static bool from_source(const struct message *m, int src)
{
	return src == TIDPVMD ? wire_is_daemon((uint32_t)m->src) : m->src == src;
}

static bool is_about_moving(int tag)
{
	return tag == TM_MIGRATE || tag == TM_CANMIGRATE || tag == TM_HOLDTASK || tag == TM_OWNER ||
		tag == TM_CKPT || tag == TM_RESTART;
}

/* Does the daemon answer requests with it? */
static bool is_answer_tag(int tag)
{
	return (tag >= TM_FIRST && tag <= TM_LAST) || tag == TM_NOTICES || is_about_moving(tag);
}

static struct pace *pace_of(int tag)
{
	static struct pace of_moves;

	if (tag == TM_NOTICES)
		tag = TM_NOTIFY;
	return tag > TM_LAST ? &of_moves : &paces[tag - TM_FIRST];
}

/* The request that a message answers, or NULL. */
static struct pending *answered_by(const struct message *m)
{
	struct pending *oldest = NULL;

	for (struct pending *p = pending; p; p = p->next) {
		if (p->reply || m->tag != p->tag || !from_source(m, p->src))
			continue;
		if (m->wid == p->wid)
			return p;
		if (p->any_wid && !oldest)
			oldest = p;
	}
	return oldest;
}

static void link_pending(struct pending *p)
{
	struct pending **place = &pending;

	while (*place)
		place = &(*place)->next;
	p->next = NULL;
	*place = p;
}

static void unlink_pending(struct pending *p)
{
	struct pending **place = &pending;

	while (*place && *place != p)
		place = &(*place)->next;
	if (*place)
		*place = p->next;
}

static void forget(struct pending *p)
{
	unlink_pending(p);
	if (p->reply)
		pvm__message_unref(p->reply);
	free(p);
}

/*
 * Nobody waits any more. A resource manager's answer would be taken for an ordinary message, so such
 * a request stays until that has come.
 */
static void give_up(struct pending *p)
{
	if (p->src == TIDPVMD || p->reply || p->lost)
		forget(p);
	else
		p->asker = NULL;
}

/* Forget what was given up and will not be answered: of a session that is over, or of this manager. */
static void forget_given_up(int manager)
{
	for (struct pending *p = pending, *next; p; p = next) {
		next = p->next;
		if (!p->asker && (p->session != pvm__task.session || p->src == manager))
			forget(p);
	}
}

/* ask: the resource manager has ended before it answered. */
#define MANAGER_LOST 1

/* Notice of the daemon: the resource manager has ended. From now on the daemon is asked. */
static void manager_ended(struct message *m)
{
	int tid;

	if (pvm__get_int(m, &tid) == 0 && tid == pvm__task.schedtid) {
		pvm__task.schedtid = 0;
		forget_given_up(tid);
		for (struct pending *p = pending; p; p = p->next)
			if (p->src == tid && !p->reply) {
				p->lost = true;
				pvm__wake_asker(p);
			}
	}
	pvm__message_unref(m);
}

bool pvm__request_reply(struct message *m)
{
	struct pending *p;

	if (m->tag == SM_TASKX && m->ctx == SYSCTX_TC && wire_is_daemon((uint32_t)m->src)) {
		manager_ended(m);
		return true;
	}
	if (wire_is_daemon((uint32_t)m->src) && pvm__freeze_heard(m)) {
		pvm__message_unref(m);
		return true;
	}
	p = answered_by(m);
	if (p) {
		p->reply = m;
		if (p->asker)
			pvm__wake_asker(p);
		else
			forget(p);
		return true;
	}
	if (wire_is_daemon((uint32_t)m->src) && m->ctx == SYSCTX_TM && is_answer_tag(m->tag)) {
		pvm__message_unref(m);
		return true;
	}
	return false;
}

/*
 * Send `req` and wait for the reply that `about` describes. Consumes `req`. What is linked is not on
 * the stack, which a handler may leave by a jump.
 */
static int ask(const struct pending *about, struct message *req, int dst, struct message **reply)
{
	struct pending *p = malloc(sizeof *p);
	const struct interest interest = { .wakes = WAKE_REPLY, .request = p, .pace = about->pace };
	unsigned session = pvm__task.session;
	int code;

	if (!p) {
		pvm__message_unref(req);
		return PvmNoMem;
	}
	*p = *about;
	p->asker = &pvm__self;
	p->session = session;
	forget_given_up(0);
	link_pending(p);
	code = pvm__send_daemon(req, dst);
	while (code >= 0 && !p->reply && !p->lost)
		code = pvm__task.session == session ? pvm__engine_wait_for(&interest, NO_DEADLINE) :
						      PvmSysErr;
	*reply = p->reply;
	p->reply = NULL;
	if (*reply || code >= 0)
		forget(p);
	else
		give_up(p);
	if (*reply) {
		pvm__report_later(session);
		return 0;
	}
	return code >= 0 ? MANAGER_LOST : code;
}

void pvm__requests_left(void)
{
	for (struct pending *p = pending, *next; p; p = next) {
		next = p->next;
		if (p->asker == &pvm__self)
			give_up(p);
	}
}

int pvm__request(int tag, struct message *req, struct message **reply)
{
	if (!req)
		return PvmNoMem;
	req->tag = tag;
	req->ctx = SYSCTX_TM;
	req->wid = ++wid;
	struct pending p = { .src = TIDPVMD, .tag = tag, .wid = req->wid, .pace = pace_of(tag) };
	return ask(&p, req, TIDPVMD, reply);
}

/* Have a daemon of 3.4.6 tell of the manager's end; one of ours answers in its place. */
static int watch_manager(int sched)
{
	static int watched; /* in that session */
	static unsigned session;
	int code;

	if (pvm__task.capabilities & WIRE_EXT_MANAGER ||
		(watched == sched && session == pvm__task.session))
		return 0;
	code = pvm__ask_notice(PvmTaskExit, sched, SM_TASKX);
	if (code >= 0) {
		watched = sched;
		session = pvm__task.session;
	}
	return code;
}

int pvm__request_sched(int tm_tag, int sm_tag, struct message *req, struct message **reply)
{
	int sched = pvm__task.schedtid;
	int code;

	if (!req || !sched || sched == pvmmytid)
		return pvm__request(tm_tag, req, reply);
	code = watch_manager(sched);
	if (code < 0) {
		pvm__message_unref(req);
		return code;
	}
	req->tag = sm_tag;
	req->ctx = PvmBaseContext;
	req->wid = ++wid;
	struct pending p = {
		.src = sched, .tag = sm_tag, .wid = req->wid, .any_wid = true, .pace = &manager_pace
	};
	pvm__message_ref(req);
	pvm__keep(req, pvm__message_end);
	code = ask(&p, req, sched, reply);
	pvm__kept(req);
	if (code == MANAGER_LOST)
		return pvm__request(tm_tag, req, reply);
	pvm__message_unref(req);
	return code;
}

void pvm__requests_become_child(void)
{
	pending = NULL;
}
