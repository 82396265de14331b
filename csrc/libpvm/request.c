/* SPDX-License-Identifier: MIT */
/*
 * Request and reply: with the daemon in the system's context, with a resource
 * manager as ordinary messages.  A reply belongs to a request if source, tag and
 * wait id agree, so that a stale one is never taken for another's.
 */
#include "engine.h"

static bool from_source(const struct message *m, int src)
{
	return src == TIDPVMD ? wire_is_daemon((uint32_t)m->src) : m->src == src;
}

bool pvm__request_reply(struct message *m)
{
	struct pending *p;

	if (!(m->tag & TIDPVMD))
		return false;
	for (p = pvm__task.pending; p; p = p->next)
		if (!p->reply && m->tag == p->tag && from_source(m, p->src) &&
		    (!p->wid || m->wid == p->wid)) {
			p->reply = m;
			return true;
		}
	if (wire_is_daemon((uint32_t)m->src) && m->ctx == SYSCTX_TM &&
	    m->tag >= TM_FIRST && m->tag <= TM_LAST) {
		pvm__message_unref(m);
		return true;
	}
	return false;
}

/* Send `req` and wait for the reply that `p` describes. Consumes `req`. */
static int ask(struct pending *p, struct message *req, int dst, struct message **reply)
{
	struct task *t = &pvm__task;
	int code;

	p->next = t->pending;
	t->pending = p;
	code = pvm__send_daemon(req, dst);
	pvm__message_unref(req);
	while (code >= 0 && !p->reply)
		code = pvm__engine_wait_until(NO_DEADLINE);
	t->pending = p->next;
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
	struct pending p = { .src = sched, .tag = sm_tag };
	return ask(&p, req, sched, reply);
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
