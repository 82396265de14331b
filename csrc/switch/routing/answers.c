/* SPDX-License-Identifier: MIT */
/*
 * Answers of the caller that hold until it says otherwise. Who asks the same again gets them here.
 *
 * The caller decides by what has happened so far. So an answer is given only when it has handled
 * all events: a request that comes behind another event is answered behind it.
 */
#include "routing/routing.h"

#include <stdlib.h>

/* Longest body of a request whose answer is kept; bytes that all answers may take. */
#define ASKED_MAX 256u
#define ROOM (1u << 20)

struct answer {
	uint32_t tag, asked, len;
	char bytes[]; /* the body of the request, then that of the answer */
};

static size_t size_of(const struct answer *a)
{
	return sizeof *a + a->asked + a->len;
}

/* Where the answer to a request is, if it is kept: a request has one place, which others share. */
static struct answer **place(struct sw *sw, uint32_t tag, const char *body, uint32_t len)
{
	uint32_t hash = (2166136261u ^ tag) * 16777619u;

	for (uint32_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)body[i]) * 16777619u;
	return &routing_of(sw)->answers.places[(hash ^ hash >> 16) % ANSWER_PLACES];
}

static void drop(struct answers *all, struct answer **at)
{
	if (!*at)
		return;
	all->used -= size_of(*at);
	free(*at);
	*at = NULL;
}

void answers_forget(struct sw *sw)
{
	struct answers *all = &routing_of(sw)->answers;

	for (uint32_t i = 0; all->used && i < ANSWER_PLACES; i++)
		drop(all, &all->places[i]);
}

bool answers_serve(struct conn *c, const char *head, const char *body, uint32_t len)
{
	const struct events *events = &flow_of(c->sw)->events;
	const struct answer *a;

	if (!routing_of(c->sw)->answers.used || len > ASKED_MAX || events->filling->count ||
		events->handled + 1 != events->number)
		return false;
	a = *place(c->sw, wire_get32(head + WIRE_MSG_TAG), body, len);
	if (!a || a->tag != wire_get32(head + WIRE_MSG_TAG) || a->asked != len ||
		(len && memcmp(a->bytes, body, len) != 0))
		return false;
	conn_answer_with(c, head, a->bytes + len, a->len);
	return true;
}

void sw_keep_answer(struct sw *sw, uint32_t tag, const char *body, size_t len, const char *answer,
	size_t answer_len)
{
	struct answers *all = &routing_of(sw)->answers;
	struct answer *a, **at;

	if (len > ASKED_MAX || answer_len > ROOM - sizeof *a - ASKED_MAX)
		return;
	a = mem_new(sizeof *a + len + answer_len);
	*a = (struct answer){ tag, (uint32_t)len, (uint32_t)answer_len };
	memcpy(a->bytes, body, len);
	memcpy(a->bytes + len, answer, answer_len);
	lock_enter(sw);
	at = place(sw, tag, body, (uint32_t)len);
	drop(all, at);
	if (all->used + size_of(a) > ROOM)
		answers_forget(sw);
	all->used += size_of(a);
	*at = a;
	lock_leave(sw);
}

void sw_forget_answers(struct sw *sw)
{
	lock_enter(sw);
	answers_forget(sw);
	welcome_forget(sw);
	lock_leave(sw);
}
