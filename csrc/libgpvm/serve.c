/* SPDX-License-Identifier: MIT */
/*
 * Messages of the group server, a Python task (pvm3py/groupserver): one call to take them, one to
 * answer. Since members wait for the server, what is usual needs no Python: those who arrive at
 * a barrier that Python has handed over are counted and answered here, and so are questions that
 * Python has answered before.
 */
#include <stdlib.h>
#include <string.h>

#include "group.h"

static struct gs_barrier *barriers;

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

void gs_count(struct gs_barrier *b)
{
	b->next = barriers;
	barriers = b;
}

void gs_uncount(struct gs_barrier *b)
{
	struct gs_barrier **place = &barriers;

	while (*place && *place != b)
		place = &(*place)->next;
	if (*place)
		*place = b->next;
}

static int ascending(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

static bool is_member(const struct gs_barrier *b, int tid)
{
	return bsearch(&tid, b->tids, (size_t)b->members, sizeof tid, ascending) != NULL;
}

/* The barrier at which the caller of a request arrives, NULL: Python is to serve it. */
static struct gs_barrier *counted(const struct gs_request *r)
{
	struct gs_barrier *b = r->tag == GROUP_BARRIER ? barriers : NULL;

	while (b && (b->length != r->length || memcmp(b->body, r->body, (size_t)r->length) != 0))
		b = b->next;
	return b && is_member(b, r->callers[0]) ? b : NULL;
}

/* Send the send buffer to n tasks. 0 or an error code. */
static int send_to(int *tids, int n, int tag)
{
	return n == 1 ? pvm_send(tids[0], tag) : pvm_mcast(tids, n, tag);
}

/* One more has arrived; the last one lets all go on. 0 or an error code. */
static int arrive(struct gs_barrier *b, int tid)
{
	int code;

	if (!b->running)
		b->reached = 0;
	b->waiting[b->reached++] = tid;
	b->running = b->reached < b->count;
	if (b->running)
		return 0;
	code = pvm_initsend(PvmDataDefault);
	if (code >= 0)
		code = pvm_pkint(&b->count, 1, 1);
	if (code < 0)
		return code;
	return send_to(b->waiting, b->count, GROUP_BARRIER);
}

int gs_answer(int *tids, int n, int tag, const char *body, int length)
{
	int code = pvm_initsend(PvmDataDefault);

	if (code >= 0)
		code = pvm_pkbyte((char *)body, length, 1);
	if (code < 0)
		return code;
	return send_to(tids, n, tag);
}

/* Serve a request without Python. 1; 0: that is not possible; or an error code. */
static int serve(struct gs_request *r)
{
	struct gs_barrier *b;
	const char *answer;
	int length, code;

	if (r->length > GS_BODY_MAX)
		return 0;
	b = counted(r);
	answer = b ? NULL : gs__known(r, &length);
	if (!b && !answer)
		return 0;
	code = b ? arrive(b, r->callers[0]) : gs_answer(r->callers, 1, r->tag, answer, length);
	return code < 0 ? code : 1;
}

/* Take a message: `next`, if it has a caller, or else wait for one. 1 or an error code. */
static int take_one(struct gs_request *r, struct gs_request *next)
{
	int bufid;

	if (next->count) {
		*r = *next;
		next->count = 0;
		return 1;
	}
	bufid = pvm_recv(-1, -1);
	return bufid < 0 ? bufid : read_request(r, bufid);
}

/* Wait for a request that Python serves. `next` was taken before, if it has a caller. */
static int take_first(struct gs_request *r, struct gs_request *next)
{
	int code, served;

	do {
		code = take_one(r, next);
		served = code > 0 ? serve(r) : 0;
	} while (served > 0);
	return served < 0 ? served : code;
}

int gs_take(struct gs_request *r)
{
	static struct gs_request next;
	int code = take_first(r, &next);

	/* A long message is still in the receive buffer. */
	while (code > 0 && r->length <= GS_BODY_MAX && r->count < GS_CALLERS_MAX) {
		int bufid = pvm_nrecv(-1, -1);

		code = bufid <= 0 ? bufid : read_request(&next, bufid);
		if (code <= 0 || !same(r, &next))
			break;
		r->callers[r->count++] = next.callers[0];
		next.count = 0;
	}
	return code < 0 ? code : 0;
}
