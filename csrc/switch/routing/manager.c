/* SPDX-License-Identifier: MIT */
/*
 * Tasks and their resource manager: what a task asks it goes through the caller,
 * who thus knows what is unanswered when the manager dies; what a manager says
 * to such a task is reported, and if it has taken another one's place, goes on
 * under the name of the one that the task had asked.
 */
#include "routing/routing.h"

#include <errno.h>

/* Bytes of a body that are reported: more than a notice has. */
#define REPORTED 64u

static bool is_system(const char *head)
{
	uint32_t tag = wire_get32(head + WIRE_MSG_TAG);

	return tag >= (uint32_t)SM_FIRST && tag <= (uint32_t)SM_LAST;
}

bool manager_asked(const struct conn *c, uint32_t tid, const char *frag)
{
	bool first = (unsigned char)frag[WIRE_FRAG_FLAGS] & FFSOM;

	if (first)
		return tid == c->manager && !c->in.open && is_system(frag + TDFRAGHDR);
	return c->in.open && c->in.dst == tid;
}

bool manager_spoke(struct sw *sw, struct queue *q, char *frag, uint32_t len)
{
	bool first = (unsigned char)frag[WIRE_FRAG_FLAGS] & FFSOM;
	const char *head = frag + TDFRAGHDR;
	uint32_t body = len - TDFRAGHDR - MSGHDRLEN, manager = conn_of(q)->manager;

	if (first) {
		q->renaming = manager && q->speaker != manager && is_system(head) &&
			!wire_get32(head + WIRE_MSG_CTX);
		events_message(sw, 0, q->tid, q->speaker, head, head + MSGHDRLEN,
			body < REPORTED ? body : REPORTED, NULL)
			->type = SW_SPOKE;
	}
	if (q->renaming)
		wire_put32(frag + WIRE_FRAG_SRC, manager);
	return first;
}

int sw_manager(struct sw *sw, uint64_t id, uint32_t manager, uint32_t speaker)
{
	struct conn *c;

	lock_enter(sw);
	c = conn_find(sw, id);
	if (c) {
		c->manager = manager;
		c->out.renaming = c->out.renaming && c->out.speaker == speaker;
		c->out.speaker = speaker;
		if (c->sharing && c->sharing->count)
			share_part(c);
	}
	lock_leave(sw);
	return c ? 0 : -ENOENT;
}
