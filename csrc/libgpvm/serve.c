/* SPDX-License-Identifier: MIT */
/*
 * Messages of the group server, a Python task (pvm3py/groups): one call to take them, one to
 * answer, since every step of a barrier waits for the server.
 */
#include <string.h>

#include "group.h"

/* Read the receive buffer's message, which `bufid` names. 1 or an error code. */
static int read_request(struct gs_request *r, int bufid)
{
	int code = pvm_bufinfo(bufid, &r->length, &r->tag, r->callers);

	if (code == 0 && r->length <= GS_BODY_MAX)
		code = pvm_upkbyte(r->body, r->length, 1);
	r->count = code < 0 ? 0 : 1;
	return code < 0 ? code : 1;
}

static bool same(const struct gs_request *a, const struct gs_request *b)
{
	return a->tag == b->tag && a->length == b->length &&
		memcmp(a->body, b->body, (size_t)a->length) == 0;
}

int gs_take(struct gs_request *r)
{
	static struct gs_request next;
	int bufid, code = 1;

	if (next.count) {
		*r = next;
		next.count = 0;
	} else {
		bufid = pvm_recv(-1, -1);
		code = bufid < 0 ? bufid : read_request(r, bufid);
	}
	/* A long message is still in the receive buffer. */
	while (code > 0 && r->length <= GS_BODY_MAX && r->count < GS_CALLERS_MAX) {
		bufid = pvm_nrecv(-1, -1);
		code = bufid <= 0 ? bufid : read_request(&next, bufid);
		if (code <= 0 || !same(r, &next))
			break;
		r->callers[r->count++] = next.callers[0];
		next.count = 0;
	}
	return code < 0 ? code : 0;
}

int gs_answer(int *tids, int n, int tag, const char *body, int length)
{
	int code = pvm_initsend(PvmDataDefault);

	if (code >= 0)
		code = pvm_pkbyte((char *)body, length, 1);
	if (code < 0)
		return code;
	return n == 1 ? pvm_send(tids[0], tag) : pvm_mcast(tids, n, tag);
}
