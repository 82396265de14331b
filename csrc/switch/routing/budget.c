/* SPDX-License-Identifier: MIT */
/* How much a connection may add to a batch of events before others have their turn. */
#include "routing/routing.h"

/* Bytes of messages that one connection may add to a batch, besides its budget. */
#define BUDGET_BYTES (1u << 20)

void budget_hold(struct conn *c)
{
	if (c->finishing)
		return;
	list_remove(&c->place);
	c->parked = false;
	list_append(&tasks_of(c->sw)->held, &c->place);
}

void budget_charge(struct conn *c, uint32_t bytes)
{
	struct sw *sw = c->sw;

	if (c->batch != flow_of(sw)->events.number) {
		c->batch = flow_of(sw)->events.number;
		c->batch_events = 0;
		c->batch_bytes = 0;
	}
	c->batch_events++;
	c->batch_bytes += bytes;
	if (c->batch_events >= sw->cf.budget || c->batch_bytes >= BUDGET_BYTES)
		budget_hold(c);
}

void budget_handled(struct sw *sw)
{
	struct link *held = &tasks_of(sw)->held;
	struct events *events = &flow_of(sw)->events;

	events->handled = events->number - 1;
	remote_resume(sw, &routing_of(sw)->inbox);
	while (!list_empty(held)) {
		struct conn *c = CONTAINER(held->next, struct conn, place);

		if (c->batch == flow_of(sw)->events.number)
			return;
		conn_resume(c);
	}
}

void budget_log(struct conn *c, const char *text)
{
	c->sw->stats.dropped++;
	conn_announce(c, 0);
	events_text(c->sw, SW_LOG, c->peer.id, text);
	budget_charge(c, 0);
}

void budget_report(struct conn *c, uint32_t dst, const char *head, const char *body, uint32_t len,
	char *owned)
{
	conn_announce(c, 0);
	events_message(c->sw, c->peer.id, dst, c->tid ? c->tid : WIRE_TID_NONE, head, body, len,
		owned);
	budget_charge(c, len);
}
