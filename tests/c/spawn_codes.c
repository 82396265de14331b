/* SPDX-License-Identifier: MIT */
/*
 * Results of pvm_spawn that need settings of the daemon: at most three tasks (our daemon),
 * and a debugger, which sets PVM_TEST_DEBUGGED and runs the program.
 */
#include "check.h"

enum { TAG_DEBUGGED = 1, TAG_EXIT = 2 };

static int child(void)
{
	check_send_int(pvm_parent(), TAG_DEBUGGED, getenv("PVM_TEST_DEBUGGED") != NULL);
	pvm_exit();
	return 0;
}

static void wait_for_exits(int *tids, int n)
{
	pvm_notify(PvmTaskExit, TAG_EXIT, n, tids);
	while (n-- > 0)
		CHECK(pvm_recv(-1, TAG_EXIT) > 0);
}

static void debugger(char **argv)
{
	char *role[] = { "child", NULL };
	int tid;

	CHECK_INT(pvm_spawn(argv[0], role, PvmTaskDebug, "", 1, &tid), 1);
	CHECK_INT(check_recv_int(tid, TAG_DEBUGGED), 1);
	wait_for_exits(&tid, 1);
	CHECK_INT(pvm_spawn(argv[0], role, PvmTaskDefault, "", 1, &tid), 1);
	CHECK_INT(check_recv_int(tid, TAG_DEBUGGED), 0);
	wait_for_exits(&tid, 1);
}

static void too_many(void)
{
	char *seconds[] = { "1000", NULL };
	int tids[4];

	CHECK_INT(pvm_spawn("/bin/sleep", seconds, PvmTaskDefault, "", 4, tids), 2);
	CHECK_CODE("pvm_spawn() of too many", tids[2], PvmOutOfRes);
	CHECK_INT(tids[3], PvmOutOfRes);
	CHECK_CODE("pvm_spawn() of one too many",
		(pvm_spawn("/bin/sleep", seconds, PvmTaskDefault, "", 1, tids + 2), tids[2]),
		PvmOutOfRes);
	pvm_kill(tids[0]);
	pvm_kill(tids[1]);
	wait_for_exits(tids, 2);
}

int main(int argc, char **argv)
{
	check_start();
	if (argc > 1)
		return child();
	CHECK(pvm_mytid() > 0);
	debugger(argv);
	if (check_ours("daemon"))
		too_many();
	pvm_exit();
	return check_done();
}
