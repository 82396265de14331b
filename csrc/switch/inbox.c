/* SPDX-License-Identifier: MIT */
/* What the caller gets: messages for the daemon, put together, and other events, in batches. */
#include "core.h"

#include <stdlib.h>

#include "pvm3.h"

/* Memory of a batch above these sizes is given back after use. */
#define EVENTS_KEPT 1024u
#define ARENA_KEPT 262144u

struct sw_event *inbox_event(struct sw *sw, uint32_t type, uint64_t conn)
{
	struct batch *b = sw->filling;
	struct sw_event *e;

	if (b->count == b->size) {
		b->size = b->size ? b->size * 2 : 64;
		b->events = mem_grow(b->events, b->size * sizeof *b->events);
	}
	e = &b->events[b->count++];
	memset(e, 0, sizeof *e);
	e->type = type;
	e->conn = conn;
	return e;
}

/* Copy data into the arena; until the batch is shown, the event holds the offset. */
static void store(struct batch *b, struct sw_event *e, const char *data, uint32_t len)
{
	if (b->arena_size - b->used < len) {
		b->arena_size = b->arena_size * 2 + len + ARENA_BODY;
		b->arena = mem_grow(b->arena, b->arena_size);
	}
	if (len)
		memcpy(b->arena + b->used, data, len);
	e->data = (const char *)(uintptr_t)b->used;
	e->len = len;
	b->used += len;
}

struct sw_event *inbox_text(struct sw *sw, uint32_t type, uint64_t conn, const char *text)
{
	struct sw_event *e = inbox_event(sw, type, conn);

	store(sw->filling, e, text, (uint32_t)strlen(text));
	return e;
}

/* The connection is not served until the caller has handled the batch that it has added to. */
static void hold(struct conn *c)
{
	if (c->finishing)
		return;
	list_remove(&c->place);
	list_append(&c->sw->held, &c->place);
}

void inbox_charge(struct conn *c, uint32_t bytes)
{
	struct sw *sw = c->sw;

	if (c->batch != sw->batch) {
		c->batch = sw->batch;
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
	while (!list_empty(&sw->held)) {
		struct conn *c = CONTAINER(sw->held.next, struct conn, place);

		if (c->batch == sw->batch)
			return;
		conn_ready(c);
	}
}

void inbox_log(struct conn *c, const char *text)
{
	c->sw->stats.dropped++;
	inbox_text(c->sw, SW_LOG, c->id, text);
	inbox_charge(c, 0);
}

void inbox_drop(struct assembly *in)
{
	free(in->body);
	memset(in, 0, sizeof *in);
}

/* The batch takes over a body that malloc returned. */
static void give_block(struct batch *b, struct sw_event *e, char *data, uint32_t len)
{
	if (b->block_count == b->block_size) {
		b->block_size = b->block_size ? b->block_size * 2 : 16;
		b->blocks = mem_grow(b->blocks, b->block_size * sizeof *b->blocks);
	}
	b->blocks[b->block_count++] = (struct block){ (uint32_t)(e - b->events), data };
	e->len = len;
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
		if (!route_local(c->sw, tids[i])) {
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
	if (len < 4 || count > (len - 4) / 4) {
		inbox_log(c, "malformed multicast list dropped");
		return;
	}
	free(c->receivers);
	c->receivers = mem_new((count ? count : 1) * sizeof *c->receivers);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t tid = wire_get32(body + 4 + 4 * i);

		if (wire_is_task(tid))
			c->receivers[n++] = tid;
	}
	qsort(c->receivers, n, sizeof *c->receivers, by_number);
	c->receiver_count = announce(c, c->receivers, n);
}

void inbox_answer(struct conn *c, const char *head, int32_t number, const char *data, uint32_t len)
{
	char frag[TDFRAGHDR + MSGHDRLEN + 4] = { 0 }, *reply = frag + TDFRAGHDR;

	wire_put32(frag + WIRE_FRAG_DST, c->tid);
	wire_put32(frag + WIRE_FRAG_SRC, TID_DAEMON);
	wire_put32(frag + WIRE_FRAG_LENGTH, MSGHDRLEN + 4 + len);
	frag[WIRE_FRAG_FLAGS] = FFSOM | FFEOM;
	wire_put32(reply + WIRE_MSG_ENC, WIRE_ENC_XDR);
	wire_put32(reply + WIRE_MSG_TAG, wire_get32(head + WIRE_MSG_TAG));
	wire_put32(reply + WIRE_MSG_CTX, wire_get32(head + WIRE_MSG_CTX));
	wire_put32(reply + WIRE_MSG_WID, wire_get32(head + WIRE_MSG_WID));
	wire_put32(reply + MSGHDRLEN, (uint32_t)number);
	queue_copy(c->sw, &c->out, frag, sizeof frag);
	if (len)
		queue_copy(c->sw, &c->out, data, len);
	route_hold_back(c, &c->out);
}

/*
 * TM_PSTAT of a task that messages reach: it runs. The switch knows as much as
 * the caller, who is asked about all others. False: not answered.
 */
static bool answer_status(struct conn *c, const char *head, const char *body, uint32_t len)
{
	if (!c->tid || len < 4 || !route_find(c->sw, wire_get32(body)))
		return false;
	inbox_answer(c, head, PvmOk, NULL, 0);
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

struct sw_event *inbox_message(struct sw *sw, uint64_t conn, uint32_t dst, uint32_t src,
	const char *head, const char *body, uint32_t len, char *owned)
{
	struct batch *b = sw->filling;
	struct sw_event *e = inbox_event(sw, SW_MESSAGE, conn);

	e->dst = dst;
	e->src = src;
	e->enc = wire_get32(head + WIRE_MSG_ENC);
	e->tag = wire_get32(head + WIRE_MSG_TAG);
	e->ctx = wire_get32(head + WIRE_MSG_CTX);
	e->wid = wire_get32(head + WIRE_MSG_WID);
	if (len <= ARENA_BODY) {
		store(b, e, body, len);
		free(owned);
	} else {
		if (!owned)
			owned = memcpy(mem_new(len), body, len);
		give_block(b, e, owned, len);
	}
	return e;
}

/* A whole message of a connection; `owned` as in inbox_message. */
static void deliver(struct conn *c, uint32_t dst, const char *head, const char *body, uint32_t len,
	char *owned)
{
	struct sw *sw = c->sw;

	if (wire_is_daemon(dst) && dst != TID_DAEMON && dst != sw->own_tid) {
		remote_message(sw, dst, c->tid, head, body, len);
		free(owned);
	} else if (serve(c, head, body, len)) {
		free(owned);
	} else {
		inbox_message(sw, c->id, dst, c->tid ? c->tid : WIRE_TID_NONE, head, body, len,
			owned);
		inbox_charge(c, len);
		/* The caller passes it on: what the task sends to its manager next comes after it. */
		if (wire_is_task(dst))
			hold(c);
	}
}

void inbox_gather(struct assembly *in, const char *data, uint32_t len)
{
	uint64_t size = (uint64_t)in->len + len;

	if (size > in->size) {
		in->size = (uint32_t)(size < UINT32_MAX / 2 ? size * 2 : size);
		in->body = mem_grow(in->body, in->size);
	}
	if (len)
		memcpy(in->body + in->len, data, len);
	in->len = (uint32_t)size;
}

/* Add bytes to the unfinished message; false: the connection has ended. */
static bool gather_body(struct conn *c, const char *data, uint32_t len)
{
	struct assembly *in = &c->in;
	uint64_t size = (uint64_t)in->len + len;

	if (size > c->sw->cf.message_max || (!c->tid && size + MSGHDRLEN > WIRE_FRAG_ENROLLING)) {
		conn_end(c, SW_PROTOCOL,
			c->tid ? "message for the daemon too long" :
				 "message too long before enrolment");
		return false;
	}
	inbox_gather(in, data, len);
	return true;
}

void inbox_open(struct assembly *in, uint32_t dst, const char *head)
{
	inbox_drop(in);
	in->open = true;
	in->dst = dst;
	memcpy(in->head, head, MSGHDRLEN);
}

void inbox_fragment(struct conn *c, const char *frag, uint32_t len)
{
	struct assembly *in = &c->in;
	uint32_t dst = wire_get32(frag + WIRE_FRAG_DST);
	unsigned flags = (unsigned char)frag[WIRE_FRAG_FLAGS];
	const char *data = frag + TDFRAGHDR;
	char *owned;

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
		inbox_open(in, dst, head);
	}
	if (!gather_body(c, data, len) || !(flags & FFEOM))
		return;
	owned = in->body;
	in->body = NULL;
	deliver(c, in->dst, in->head, owned, in->len, owned);
	inbox_drop(in);
}

static void clear_batch(struct batch *b)
{
	for (uint32_t i = 0; i < b->block_count; i++)
		free(b->blocks[i].data);
	if (b->size > EVENTS_KEPT) {
		free(b->events);
		b->events = NULL;
		b->size = 0;
	}
	if (b->arena_size > ARENA_KEPT) {
		free(b->arena);
		b->arena = NULL;
		b->arena_size = 0;
	}
	b->count = b->block_count = 0;
	b->used = 0;
	b->remote_bytes = 0;
}

void inbox_turn(struct sw *sw)
{
	struct batch *b = sw->filling;

	clear_batch(sw->shown);
	sw->filling = sw->shown;
	sw->shown = b;
	for (uint32_t i = 0; b->arena && i < b->count; i++)
		b->events[i].data = b->arena + (uintptr_t)b->events[i].data;
	for (uint32_t i = 0; i < b->block_count; i++)
		b->events[b->blocks[i].event].data = b->blocks[i].data;
	sw->batch++;
}

void inbox_free(struct sw *sw)
{
	for (int i = 0; i < 2; i++) {
		clear_batch(&sw->batches[i]);
		free(sw->batches[i].events);
		free(sw->batches[i].arena);
		free(sw->batches[i].blocks);
	}
}

const struct sw_event *sw_events(struct sw *sw, uint32_t *count)
{
	*count = sw->shown->count;
	return sw->shown->events;
}

const char *sw_arena(struct sw *sw, size_t *len)
{
	*len = sw->shown->used;
	return sw->shown->arena;
}
