/* SPDX-License-Identifier: MIT */
/*
 * What the group server, a Python task (pvm3py/groups), does for each message: one call to
 * take it, one to answer, since every step of a barrier waits for the server.
 */
#include "group.h"

int gs_take(struct gs_request *r)
{
	int bufid = pvm_recv(-1, -1);
	int code = bufid < 0 ? bufid : pvm_bufinfo(bufid, &r->length, &r->tag, &r->source);

	if (code == 0 && r->length <= GS_BODY_MAX)
		code = pvm_upkbyte(r->body, r->length, 1);
	return code;
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
