/* SPDX-License-Identifier: MIT */
/* What the caller gets: events in batches, one being filled while the other is shown. */
#include "flow/flow.h"

#include <stdlib.h>

/* Message bodies up to this size are collected in the arena of a batch. */
#define ARENA_BODY 4096u
/* Memory of a batch above these sizes is given back after use. */
#define EVENTS_KEPT 1024u
#define ARENA_KEPT 262144u
/* A quiet event that has waited for so long wakes the caller. */
#define QUIET_NS (20 * NS_PER_MS)

void events_init(struct sw *sw)
{
	struct events *events = &flow_of(sw)->events;

	events->filling = &events->batches[0];
	events->shown = &events->batches[1];
	events->number = 1;
}

struct sw_event *events_add(struct sw *sw, uint32_t type, uint64_t conn)
{
	struct batch *b = flow_of(sw)->events.filling;
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

struct sw_event *events_data(struct sw *sw, uint32_t type, uint64_t conn, const void *data,
	uint32_t len)
{
	struct sw_event *e = events_add(sw, type, conn);

	store(flow_of(sw)->events.filling, e, data, len);
	return e;
}

struct sw_event *events_text(struct sw *sw, uint32_t type, uint64_t conn, const char *text)
{
	return events_data(sw, type, conn, text, (uint32_t)strlen(text));
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

struct sw_event *events_message(struct sw *sw, uint64_t conn, uint32_t dst, uint32_t src,
	const char *head, const char *body, uint32_t len, char *owned)
{
	struct batch *b = flow_of(sw)->events.filling;
	struct sw_event *e = events_add(sw, SW_MESSAGE, conn);

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

void events_too_long(struct sw *sw, uint64_t conn, uint32_t dst, uint32_t src, const char *head)
{
	events_message(sw, conn, dst, src, head, NULL, 0, NULL)->reason = SW_TOO_LONG;
}

void events_quiet(struct sw *sw)
{
	struct batch *b = flow_of(sw)->events.filling;

	if (!events_room(sw))
		return;
	if (!b->quiet_count)
		b->due = clock_now() + QUIET_NS;
	b->quiet[b->quiet_count++] = b->count - 1;
}

bool events_room(const struct sw *sw)
{
	return flow_of(sw)->events.filling->quiet_count < QUIET_MAX;
}

const struct sw_event *events_last_quiet(const struct sw *sw, const char **data)
{
	const struct batch *b = flow_of(sw)->events.filling;
	const struct sw_event *e;

	if (!b->quiet_count || b->quiet[b->quiet_count - 1] != b->count - 1)
		return NULL;
	e = &b->events[b->count - 1];
	*data = b->arena + (uintptr_t)e->data;
	return e;
}

void events_retract(struct sw *sw)
{
	struct batch *b = flow_of(sw)->events.filling;

	b->used = (uintptr_t)b->events[--b->count].data;
	b->quiet_count--;
}

bool events_settled(const struct sw *sw)
{
	const struct events *events = &flow_of(sw)->events;

	return events->filling->count == events->filling->quiet_count &&
		events->handled + 1 == events->number;
}

bool events_pressing(const struct sw *sw)
{
	const struct batch *b = flow_of(sw)->events.filling;

	return b->count > b->quiet_count || b->quiet_count == QUIET_MAX ||
		(b->quiet_count && b->due <= clock_now());
}

int64_t events_due(const struct sw *sw)
{
	const struct batch *b = flow_of(sw)->events.filling;

	return b->quiet_count ? b->due : NEVER;
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
	b->quiet_count = 0;
	b->used = 0;
	b->remote_bytes = 0;
}

void events_turn(struct sw *sw)
{
	struct events *events = &flow_of(sw)->events;
	struct batch *b = events->filling;

	clear_batch(events->shown);
	events->filling = events->shown;
	events->shown = b;
	for (uint32_t i = 0; b->arena && i < b->count; i++)
		b->events[i].data = b->arena + (uintptr_t)b->events[i].data;
	for (uint32_t i = 0; i < b->block_count; i++)
		b->events[b->blocks[i].event].data = b->blocks[i].data;
	events->number++;
}

void events_free(struct sw *sw)
{
	for (int i = 0; i < 2; i++) {
		struct batch *b = &flow_of(sw)->events.batches[i];

		clear_batch(b);
		free(b->events);
		free(b->arena);
		free(b->blocks);
	}
}

const struct sw_event *sw_events(struct sw *sw, uint32_t *count)
{
	const struct batch *b = flow_of(sw)->events.shown;

	*count = b->count;
	return b->events;
}

const char *sw_arena(struct sw *sw, size_t *len)
{
	const struct batch *b = flow_of(sw)->events.shown;

	*len = b->used;
	return b->arena;
}

void assembly_open(struct sw *sw, struct assembly *in, uint32_t dst, const char *head)
{
	assembly_drop(sw, in);
	in->open = true;
	in->dst = dst;
	memcpy(in->head, head, MSGHDRLEN);
}

/* Give the body back. */
static void drop_body(struct sw *sw, struct assembly *in)
{
	flow_of(sw)->assembled -= in->len;
	free(in->body);
	in->body = NULL;
	in->len = in->size = 0;
}

void assembly_refuse(struct sw *sw, struct assembly *in)
{
	drop_body(sw, in);
	in->too_long = true;
}

/* Let a body have room for `size` bytes; false: there is no memory for it. */
static bool make_room(struct sw *sw, struct assembly *in, uint32_t size)
{
	uint64_t wanted = (uint64_t)size * 2;
	char *body;

	if (size <= in->size)
		return true;
	if (wanted > sw->cf.message_max)
		wanted = sw->cf.message_max;
	body = realloc(in->body, wanted);
	if (!body)
		return false;
	in->body = body;
	in->size = (uint32_t)wanted;
	return true;
}

void assembly_gather(struct sw *sw, struct assembly *in, const char *data, uint32_t len)
{
	uint64_t size = (uint64_t)in->len + len;

	if (in->too_long || size > sw->cf.message_max ||
		flow_of(sw)->assembled + len > sw->cf.queue_total ||
		!make_room(sw, in, (uint32_t)size)) {
		assembly_refuse(sw, in);
		return;
	}
	if (len)
		memcpy(in->body + in->len, data, len);
	in->len = (uint32_t)size;
	flow_of(sw)->assembled += len;
}

char *assembly_take(struct sw *sw, struct assembly *in, uint32_t *len)
{
	char *body = in->body;

	*len = in->len;
	in->body = NULL;
	drop_body(sw, in);
	return body;
}

void assembly_drop(struct sw *sw, struct assembly *in)
{
	drop_body(sw, in);
	memset(in, 0, sizeof *in);
}
