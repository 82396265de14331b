/* SPDX-License-Identifier: MIT */
/* Trace events of group calls, made with the means of libpvm3. */
#include <string.h>

#include "group.h"

/* Positions in pvmtrccodef. */
enum { PACK_INT = 5, PACK_STRING = 11 };

/* Is this a task, or can it become one for the sake of an event? */
static bool is_task(void)
{
	if (pvmmytid != -1)
		return true;
	return pvmistask ? pvmistask() : pvmbeatask() == 0;
}

/* Should the call make an event at its entry or exit? Then begin it. */
static bool begin(const struct traced *t, int entry_exit)
{
	return t->toplevel && is_task() && pvmtrc.trctid > 0 && pvmtrc.trctid != pvmmytid &&
		TEV_MASK_CHECK(pvmtrc.tmask, t->kind) && tev_begin(t->kind, entry_exit);
}

static void put_int(int did, int value)
{
	pvmtrccodef[PACK_INT](did, TEV_DATA_SCALAR, &value, 1, 1);
}

void gs__entry_event(const struct traced *t, const char *group, int did, int value)
{
	if (!begin(t, TEV_EVENT_ENTRY))
		return;
	pvmtrccodef[PACK_STRING](TEV_DID_GN, TEV_DATA_SCALAR, (char *)(group ? group : ""), 1, 1);
	if (did != NO_ITEM)
		put_int(did, value);
	tev_fin();
}

void gs__trace_entry(struct traced *t, int kind, const char *group, int did, int value)
{
	gs__lock();
	gs__trace_entry_held(t, kind, group, did, value);
	gs__unlock();
}

void gs__exit_event(const struct traced *t, int did, int value, int *tids, int n)
{
	if (!begin(t, TEV_EVENT_EXIT))
		return;
	put_int(did, value);
	if (tids)
		pvmtrccodef[PACK_INT](TEV_DID_MDL, TEV_DATA_ARRAY, tids, n, 1);
	tev_fin();
}

void gs__trace_exit(const struct traced *t, int did, int value, int *tids, int n)
{
	gs__lock();
	gs__trace_exit_held(t, did, value, tids, n);
	gs__unlock();
}
