/* SPDX-License-Identifier: MIT */
/*
 * What connections send to the daemon: fragments are put together to messages; what the switch does
 * not serve itself goes to the caller.
 */
#include "routing/routing.h"

#include <stdlib.h>

#include "pvm3.h"

/* Bytes of messages that one connection may add to a batch, besides its budget. */
#define BUDGET_BYTES (1u << 20)

/* Receivers of one multicast. */
#define RECEIVERS_MAX (1u << 20)

/* The connection is not served until the caller has handled the batch that it has added to. */
static void hold(struct conn *c)
{
	if (c->finishing)
		return;
	list_remove(&c->place);
	list_append(&tasks_of(c->sw)->held, &c->place);
}

void inbox_charge(struct conn *c, uint32_t bytes)
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
		hold(c);
}

void inbox_handled(struct sw *sw)
{
	struct link *held = &tasks_of(sw)->held;

	remote_resume(sw, &routing_of(sw)->inbox);
	while (!list_empty(held)) {
		struct conn *c = CONTAINER(held->next, struct conn, place);

		if (c->batch == flow_of(sw)->events.number)
			return;
		conn_ready(c);
	}
}

void inbox_log(struct conn *c, const char *text)
{
	c->sw->stats.dropped++;
	events_text(c->sw, SW_LOG, c->peer.id, text);
	inbox_charge(c, 0);
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* Announce the multicast to each other host of the sorted list, which is left with its daemon. */
static uint32_t announce(struct conn *c, uint32_t *tids, uint32_t count)
{
	uint32_t n = 0, end;

	for (uint32_t i = 0; i < count; i = end) {
		for (end = i + 1; end < count && !((tids[end] ^ tids[i]) & TIDHOST);)
			end++;
		if (!table_local(c->sw, tids[i])) {
			remote_announce(c->sw, c->tid, tids + i, end - i);
			tids[n++] = (tids[i] & TIDHOST) | TID_DAEMON;
			continue;
		}
		for (uint32_t k = i; k < end; k++)
			tids[n++] = tids[k];
	}
	return n;
}

/* TM_MCA: who receives the sender's next multicast message. */
static void set_receivers(struct conn *c, const char *body, uint32_t len)
{
	uint32_t count = len >= 4 ? wire_get32(body) : 0, n = 0;

	if (!c->tid) {
		conn_end(c, SW_PROTOCOL, "multicast before enrolment");
		return;
	}
	if (len < 4 || count > (len - 4) / 4 || count > RECEIVERS_MAX) {
		inbox_log(c,
			count > RECEIVERS_MAX ? "multicast list too long, dropped" :
						"malformed multicast list dropped");
		return;
	}
	free(c->receivers);
	c->receiver_count = 0;
	c->receivers = malloc((count ? count : 1) * sizeof *c->receivers);
	if (!c->receivers) {
		conn_end(c, SW_PROTOCOL, "no memory for its multicast list");
		return;
	}
	for (uint32_t i = 0; i < count; i++) {
		uint32_t tid = wire_get32(body + 4 + 4 * i);

		if (wire_is_task(tid))
			c->receivers[n++] = tid;
	}
	qsort(c->receivers, n, sizeof *c->receivers, by_number);
	c->receiver_count = announce(c, c->receivers, n);
}

/*
 * TM_PSTAT of a task that messages reach: it runs. The switch knows as much as
 * the caller, who is asked about all others. False: not answered.
 */
static bool answer_status(struct conn *c, const char *head, const char *body, uint32_t len)
{
	if (!c->tid || len < 4 || !table_find(c->sw, wire_get32(body)))
		return false;
	conn_answer(c, head, PvmOk, NULL, 0);
	return true;
}

/* Messages that concern the switch alone. True: done. */
static bool serve(struct conn *c, const char *head, const char *body, uint32_t len)
{
	switch (wire_get32(head + WIRE_MSG_TAG)) {
	case (uint32_t)TM_MCA: set_receivers(c, body, len); return true;
	case (uint32_t)TM_PSTAT: return answer_status(c, head, body, len);
	case (uint32_t)TM_DB: return mail_serve(c, head, body, len);
	default: return false;
	}
}

/* A whole message of a connection; `owned` as in events_message. */
static void deliver(struct conn *c, uint32_t dst, const char *head, const char *body, uint32_t len,
	char *owned)
{
	struct sw *sw = c->sw;

	if (wire_is_daemon(dst) && dst != TID_DAEMON && dst != sw->own_tid) {
		remote_message(sw, dst, c->tid, head, body, len);
		free(owned);
		remote_hold(c, dst);
		conn_hold_asker(c);
	} else if (serve(c, head, body, len)) {
		free(owned);
	} else {
		events_message(sw, c->peer.id, dst, c->tid ? c->tid : WIRE_TID_NONE, head, body,
			len, owned);
		inbox_charge(c, len);
		/* The caller passes it on: what the task sends to its manager next comes after it. */
		if (wire_is_task(dst))
			hold(c);
		conn_hold_asker(c);
	}
}

/* Add bytes to the unfinished message; false: the connection has ended. */
static bool gather_body(struct conn *c, const char *data, uint32_t len)
{
	if (!c->tid && (uint64_t)c->in.len + len + MSGHDRLEN > WIRE_FRAG_ENROLLING) {
		conn_end(c, SW_PROTOCOL, "message too long before enrolment");
		return false;
	}
	assembly_gather(c->sw, &c->in, data, len);
	return true;
}

/* The unfinished message ends. */
static void end_message(struct conn *c)
{
	struct assembly *in = &c->in;
	uint32_t len;
	char *body = assembly_take(c->sw, in, &len);

	if (in->too_long) {
		events_too_long(c->sw, c->peer.id, in->dst, c->tid, in->head);
		inbox_charge(c, 0);
	} else {
		deliver(c, in->dst, in->head, body, len, body);
	}
	assembly_drop(c->sw, in);
}

void inbox_fragment(struct conn *c, const char *frag, uint32_t len)
{
	struct assembly *in = &c->in;
	uint32_t dst = wire_get32(frag + WIRE_FRAG_DST);
	unsigned flags = (unsigned char)frag[WIRE_FRAG_FLAGS];
	const char *data = frag + TDFRAGHDR;

	len -= TDFRAGHDR;
	if (!(flags & FFSOM) != in->open || (in->open && in->dst != dst)) {
		inbox_log(c,
			in->open ? "fragment of another message within a message dropped" :
				   "fragment outside of a message dropped");
		return;
	}
	if (flags & FFSOM) {
		const char *head = data;

		data += MSGHDRLEN;
		len -= MSGHDRLEN;
		if ((flags & FFEOM) && len <= c->sw->cf.message_max) {
			deliver(c, dst, head, data, len, NULL);
			return;
		}
		assembly_open(c->sw, in, dst, head);
		if (mail_too_long(c->sw, head, data, len))
			assembly_refuse(c->sw, in);
	}
	if (gather_body(c, data, len) && (flags & FFEOM))
		end_message(c);
}
