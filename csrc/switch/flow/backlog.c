/* SPDX-License-Identifier: MIT */
/*
 * Back-pressure: how much is queued to one receiver (a task, or another host),
 * and who has to wait until it is less. Senders of this host wait as parked
 * connections; those of other hosts are asked to pause.
 */
#include "flow/flow.h"

/* Period in which a backlog with waiting senders must make progress or gets more room. */
#define STALL_NS 20000000

void stalls_init(struct sw *sw)
{
	list_init(&flow_of(sw)->stalls.list);
}

void backlog_init(struct sw *sw, struct backlog *b)
{
	memset(b, 0, sizeof *b);
	b->bound = sw->cf.queue_low;
	list_init(&b->waiters);
	list_init(&b->remotes);
}

/* Far enough below the bound to let senders go on? */
static bool has_drained(const struct sw *sw, const struct backlog *b)
{
	return b->bytes <= b->bound / 2 &&
		(sw->stats.queued_bytes <= sw->cf.queue_total || b->bytes <= sw->cf.queue_low / 2);
}

void backlog_release(struct sw *sw, struct backlog *b)
{
	sw__above.resume(sw, b);
	list_remove(&b->stalled);
}

void backlog_add(struct sw *sw, struct backlog *b, uint64_t n)
{
	b->bytes += n;
	sw->stats.queued_bytes += n;
}

void backlog_take(struct sw *sw, struct backlog *b, uint64_t n)
{
	b->bytes -= n;
	sw->stats.queued_bytes -= n;
	if (!b->bytes)
		b->bound = sw->cf.queue_low;
	if ((b->stalled.next || !list_empty(&b->waiters)) && has_drained(sw, b))
		backlog_release(sw, b);
}

void backlog_watch(struct sw *sw, struct backlog *b)
{
	struct stalls *stalls = &flow_of(sw)->stalls;

	sw->stats.parked++;
	if (b->fixed || b->stalled.next)
		return;
	if (list_empty(&stalls->list))
		stalls->check = clock_now() + STALL_NS;
	list_append(&stalls->list, &b->stalled);
	b->progress = false;
}

int64_t backlog_due(const struct sw *sw)
{
	const struct stalls *stalls = &flow_of(sw)->stalls;

	return list_empty(&stalls->list) ? NEVER : stalls->check;
}

void backlog_check_stalls(struct sw *sw)
{
	struct stalls *stalls = &flow_of(sw)->stalls;
	struct link *l, *next;
	int64_t now;

	if (list_empty(&stalls->list) || (now = clock_now()) < stalls->check)
		return;
	stalls->check = now + STALL_NS;
	for (l = stalls->list.next; l != &stalls->list; l = next) {
		struct backlog *b = CONTAINER(l, struct backlog, stalled);

		next = l->next;
		if (!b->progress && b->bound < sw->cf.queue_high)
			b->bound = b->bound * 2 < sw->cf.queue_high ? b->bound * 2 :
								      sw->cf.queue_high;
		b->progress = false;
		if (!backlog_full(sw, b))
			backlog_release(sw, b);
	}
}
