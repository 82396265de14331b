/* SPDX-License-Identifier: MIT */
/*
 * Request and reply: with the daemon in the system's context, with a resource
 * manager as ordinary messages.  A reply belongs to a request if source, tag and
 * wait id agree, so that a stale one is never taken for another's.
 */
#include "engine.h"

#include "ask.h"

/* Between looks whether a resource manager that does not answer still lives. */
#define LOOK_NS 1000000000

static bool from_source(const struct message *m, int src)
{
	return src == TIDPVMD ? wire_is_daemon((uint32_t)m->src) : m->src == src;
}

/* The request that a message answers, or NULL. */
static struct pending *answered_by(const struct message *m)
{
	struct pending *oldest = NULL;

	for (struct pending *p = pvm__task.pending; p; p = p->next) {
		if (p->reply || m->tag != p->tag || !from_source(m, p->src))
			continue;
		if (m->wid == p->wid)
			return p;
		if (p->any_wid && !oldest)
			oldest = p;
	}
	return oldest;
}

bool pvm__request_reply(struct message *m)
{
	struct pending *p;

	if (!(m->tag & TIDPVMD))
		return false;
	p = answered_by(m);
	if (p) {
		p->reply = m;
		pvm__wake_asker(p);
		return true;
	}
	if (wire_is_daemon((uint32_t)m->src) && m->ctx == SYSCTX_TM &&
	    m->tag >= TM_FIRST && m->tag <= TM_LAST) {
		pvm__message_unref(m);
		return true;
	}
	return false;
}

static void link_pending(struct pending *p)
{
	struct pending **place = &pvm__task.pending;

	while (*place)
		place = &(*place)->next;
	p->next = NULL;
	*place = p;
}

static void unlink_pending(struct pending *p)
{
	struct pending **place = &pvm__task.pending;

	while (*place && *place != p)
		place = &(*place)->next;
	if (*place)
		*place = p->next;
}

/* Has the task ended? */
static bool has_ended(int tid)
{
	return pvm__ask_code(TM_PSTAT, pvm__compose("i", tid)) == PvmNoTask;
}

/*
 * Wait for the reply to a request of this session. 0 or an error code; PvmNoTask: the resource
 * manager that was asked has ended.
 */
static int await_reply(const struct pending *p, unsigned session)
{
	const struct interest interest = { .wakes = WAKE_REPLY, .request = p };
	bool of_task = p->src != TIDPVMD;
	int code = 0;

	while (code >= 0 && !p->reply) {
		int64_t look = of_task ? pvm__now() + LOOK_NS : NO_DEADLINE;

		if (pvm__task.session != session)
			return PvmSysErr;
		code = pvm__engine_wait_for(&interest, look);
		if (code == 0 && of_task && has_ended(p->src))
			code = PvmNoTask;
	}
	return code;
}

/* Send `req` and wait for the reply that `p` describes. Consumes `req`. */
static int ask(struct pending *p, struct message *req, int dst, struct message **reply)
{
	unsigned session = pvm__task.session;
	int code;

	link_pending(p);
	code = pvm__send_daemon(req, dst);
	pvm__message_unref(req);
	if (code >= 0)
		code = await_reply(p, session);
	unlink_pending(p);
	if (!p->reply)
		return code;
	*reply = p->reply;
	return 0;
}

int pvm__request(int tag, struct message *req, struct message **reply)
{
	int code = pvm__connect();

	if (code < 0) {
		pvm__message_unref(req);
		return code;
	}
	req->tag = tag;
	req->ctx = SYSCTX_TM;
	req->wid = ++pvm__task.wid;
	struct pending p = { .src = TIDPVMD, .tag = tag, .wid = req->wid };
	return ask(&p, req, TIDPVMD, reply);
}

int pvm__request_sched(int tm_tag, int sm_tag, struct message *req, struct message **reply)
{
	int code = pvm__connect();
	int sched = pvm__task.schedtid;

	if (code < 0) {
		pvm__message_unref(req);
		return code;
	}
	if (!sched || sched == pvmmytid)
		return pvm__request(tm_tag, req, reply);
	req->tag = sm_tag;
	req->ctx = PvmBaseContext;
	req->wid = ++pvm__task.wid;
	struct pending p = { .src = sched, .tag = sm_tag, .wid = req->wid, .any_wid = true };
	pvm__message_ref(req);
	code = ask(&p, req, sched, reply);
	if (code != PvmNoTask) {
		pvm__message_unref(req);
		return code;
	}
	/* Without a manager the daemon serves it. */
	if (pvm__task.schedtid == sched)
		pvm__task.schedtid = 0;
	return pvm__request(tm_tag, req, reply);
}

int pvm__request_code(int tag, struct message *req)
{
	struct message *reply;
	int code = pvm__request(tag, req, &reply);
	int answer;

	if (code < 0)
		return code;
	code = pvm__get_int(reply, &answer);
	pvm__message_unref(reply);
	return code < 0 ? code : answer;
}
