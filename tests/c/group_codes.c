/* SPDX-License-Identifier: MIT */
/*
 * Error codes of the group functions. A second process, started by the first, is the member
 * of groups in which that one is not; a third has no daemon.
 */
#include <sys/wait.h>

#include "check.h"

enum { TAG = 7, TAG_END = 8, NOBODY = 0x41234 };

static char group[] = "codes", frozen[] = "codes frozen", foreign[] = "codes foreign",
	    closed[] = "codes closed", none[] = "no such group", empty[] = "";
static int ints[4], result[4];

static void membership(int me)
{
	CHECK_INT(pvm_joingroup(NULL), PvmNullGroup);
	CHECK_INT(pvm_joingroup(empty), PvmNullGroup);
	CHECK_INT(pvm_lvgroup(NULL), PvmNullGroup);
	CHECK_INT(pvm_lvgroup(empty), PvmNullGroup);
	CHECK_INT(pvm_lvgroup(none), PvmNoGroup);
	CHECK_INT(pvm_joingroup(group), 0);
	CHECK_INT(pvm_joingroup(group), PvmDupGroup);
	CHECK_INT(pvm_getinst(NULL, me), PvmNullGroup);
	CHECK_INT(pvm_getinst(empty, me), PvmNullGroup);
	CHECK_INT(pvm_getinst(none, me), PvmNoGroup);
	CHECK_INT(pvm_getinst(group, NOBODY), PvmNotInGroup);
	CHECK_INT(pvm_getinst(group, me), 0);
	CHECK_CODE("pvm_getinst(group, -1), the first that is free", pvm_getinst(group, -1), 1);
	CHECK_INT(pvm_gettid(NULL, 0), PvmNullGroup);
	CHECK_INT(pvm_gettid(empty, 0), PvmNullGroup);
	CHECK_INT(pvm_gettid(none, 0), PvmNoGroup);
	CHECK_INT(pvm_gettid(group, 1), PvmNoInst);
	CHECK_INT(pvm_gettid(group, -1), PvmNoInst);
	CHECK_INT(pvm_gettid(group, 0), me);
	CHECK_INT(pvm_gsize(NULL), PvmNullGroup);
	CHECK_INT(pvm_gsize(empty), PvmNullGroup);
	CHECK_INT(pvm_gsize(none), PvmNoGroup);
	CHECK_INT(pvm_gsize(group), 1);
}

static void meeting(void)
{
	CHECK_INT(pvm_barrier(NULL, 1), PvmNullGroup);
	CHECK_INT(pvm_barrier(empty, 1), PvmNullGroup);
	CHECK_INT(pvm_barrier(none, 1), PvmNoGroup);
	CHECK_INT(pvm_barrier(none, 0), PvmNoGroup);
	CHECK_INT(pvm_barrier(NULL, 0), PvmNullGroup);
	CHECK_INT(pvm_barrier(group, 1), 0);
	CHECK_INT(pvm_barrier(group, -1), 0);
	/* After these the servers of 3.4.6 refuse good counts too. */
	CHECK_INT(pvm_barrier(group, 0), PvmMismatch);
	CHECK_INT(pvm_barrier(group, -2), PvmMismatch);
	CHECK_INT(pvm_freezegroup(NULL, 1), PvmNullGroup);
	CHECK_INT(pvm_freezegroup(empty, 1), PvmNullGroup);
	CHECK_INT(pvm_freezegroup(none, 1), PvmNoGroup);
	CHECK_INT(pvm_freezegroup(none, 0), PvmNoGroup);
	CHECK_INT(pvm_freezegroup(group, 0), PvmMismatch);
	CHECK_INT(pvm_joingroup(frozen), 0);
	CHECK_INT(pvm_freezegroup(frozen, 1), 1);
	CHECK_INT(pvm_freezegroup(frozen, 1), PvmDupGroup);
	CHECK_INT(pvm_getinst(frozen, NOBODY), PvmNotInGroup);
}

static void broadcast(void)
{
	pvm_initsend(PvmDataDefault);
	CHECK_INT(pvm_bcast(NULL, TAG), PvmNullGroup);
	CHECK_INT(pvm_bcast(empty, TAG), PvmNullGroup);
	CHECK_INT(pvm_bcast(none, TAG), PvmNoGroup);
	CHECK_INT(pvm_bcast(group, TAG), PvmNoInst);
}

/* What gather, scatter and reduce refuse in common; `first` is their first argument. */
#define COLLECTIVE(name, first) \
	do { \
		CHECK_INT(pvm_##name(first, NULL, 1, PVM_INT, TAG, group, 0), PvmBadParam); \
		CHECK_INT(pvm_##name(first, ints, 0, PVM_INT, TAG, group, 0), PvmBadParam); \
		CHECK_INT(pvm_##name(first, ints, 1, 4711, TAG, group, 0), PvmBadParam); \
		CHECK_INT(pvm_##name(first, ints, 1, PVM_INT, TAG, NULL, 0), PvmNullGroup); \
		CHECK_INT(pvm_##name(first, ints, 1, PVM_INT, TAG, empty, 0), PvmNullGroup); \
		CHECK_INT(pvm_##name(first, ints, 1, PVM_INT, TAG, none, 0), PvmNoGroup); \
		CHECK_INT(pvm_##name(first, ints, 1, PVM_INT, TAG, group, 1), PvmNoInst); \
		CHECK_INT(pvm_##name(first, ints, 1, PVM_INT, TAG, foreign, 0), PvmNotInGroup); \
		CHECK_INT(pvm_##name(first, ints, 1, PVM_INT, TAG, group, 0), 0); \
	} while (0)

static void collective(void)
{
	COLLECTIVE(gather, result);
	COLLECTIVE(scatter, result);
	COLLECTIVE(reduce, PvmSum);
	/* Group, caller and root come before the rest. */
	CHECK_INT(pvm_reduce(PvmSum, ints, 1, 4711, -1, NULL, 0), PvmNullGroup);
	CHECK_INT(pvm_reduce(NULL, ints, 1, 4711, TAG, none, 0), PvmNoGroup);
	CHECK_INT(pvm_reduce(PvmSum, ints, 1, 4711, TAG, foreign, 7), PvmNotInGroup);
	CHECK_INT(pvm_reduce(NULL, ints, 1, 4711, -1, group, 7), PvmNoInst);
	CHECK_INT(pvm_reduce(PvmSum, ints, 0, PVM_INT, TAG, none, 0), PvmBadParam);
	CHECK_INT(pvm_gather(result, ints, 1, PVM_INT, -1, none, 0), PvmNoGroup);
	CHECK_INT(pvm_scatter(result, ints, 1, PVM_INT, -1, none, 0), PvmNoGroup);
	CHECK_INT(pvm_gather(result, ints, 1, 4711, TAG, none, 0), PvmBadParam);
	CHECK_INT(pvm_gather(NULL, ints, 1, PVM_INT, TAG, group, 0), PvmBadParam);
	CHECK_INT(pvm_scatter(NULL, ints, 1, PVM_INT, TAG, group, 0), PvmBadParam);
	/* A tag that no message can have does not matter to one member. */
	CHECK_INT(pvm_gather(result, ints, 1, PVM_INT, -1, group, 0), 0);
	CHECK_INT(pvm_scatter(result, ints, 1, PVM_INT, -1, group, 0), 0);
	CHECK_INT(pvm_reduce(PvmSum, ints, 1, PVM_INT, -1, group, 0), 0);
	if (check_ours("library"))
		CHECK_INT(pvm_reduce(NULL, ints, 1, PVM_INT, TAG, group, 0), PvmBadParam);
}

static void groups_of_others(int me)
{
	CHECK_INT(pvm_lvgroup(foreign), PvmNotInGroup);
	CHECK_INT(pvm_getinst(foreign, me), PvmNotInGroup);
	CHECK_INT(pvm_barrier(foreign, 1), PvmNotInGroup);
	CHECK_INT(pvm_barrier(foreign, 0), PvmNotInGroup);
	CHECK_INT(pvm_freezegroup(foreign, 0), PvmNotInGroup);
	CHECK_INT(pvm_freezegroup(foreign, 1), PvmNotInGroup);
	CHECK_INT(pvm_joingroup(closed), PvmNotInGroup);
	pvm_initsend(PvmDataDefault);
	CHECK_INT(pvm_bcast(foreign, -1), PvmBadParam);
	CHECK_INT(pvm_bcast(foreign, TAG), 0);
	pvm_setsbuf(0);
	CHECK_INT(pvm_bcast(foreign, TAG), PvmNoBuf);
}

static int without_daemon(void)
{
	char directory[200];

	if (!check_directory(directory, sizeof directory))
		return 1;
	setenv("PVM_TMP", directory, 1);
	unsetenv("PVMSOCK");
	CHECK_INT(pvm_joingroup(group), PvmSysErr);
	CHECK_INT(pvm_lvgroup(group), PvmSysErr);
	CHECK_INT(pvm_getinst(group, NOBODY), PvmSysErr);
	CHECK_INT(pvm_gettid(group, 0), PvmSysErr);
	CHECK_INT(pvm_gsize(group), PvmSysErr);
	CHECK_INT(pvm_barrier(group, 1), PvmSysErr);
	CHECK_INT(pvm_bcast(group, TAG), PvmSysErr);
	CHECK_INT(pvm_freezegroup(group, 1), PvmSysErr);
	CHECK_INT(pvm_gather(result, ints, 1, PVM_INT, TAG, group, 0), PvmSysErr);
	CHECK_INT(pvm_scatter(result, ints, 1, PVM_INT, TAG, group, 0), PvmSysErr);
	CHECK_INT(pvm_reduce(PvmSum, ints, 1, PVM_INT, TAG, group, 0), PvmSysErr);
	CHECK_INT(rmdir(directory), 0);
	return check_failed != 0;
}

/* Member of two groups, one of them frozen, until a message says that that is enough. */
static int other_member(void)
{
	pvm_joingroup(closed);
	pvm_freezegroup(closed, 1);
	pvm_joingroup(foreign);
	pvm_recv(-1, TAG);
	pvm_recv(-1, TAG_END);
	pvm_exit();
	return 0;
}

/* Run a part in a process of its own. */
static pid_t start(int (*part)(void))
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		int status = part();

		fflush(stdout);
		_exit(status);
	}
	return pid;
}

static void finish(pid_t pid)
{
	int status = -1;

	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK_INT(status, 0);
}

int main(void)
{
	pid_t other;
	int me;

	check_start();
	finish(start(without_daemon));
	other = start(other_member);
	me = pvm_mytid();
	CHECK(me > 0);
	while (pvm_gsize(foreign) < 1)
		usleep(10000);
	membership(me);
	broadcast();
	groups_of_others(me);
	collective();
	meeting();
	pvm_initsend(PvmDataDefault);
	pvm_send(pvm_gettid(foreign, 0), TAG_END);
	finish(other);
	pvm_exit();
	return check_done();
}
