/* SPDX-License-Identifier: MIT */
/*
 * Changes of a task's trace destination (TM_SETOPT). The caller keeps it, and uses it at the task's
 * end: so it is told with a quiet event, and of several changes in a row only the last.
 */
#include "routing/routing.h"

#include <ctype.h>

#include "pvmproto.h"

/* A body: the option, bytes of the text, the text: a number in hexadecimal digits with a NUL. */
#define HEAD 8u
#define DIGITS_MAX 8u

static bool is_number(const char *text, uint32_t size)
{
	for (uint32_t i = 0; i + 1 < size; i++)
		if (!isxdigit((unsigned char)text[i]))
			return false;
	return text[size - 1] == '\0';
}

/* Does the request set one word of the trace destination, and nothing else? */
static bool ordinary(const char *body, uint32_t len)
{
	uint32_t option, size;

	if (len <= HEAD)
		return false;
	option = wire_get32(body);
	size = wire_get32(body + 4);
	return option >= TS_TRCTID && option <= TS_TRCTAG && size > 1 && size <= DIGITS_MAX + 1 &&
		len == HEAD + ((size + 3) & ~3u) && is_number(body + HEAD, size);
}

/* Does the event that was added last tell of the same task's same option? */
static bool told_last(const struct conn *c, const char *body)
{
	const char *data;
	const struct sw_event *e = events_last_quiet(c->sw, &data);

	return e && e->conn == c->peer.id && e->tag == (uint32_t)TM_SETOPT &&
		memcmp(data, body, 4) == 0;
}

bool options_serve(struct conn *c, const char *head, const char *body, uint32_t len)
{
	struct sw *sw = c->sw;

	if (!ordinary(body, len) || !events_room(sw))
		return false;
	if (told_last(c, body))
		events_retract(sw);
	events_message(sw, c->peer.id, TID_DAEMON, c->tid, head, body, len, NULL)
		->reason = SW_ANSWERED;
	events_quiet(sw);
	conn_answer_with(c, head, NULL, 0);
	return true;
}
