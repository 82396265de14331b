/* SPDX-License-Identifier: MIT */
/*
 * Tasks that are not, or may soon not be, where the host in their tid says. An entry is bound (the
 * task is connected here), held (what is sent to it is kept, as for one that is expected) or away
 * (another host has it). A task at home that nobody moves has none.
 */
#include "flow/flow.h"

#include <stdlib.h>

static struct moved **place(const struct sw *sw, uint32_t tid)
{
	/* The bits of the host, and the low ones of the local number. */
	uint32_t at = (tid ^ (tid & TIDHOST) >> 16) % MOVED_PLACES;
	struct moved *const *first = &flow_of(sw)->moved.places[at], **m = (struct moved **)first;

	while (*m && (*m)->tid != tid)
		m = &(*m)->next;
	return m;
}

struct moved *moved_find(const struct sw *sw, uint32_t tid)
{
	return *place(sw, tid);
}

static struct moved *add(struct sw *sw, uint32_t tid)
{
	struct moved *m = mem_new(sizeof *m);

	*m = (struct moved){ .tid = tid };
	*place(sw, tid) = m;
	flow_of(sw)->moved.count++;
	return m;
}

static void drop(struct sw *sw, struct moved *m)
{
	*place(sw, m->tid) = m->next;
	flow_of(sw)->moved.count--;
	free(m);
}

/* Nothing is held any more: who waited for room goes on. */
static void end_hold(struct sw *sw, struct moved *m)
{
	if (m->source)
		m->source->detour = NULL;
	queue_clear(sw, m->queue);
	free(m->queue);
	m->queue = NULL;
	m->awaited = 0;
}

void moved_attach(struct moved *m, struct queue *source)
{
	m->source = source;
	source->detour = m->queue;
}

struct moved *moved_hold(struct sw *sw, uint32_t tid)
{
	struct moved *m = moved_find(sw, tid);
	struct queue *source = table_find(sw, tid);

	if (m && moved_held(m))
		return m;
	if (!m)
		m = add(sw, tid);
	m->host = 0;
	m->queue = mem_new(sizeof *m->queue);
	queue_init(sw, m->queue, NULL, tid);
	m->queue->load.fixed = true;
	if (source)
		moved_attach(m, source);
	return m;
}

void moved_thaw(struct sw *sw, struct moved *m)
{
	struct queue *source = m->source;

	end_hold(sw, m);
	m->source = NULL;
	m->queue = source;
	if (table_local(sw, m->tid))
		drop(sw, m);
}

void moved_place(struct sw *sw, struct moved *m, uint32_t tid, uint32_t host)
{
	bool home = !((tid ^ host) & TIDHOST);

	if (m && moved_held(m))
		end_hold(sw, m);
	if (m && m->source)
		m->source->tid = 0;
	if (home && m) {
		drop(sw, m);
	} else if (!home) {
		m = m ? m : add(sw, tid);
		m->source = NULL;
		m->host = host;
	}
}

void moved_check(struct sw *sw, const struct moved *m)
{
	if (!m->awaited)
		events_add(sw, SW_HELD, 0)->dst = m->tid;
}

void moved_arrived(struct sw *sw, uint32_t tid)
{
	struct moved *m = moved_find(sw, tid);

	if (!m || !m->awaited)
		return;
	m->awaited--;
	moved_check(sw, m);
}

void moved_forget(struct sw *sw, struct moved *m)
{
	struct queue *q = m->queue && m->queue->peer ? m->queue : m->source;

	if (moved_held(m))
		end_hold(sw, m);
	if (q)
		queue_disown(sw, q);
	drop(sw, m);
}

void moved_unbind(struct sw *sw, struct moved *m, const struct queue *q)
{
	if (m->queue == q) {
		drop(sw, m);
	} else if (m->source == q) {
		m->source->detour = NULL;
		m->source = NULL;
	}
}

void moved_each_held(struct sw *sw, void (*visit)(struct sw *, struct queue *, void *), void *arg)
{
	for (uint32_t i = 0; i < MOVED_PLACES; i++)
		for (struct moved *m = flow_of(sw)->moved.places[i]; m; m = m->next)
			if (moved_held(m))
				visit(sw, m->queue, arg);
}

void moved_free(struct sw *sw)
{
	for (uint32_t i = 0; i < MOVED_PLACES; i++)
		while (flow_of(sw)->moved.places[i])
			moved_forget(sw, flow_of(sw)->moved.places[i]);
}
