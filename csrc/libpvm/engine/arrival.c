/* SPDX-License-Identifier: MIT */
/*
 * What becomes of messages that have come.
 *
 * Taking in and acting on what came are separate steps. A pass over the connections only
 * collects complete messages, one of each. pvm__settle then runs handlers and queues the rest; it does so
 * only while no message is being written and no handler is running. So handlers may send and
 * ask the daemon like any other code, and nothing frees a stream under its reader or writer.
 */
#include "engine/engine.h"

/* Complete messages, neither handled nor queued yet. */
static struct queue arrived;

void pvm__deliver(struct message *m)
{
	m->mode = MESSAGE_READING;
	pvm__message_set_codec(m);
	pvm__message_rewind(m);
	if (m->ctx == SYSCTX_TC && m->tag == TC_TASKEXIT)
		pvm__above.notice_routes(m);
	if (!(m->tag & TIDPVMD) || !pvm__above.answer(m))
		pvm__queue_append(&arrived, m);
}

/* Put a message into the receive list, for whoever waits for it. */
static void enlist(struct message *m)
{
	m->serial = ++pvm__task.engine.serial;
	pvm__queue_append(&pvm__task.engine.inbox, m);
	pvm__wake_receivers(m);
}

static void dispatch_arrived(void)
{
	struct task *t = &pvm__task;
	struct message *m;

	t->engine.dispatcher = &pvm__self;
	while ((m = arrived.head)) {
		pvm__queue_remove(&arrived, m);
		if (pvm__above.handle(m))
			pvm__message_unref(m);
		else
			enlist(m);
		pvm__wake(WAKE_NEWS);
	}
	t->engine.dispatcher = NULL;
}

/* While another thread runs a handler: put what no handler takes into the receive list. */
static void enlist_unhandled(void)
{
	for (struct message *m = arrived.head, *next; m; m = next) {
		next = m->next;
		if (pvm__above.has_handler(m))
			continue;
		pvm__queue_remove(&arrived, m);
		enlist(m);
		pvm__wake(WAKE_NEWS);
	}
}

/* Dispatch what has arrived, and what ends with that. */
static void dispatch(void)
{
	struct task *t = &pvm__task;

	/* The handlers' order is that of the messages: one thread at a time runs them. */
	if (t->engine.dispatcher) {
		enlist_unhandled();
		return;
	}
	do
		dispatch_arrived();
	while ((t->transport.route_lost && pvm__above.reap_routes()) ||
		(t->daemon && t->daemon->lost && pvm__above.last_words()));
}

void pvm__settle(void)
{
	struct task *t = &pvm__task;

	/* Before the handlers are installed nothing can be dispatched. */
	if (t->sending || t->in_handler || t->engine.enroller)
		return;
	/* A word about links that had to wait for room has let messages arrive meanwhile. */
	do {
		dispatch();
		pvm__share_settle();
	} while (arrived.head && !t->engine.dispatcher);
	if (t->daemon && t->daemon->lost)
		pvm__above.hang_up();
}

void pvm__dispatch_left(struct message *m)
{
	pvm__message_unref(m);
	if (pvm__task.engine.dispatcher == &pvm__self)
		pvm__task.engine.dispatcher = NULL;
	pvm__wake(WAKE_NEWS);
	pvm__settle();
}

void pvm__discard_received(void)
{
	pvm__queue_clear(&arrived);
	pvm__queue_clear(&pvm__task.engine.inbox);
}
