/* SPDX-License-Identifier: MIT */
/*
 * Groups and their members: join, leave, who is who, barrier, freeze.
 * Unlike other calls these print no errors (PvmAutoErr), they only set pvm_errno.
 */
#include <stdlib.h>
#include <string.h>

#include "group.h"

/* Become a member. Returns the instance number: the lowest that is free. */
int pvm_joingroup(char *group)
{
	struct traced t;
	int code;

	GROUP_CALL();
	gs__trace_entry(&t, TEV_JOINGROUP, group, NO_ITEM, 0);
	code = gs__ask(GROUP_JOIN, group, 0, NULL);
	gs__trace_exit(&t, TEV_DID_CC, code, NULL, 0);
	return gs__quiet(code);
}

/* Be a member no more; others keep their instance numbers. */
int pvm_lvgroup(char *group)
{
	struct traced t;
	int code;

	GROUP_CALL();
	gs__trace_entry(&t, TEV_LVGROUP, group, NO_ITEM, 0);
	gs__mask();
	gs__cache_drop(group);
	code = gs__ask(GROUP_LEAVE, group, 0, NULL);
	gs__trace_exit(&t, TEV_DID_CC, code, NULL, 0);
	return gs__quiet(code);
}

/* ---- look-ups: of static groups, else the server is asked ---------- */

/* Instance number of a task in a static group, -1: not known. */
static int cached_instance(const char *group, int tid)
{
	const struct record *r = gs__cached(group);

	for (int i = 0; r && i < r->capacity; i++)
		if (tid > 0 && r->tids[i] == tid)
			return i;
	return -1;
}

/* Task that has an instance number in a static group, 0: not known. */
static int cached_tid(const char *group, int instance)
{
	const struct record *r = gs__cached(group);

	return r && instance >= 0 && instance < r->capacity ? r->tids[instance] : 0;
}

int gs__instance(const char *group, int tid)
{
	int instance;

	gs__lock();
	instance = cached_instance(group, tid);
	gs__unlock();
	return instance >= 0 ? instance : gs__ask(GROUP_GETINST, group, tid, NULL);
}

/* Instance number of a task; -1: the lowest that is free, as far as the group has grown. */
int pvm_getinst(char *group, int tid)
{
	struct traced t;
	int instance;

	GROUP_CALL();
	gs__trace_entry_held(&t, TEV_GETINST, group, TEV_DID_GT, tid);
	instance = cached_instance(group, tid);
	if (instance < 0)
		instance = gs__ask(GROUP_GETINST, group, tid, NULL);
	gs__trace_exit_held(&t, TEV_DID_GI, instance, NULL, 0);
	return gs__quiet(instance);
}

int gs__tid(const char *group, int instance)
{
	int tid;

	gs__lock();
	tid = cached_tid(group, instance);
	gs__unlock();
	return tid > 0 ? tid : gs__ask(GROUP_GETTID, group, instance, NULL);
}

/* Task that has an instance number. */
int pvm_gettid(char *group, int instance)
{
	struct traced t;
	int tid;

	GROUP_CALL();
	gs__trace_entry_held(&t, TEV_GETTID, group, TEV_DID_GI, instance);
	tid = cached_tid(group, instance);
	if (tid <= 0)
		tid = gs__ask(GROUP_GETTID, group, instance, NULL);
	gs__trace_exit_held(&t, TEV_DID_GT, tid, NULL, 0);
	return gs__quiet(tid);
}

/* Number of members. */
int pvm_gsize(char *group)
{
	const struct record *r;
	struct traced t;
	int size;

	GROUP_CALL();
	gs__trace_entry_held(&t, TEV_GSIZE, group, NO_ITEM, 0);
	r = gs__cached(group);
	size = r ? r->members : gs__ask(GROUP_GSIZE, group, 0, NULL);
	gs__trace_exit_held(&t, TEV_DID_GS, size, NULL, 0);
	return gs__quiet(size);
}

/* Is an instance missing that is smaller than the number of members? */
static bool has_hole(const struct record *r)
{
	for (int i = 0; i < r->capacity && i < r->members; i++)
		if (r->tids[i] <= 0)
			return true;
	return false;
}

/* Tids of a static group's members in the order of their instances. */
static int tids_of_record(const struct record *r, int request, int **tids)
{
	int n = 0;

	if (request == GROUP_TIDLIST && has_hole(r))
		return PvmNoInst;
	*tids = malloc((size_t)r->capacity * sizeof **tids + 1);
	if (!*tids)
		return PvmNoMem;
	for (int i = 0; i < r->capacity; i++)
		if (r->tids[i] > 0)
			(*tids)[n++] = r->tids[i];
	return n;
}

int gs__tids(int request, const char *group, int **tids)
{
	const struct record *r;
	bool known;
	int n = 0;

	gs__mask();
	gs__lock();
	r = gs__cached(group);
	known = r != NULL;
	if (known)
		n = tids_of_record(r, request, tids);
	gs__unlock();
	return known ? n : gs__ask(request, group, 0, tids);
}

int gs_members(char *group, int *tids, int room)
{
	int *all = NULL;
	int n;

	GROUP_CALL();
	n = gs__tids(GROUP_BCAST, group, &all);
	if (n > 0)
		memcpy(tids, all, (size_t)(n < room ? n : room) * sizeof *tids);
	free(all);
	return gs__quiet(n);
}

static bool is_static(const char *group)
{
	bool known;

	gs__lock();
	known = gs__cached(group) != NULL;
	gs__unlock();
	return known;
}

int gs_deaths(char *group)
{
	int code;

	GROUP_CALL();
	code = is_static(group) ? 0 : gs__ask(GROUP_GSIZE, group, 0, NULL);
	if (code > 0)
		code = is_static(group) ? 0 : gs__state.deaths;
	return gs__quiet(code);
}

/*
 * May a rendezvous of a group wait for so many: at least one, or -1 for all? 0 or PvmMismatch,
 * after the errors of group and caller. The server of 3.4.6 must not see another number: it
 * keeps that, and refuses good ones then.
 */
static int check_count(const char *group, int count)
{
	int code;

	if (!gs__named(group))
		return PvmNullGroup;
	if (count > 0 || count == -1)
		return 0;
	code = pvmbeatask();
	if (code >= 0)
		code = gs__instance(group, pvmmytid);
	return code < 0 ? code : PvmMismatch;
}

/*
 * Wait until `count` members have called this; -1: as many as there are members
 * when the first one calls. Besides the errors of the arguments: PvmNoTask
 * if members died so that the number cannot be reached any more.
 */
int pvm_barrier(char *group, int count)
{
	struct traced t;
	int code;

	GROUP_CALL();
	gs__trace_entry(&t, TEV_BARRIER, group, TEV_DID_GBC, count);
	code = check_count(group, count);
	if (code == 0)
		code = gs__ask(GROUP_BARRIER, group, count, NULL);
	if (code > 0)
		code = 0;
	gs__trace_exit(&t, TEV_DID_CC, code, NULL, 0);
	return gs__quiet(code);
}

/*
 * Wait until `size` members (-1: all) have called this, and make the group static: nobody joins
 * it any more and its members are known without the server. Returns the size.
 */
int pvm_freezegroup(char *group, int size)
{
	int code;

	GROUP_CALL();
	pvmbeatask(); /* also for a group without name, as in 3.4.6 */
	code = check_count(group, size);
	if (code == PvmMismatch && is_static(group))
		return PvmDupGroup;
	return code < 0 ? code : gs__ask(GROUP_FREEZE, group, size, NULL);
}
