/* SPDX-License-Identifier: MIT */
/*
 * Gather and scatter, and what all collective calls have in common: members exchange
 * items directly, with the caller's tag in the groups' context.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "collective.h"

/* Seconds after which a receiver looks whether the sender still lives. */
enum { LOOK_SECONDS = 1 };

/* ---- one message ------------------------------------------------------------------ */

int gs__send_items(const struct collective *c, int tid, void *items)
{
	int code = pvm_initsend(PvmDataDefault);

	if (code >= 0)
		code = gs__pack(c->type, items, c->count);
	return code < 0 ? code : pvm_send(tid, c->tag);
}

/* Has one of n senders (0: does not matter any more) ended? */
static bool someone_ended(const int *senders, int n)
{
	for (int i = 0; i < n; i++)
		if (senders[i] > 0 && pvm_pstat(senders[i]) == PvmNoTask)
			return true;
	return false;
}

int gs__receive_items(const struct collective *c, int tid, void *items, const int *senders, int n)
{
	struct timeval limit = { LOOK_SECONDS, 0 }, none = { 0, 0 };
	int mid, source, bytes, code;

	if (c->tag < 0)
		return PvmBadParam; /* nobody can send that */
	while ((mid = gs__receive(NULL, tid, c->tag, &limit)) == 0)
		if (someone_ended(senders, n)) {
			mid = gs__receive(NULL, tid, c->tag, &none);
			if (mid == 0)
				return PvmNoTask;
			break;
		}
	code = mid < 0 ? mid : pvm_bufinfo(mid, &bytes, NULL, &source);
	if (code < 0)
		return code;
	if (bytes == 0)
		return PvmNoTask;
	code = gs__unpack(c->type, items, c->count);
	return code < 0 ? code : source;
}

int gs__receive_from(const struct collective *c, int tid, void *items)
{
	return gs__receive_items(c, tid, items, &tid, 1);
}

/* ---- what the calls begin with ------------------------------------------------------ */

int gs__list_members(struct collective *c)
{
	c->n = gs__tids(GROUP_TIDLIST, c->group, &c->tids);
	if (c->n >= 0)
		return 0;
	c->tids = NULL;
	return c->n == PvmNoInst || c->n == PvmNoGroup ? 0 : c->n;
}

int gs__place_of(int tid, const int *tids, int n)
{
	for (int i = 0; i < n; i++)
		if (tids[i] == tid)
			return i;
	return PvmNotInGroup;
}

int gs__find_root(struct collective *c)
{
	c->bytes = gs__item_size(c->type) * (size_t)c->count;
	if (!c->tids)
		c->root_tid = gs__tid(c->group, c->root);
	else
		c->root_tid = c->root >= 0 && c->root < c->n ? c->tids[c->root] : PvmNoInst;
	return c->root_tid < 0 ? c->root_tid : 0;
}

/* Check what the items are, find the root, and the caller in the group. 0 or an error code. */
static int prepare(struct collective *c)
{
	int code = c->count > 0 && gs__item_size(c->type) ? gs__list_members(c) : PvmBadParam;

	if (code == 0)
		code = gs__find_root(c);
	if (code < 0)
		return code;
	c->instance = c->tids ? gs__place_of(pvmmytid, c->tids, c->n) :
				gs__instance(c->group, pvmmytid);
	return c->instance < 0 ? c->instance : 0;
}

/* ---- gather --------------------------------------------------------------------------- */

/* The root's part: one slice of `result` for each member, by instance. */
static int gather_all(const struct collective *c, char *result)
{
	int code = c->n > c->room ? PvmOverflow : c->n;

	for (int i = 0; i < c->n && code >= 0; i++) {
		char *slice = result + (size_t)i * c->bytes;

		if (i == c->instance)
			memmove(slice, c->data, c->bytes);
		else
			code = gs__receive_from(c, c->tids[i], slice);
	}
	return code < 0 ? code : c->n;
}

static int gather(struct collective *c, void *result)
{
	struct setting setting;
	int code = c->data ? prepare(c) : PvmBadParam;

	if (code < 0)
		return code;
	if (c->root == c->instance && !result)
		return PvmBadParam;
	gs__enter(&setting);
	if (c->root == c->instance)
		code = gather_all(c, result);
	else
		code = gs__send_items(c, c->root_tid, c->data);
	gs__leave(&setting);
	return code;
}

int gs_gather(void *result, int room, void *items, int count, int type, int tag, char *group,
	int root)
{
	struct collective c = { items, count, type, tag, group, root, .room = room };
	struct traced t;
	int code;

	GROUP_CALL();
	gs__trace_entry(&t, TEV_GATHER, group, TEV_DID_MC, tag);
	code = gather(&c, result);
	free(c.tids);
	gs__trace_exit(&t, TEV_DID_CC, code < 0 ? code : 0, NULL, 0);
	return code < 0 ? lpvmerr("pvm_gather", code) : code;
}

/*
 * Collect `count` items of every member at the member with instance `root`, in `result`
 * by instance. Only the root needs a result. PvmNoTask: a member ended before it called this.
 */
int pvm_gather(void *result, void *items, int count, int type, int tag, char *group, int root)
{
	int code = gs_gather(result, INT_MAX, items, count, type, tag, group, root);

	return code < 0 ? code : 0;
}

/* ---- scatter -------------------------------------------------------------------------- */

/* The root's part: send each member its slice, by instance. */
static int scatter_all(const struct collective *c, void *result)
{
	int code = c->n > c->room ? PvmOverflow : c->n;

	for (int i = 0; i < c->n && code >= 0; i++) {
		char *slice = (char *)c->data + (size_t)i * c->bytes;

		if (i == c->instance)
			memmove(result, slice, c->bytes);
		else
			code = gs__send_items(c, c->tids[i], slice);
	}
	return code;
}

static int scatter(struct collective *c, void *result)
{
	struct setting setting;
	int code = result ? prepare(c) : PvmBadParam;

	if (code < 0)
		return code;
	if (c->root == c->instance && !c->data)
		return PvmBadParam;
	gs__enter(&setting);
	if (c->root == c->instance)
		code = scatter_all(c, result);
	else
		code = gs__receive_from(c, c->root_tid, result);
	gs__leave(&setting);
	return code;
}

int gs_scatter(void *result, void *items, int room, int count, int type, int tag, char *group,
	int root)
{
	struct collective c = { items, count, type, tag, group, root, .room = room };
	struct traced t;
	int code;

	GROUP_CALL();
	gs__trace_entry(&t, TEV_SCATTER, group, TEV_DID_MC, tag);
	code = scatter(&c, result);
	free(c.tids);
	gs__trace_exit(&t, TEV_DID_CC, code < 0 ? code : 0, NULL, 0);
	return code < 0 ? lpvmerr("pvm_scatter", code) : 0;
}

/*
 * Give every member `count` of the items that the member with instance `root` has, by
 * instance. Only the root needs items. PvmNoTask: the root ended before it called this.
 */
int pvm_scatter(void *result, void *items, int count, int type, int tag, char *group, int root)
{
	return gs_scatter(result, items, INT_MAX, count, type, tag, group, root);
}
