/* SPDX-License-Identifier: MIT */
/*
 * What connections send to the daemon: fragments are put together to messages; what the switch does
 * not serve itself goes to the caller.
 */
#include "routing/routing.h"

#include <stdlib.h>

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
	} else if (serve_message(c, head, body, len)) {
		free(owned);
	} else {
		budget_report(c, dst, head, body, len, owned);
		/* The caller passes it on: what the task sends to its manager next comes after it. */
		if (wire_is_task(dst))
			budget_hold(c);
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
		budget_charge(c, 0);
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
		budget_log(c,
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
