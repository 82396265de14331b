/* SPDX-License-Identifier: MIT */
/*
 * Tasks that leave and come back. Each is another task then, without parent and siblings,
 * whichever call brings it back; and a child is in its parent's context from its first call on.
 */
#include "check.h"

enum {
	TAG_REPORT = 1,
	TAG_EXIT = 2,
	TAG_GO = 3,
	CONTEXT = 12,
	FORKED = 2,
	CONNECTED = 4,
	LEFT = 16
};
enum { USER_HANDLER = 9 }; /* those before it are the library's */

static int first, parent; /* tids */

static int handler(int mid)
{
	(void)mid;
	return 0;
}

/* ---- calls that bring a process back; each tells whether it was answered well ---------- */

static bool by_mytid(void)
{
	return pvm_mytid() > 0;
}
static bool by_parent(void)
{
	return pvm_parent() == PvmNoParent;
}
static bool by_pstat(void)
{
	return pvm_pstat(parent) == PvmOk;
}
static bool by_nrecv(void)
{
	return pvm_nrecv(-1, -1) == 0;
}
static bool by_probe(void)
{
	return pvm_probe(-1, -1) == 0;
}
static bool by_newcontext(void)
{
	return pvm_newcontext() > 0;
}
static bool by_getcontext(void)
{
	return pvm_getcontext() == CONTEXT;
}
static bool by_setcontext(void)
{
	return pvm_setcontext(CONTEXT) == CONTEXT;
}
static bool by_mkbuf(void)
{
	return pvm_freebuf(pvm_mkbuf(PvmDataDefault)) == 0;
}
static bool by_initsend(void)
{
	return pvm_initsend(PvmDataDefault) > 0;
}
static bool by_notify(void)
{
	return pvm_notify(PvmTaskExit, TAG_EXIT, 1, &parent) == 0;
}
static bool by_mstat(void)
{
	return pvm_mstat("no-such-host") == PvmNoHost;
}

static bool by_siblings(void)
{
	int *tids;

	return pvm_siblings(&tids) == 1;
}

static bool by_tasks(void)
{
	struct pvmtaskinfo *tasks;
	int count;

	return pvm_tasks(0, &count, &tasks) == 0 && count > 0;
}

static bool by_config(void)
{
	return pvm_config(NULL, NULL, NULL) == 0;
}

static bool by_spawn(void)
{
	int tid;

	return pvm_spawn("/bin/true", NULL, PvmTaskDefault, "", 1, &tid) == 1;
}

static bool by_lookup(void)
{
	int value;

	return pvm_lookup("no such class", 0, &value) == PvmNotFound;
}

static bool by_addmhf(void)
{
	int id = pvm_addmhf(-1, 4711, -1, handler);

	return id == USER_HANDLER && pvm_delmhf(id) == 0;
}

static bool by_greedy_handler(void)
{
	return pvm_addmhf(-1, -1, -1, handler) == PvmExists;
}

static bool by_send(void)
{
	int value = 1;

	return pvm_psend(parent, TAG_GO, &value, 1, PVM_INT) == 0;
}

static bool (*const calls[])(void) = { by_mytid, by_parent, by_siblings, by_tasks, by_config,
	by_pstat, by_nrecv, by_probe, by_newcontext, by_getcontext, by_setcontext, by_mkbuf,
	by_initsend, by_notify, by_mstat, by_spawn, by_lookup, by_addmhf, by_greedy_handler,
	by_send };
enum { CALLS = sizeof calls / sizeof *calls };

/* ---- the child -------------------------------------------------------------------------- */

/* What is known of the task that the process was, while it lives on. */
static int flags_of(int tid)
{
	struct pvmtaskinfo *tasks;
	int count = 0;

	pvm_tasks(tid, &count, &tasks);
	return count == 1 ? tasks[0].ti_flag : -1;
}

/* The first call of the process may be any of them, too. */
static bool inherited(int which)
{
	switch (which) {
	case 0: return pvm_getcontext() == CONTEXT;
	case 1: return pvm_setcontext(CONTEXT) == CONTEXT;
	case 2: return by_addmhf();
	case 3: return by_greedy_handler();
	default: return pvm_initsend(PvmDataDefault) > 0;
	}
}

/* Leave and come back by one call, twice; then report to the parent what there is then. */
static int child(int which)
{
	int *siblings, tid, good;

	alarm(CHECK_SECONDS);
	pvm_setopt(PvmAutoErr, 0);
	good = inherited(which % 5);
	first = pvm_mytid();
	parent = pvm_parent();
	good = good && pvm_exit() == 0 && calls[which]();
	tid = pvm_mytid();
	good = good && tid != first && pvm_exit() == 0 && calls[which]() && pvm_mytid() != tid;
	pvm_packf("%+ %d %d %d %d %d %d", PvmDataDefault, good, pvm_parent(),
		pvm_siblings(&siblings), flags_of(first), flags_of(pvm_mytid()), pvm_pstat(first));
	pvm_send(parent, TAG_REPORT);
	pvm_recv(parent, TAG_GO);
	pvm_exit();
	return 0;
}

/* ---- the parent ------------------------------------------------------------------------- */

static void come_back(char **argv, int which)
{
	char number[12], *arguments[] = { "child", number, NULL };
	int good, its_parent, siblings, old_flags, new_flags, old_state, tid, source;

	snprintf(number, sizeof number, "%d", which);
	CHECK_INT(pvm_spawn(argv[0], arguments, PvmTaskDefault, "", 1, &tid), 1);
	CHECK_INT(pvm_bufinfo(pvm_recv(-1, TAG_REPORT), NULL, NULL, &source), 0);
	CHECK_INT(pvm_unpackf("%d %d %d %d %d %d", &good, &its_parent, &siblings, &old_flags,
			  &new_flags, &old_state),
		0);
	CHECK(source != tid);
	if (good != 1)
		printf("call %d of the list:\n", which);
	CHECK_INT(good, 1);
	CHECK_CODE("pvm_parent() of a task that came back", its_parent, PvmNoParent);
	CHECK_CODE("pvm_siblings() of a task that came back", siblings, 1);
	CHECK_INT(old_flags, FORKED | CONNECTED | LEFT);
	CHECK_INT(new_flags, CONNECTED);
	CHECK_CODE("pvm_pstat() of a task that left", old_state, PvmOk);
	CHECK_INT(pvm_notify(PvmTaskExit, TAG_EXIT, 1, &tid), 0);
	check_send_int(source, TAG_GO, 0);
	CHECK_INT(check_recv_int(-1, TAG_EXIT), tid);
	CHECK_INT(pvm_pstat(tid), PvmNoTask);
	CHECK_INT(pvm_pstat(source), PvmNoTask);
}

int main(int argc, char **argv)
{
	if (argc > 2)
		return child(atoi(argv[2]));
	check_start();
	pvm_mytid();
	pvm_setcontext(CONTEXT);
	for (int i = 0; i < CALLS; i++)
		come_back(argv, i);
	pvm_exit();
	return check_done();
}
