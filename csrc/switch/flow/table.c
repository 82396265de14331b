/* SPDX-License-Identifier: MIT */
/* The table of this host's tids: the queue that leads to each task, connected or expected. */
#include "flow/flow.h"

#include <errno.h>
#include <stdlib.h>

uint32_t table_next_tid(struct sw *sw)
{
	uint32_t *last = &flow_of(sw)->last_number;

	for (uint32_t n = 0; n < TIDLOCAL; n++) {
		uint32_t tid;

		*last = *last % TIDLOCAL + 1;
		tid = (sw->own_tid & TIDHOST) | *last;
		if (!table_alive(sw, tid))
			return tid;
	}
	return 0;
}

uint32_t sw_next_tid(struct sw *sw)
{
	uint32_t tid;

	lock_enter(sw);
	tid = table_next_tid(sw);
	lock_leave(sw);
	return tid;
}

void table_set(struct sw *sw, uint32_t tid, struct queue *q)
{
	struct queue ***page = &flow_of(sw)->table[(tid & TIDLOCAL) / TABLE_PAGE];

	if (!*page) {
		*page = mem_new(TABLE_PAGE * sizeof **page);
		memset(*page, 0, TABLE_PAGE * sizeof **page);
	}
	(*page)[(tid & TIDLOCAL) % TABLE_PAGE] = q;
	if (q)
		table_use(sw, tid);
}

void table_unbind(struct sw *sw, const struct queue *q)
{
	struct moved *m = moved_find(sw, q->tid);

	if (m)
		moved_unbind(sw, m, q);
	else if (q->tid)
		table_set(sw, q->tid, NULL);
}

struct moved *table_hold(struct sw *sw, uint32_t tid)
{
	struct moved *m = moved_hold(sw, tid);

	if (m->source && table_local(sw, tid))
		table_set(sw, tid, NULL);
	return m;
}

void table_thaw(struct sw *sw, struct moved *m)
{
	struct queue *source = m->source;
	uint32_t tid = m->tid;

	moved_thaw(sw, m);
	if (table_local(sw, tid))
		table_set(sw, tid, source);
}

void table_free_expected(struct sw *sw, struct queue *q)
{
	queue_clear(sw, q);
	free(q->invitation);
	free(q);
}

void table_free(struct sw *sw)
{
	moved_free(sw);
	for (uint32_t p = 0; p < TABLE_PAGES; p++) {
		struct queue **page = flow_of(sw)->table[p];

		for (uint32_t i = 0; page && i < TABLE_PAGE; i++)
			if (page[i])
				table_free_expected(sw, page[i]);
		free(page);
		flow_of(sw)->table[p] = NULL;
	}
}

int sw_expect(struct sw *sw, uint32_t tid)
{
	struct queue *q;
	int rc = 0;

	lock_enter(sw);
	if (!table_local(sw, tid)) {
		rc = -EINVAL;
	} else if (table_find(sw, tid)) {
		rc = -EEXIST;
	} else {
		q = mem_new(sizeof *q);
		queue_init(sw, q, NULL, tid);
		table_set(sw, tid, q);
	}
	lock_leave(sw);
	return rc;
}

bool table_forget(struct sw *sw, uint32_t tid)
{
	struct moved *m = moved_find(sw, tid);
	struct queue *q = table_find(sw, tid);

	if (m) {
		moved_forget(sw, m);
		return true;
	}
	if (!q)
		return false;
	table_set(sw, tid, NULL);
	if (q->peer)
		queue_disown(sw, q);
	else
		table_free_expected(sw, q);
	return true;
}

bool table_end(struct sw *sw, uint32_t tid)
{
	bool known = table_forget(sw, tid);

	if (table_local(sw, tid))
		flow_of(sw)->alive[(tid & TIDLOCAL) / 64] &= ~(UINT64_C(1) << tid % 64);
	return known;
}

int sw_forget(struct sw *sw, uint32_t tid)
{
	bool known;

	lock_enter(sw);
	known = table_end(sw, tid);
	lock_leave(sw);
	return known ? 0 : -ENOENT;
}
