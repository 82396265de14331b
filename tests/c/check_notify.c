/* SPDX-License-Identifier: MIT */
/* pvm_notify: every kind, cancelling, notices for what is gone or never was. */
#include "check.h"

enum { TAG_NOTICE = 7 };

static int child(void)
{
	pvm_recv(pvm_parent(), 1);
	pvm_exit();
	return 0;
}

static void check_notice(int tid, int tag)
{
	int id = pvm_recv(-1, tag), bytes, its_tag, source, value = 0;

	CHECK(id > 0);
	CHECK_INT(pvm_bufinfo(id, &bytes, &its_tag, &source), 0);
	CHECK_INT(source, (int)0x80000000);
	CHECK_INT(bytes, 4);
	CHECK_INT(pvm_upkint(&value, 1, 1), 0);
	CHECK_INT(value, tid);
}

/* Nothing more with that tag: a message to myself overtakes nothing. */
static void check_no_more(int tag)
{
	check_send_int(pvm_mytid(), 4000, 0);
	CHECK_INT(check_recv_int(-1, 4000), 0);
	CHECK_INT(pvm_nrecv(-1, tag), 0);
}

static void parameters(int mytid)
{
	int tid = 0;

	CHECK_INT(pvm_notify(0, 1, 1, &mytid), PvmBadParam);
	CHECK_INT(pvm_notify(99, 1, 1, &mytid), PvmBadParam);
	CHECK_INT(pvm_notify(PvmTaskExit, 1, 1, &tid), PvmBadParam);
	CHECK_INT(pvm_notify(PvmTaskExit, 1, 0, &mytid), PvmBadParam);
	CHECK_INT(pvm_notify(PvmTaskExit, -1, 1, &mytid), PvmBadParam);
}

static void task_exit(char **argv)
{
	enum { COUNT = 4 };
	int tids[COUNT], context = pvm_newcontext();

	CHECK_INT(check_spawn(argv, "child", COUNT, tids), COUNT);
	CHECK_INT(pvm_notify(PvmTaskExit, TAG_NOTICE, COUNT, tids), 0);
	pvm_setcontext(context);
	CHECK_INT(pvm_notify(PvmTaskExit, TAG_NOTICE + 1, 1, tids), 0);
	pvm_setcontext(0);
	check_no_more(TAG_NOTICE);
	check_send_int(tids[0], 1, 0);
	check_notice(tids[0], TAG_NOTICE);
	pvm_kill(tids[1]);
	check_notice(tids[1], TAG_NOTICE);
	pvm_sendsig(tids[2], SIGKILL);
	check_notice(tids[2], TAG_NOTICE);
	CHECK_INT(pvm_notify(PvmTaskExit | PvmNotifyCancel, TAG_NOTICE, 1, tids + 3), 0);
	check_notice(tids[3], TAG_NOTICE);
	check_no_more(TAG_NOTICE);
	CHECK_INT(pvm_pstat(tids[3]), PvmOk);
	CHECK_INT(pvm_notify(PvmTaskExit | PvmNotifyCancel, TAG_NOTICE, 1, tids + 3), 0);
	check_no_more(TAG_NOTICE);
	pvm_setcontext(context);
	check_notice(tids[0], TAG_NOTICE + 1);
	pvm_setcontext(0);
	pvm_notify(PvmTaskExit, TAG_NOTICE, 1, tids + 3);
	pvm_kill(tids[3]);
	check_notice(tids[3], TAG_NOTICE);
	CHECK_INT(pvm_notify(PvmTaskExit, TAG_NOTICE, 1, tids + 3), 0);
	check_notice(tids[3], TAG_NOTICE);
	pvm_freecontext(context);
}

static void unknown_task(int mytid)
{
	int tid = mytid + 5000;

	CHECK_INT(pvm_notify(PvmTaskExit, TAG_NOTICE, 1, &tid), 0);
	check_notice(tid, TAG_NOTICE);
	check_no_more(TAG_NOTICE);
}

static void hosts(void)
{
	int known = 0x40000, unknown = 0x80000;

	CHECK_INT(pvm_notify(PvmHostDelete, TAG_NOTICE, 1, &known), 0);
	CHECK_INT(pvm_notify(PvmHostDelete, TAG_NOTICE, 1, &unknown), 0);
	check_notice(unknown, TAG_NOTICE);
	check_no_more(TAG_NOTICE);
	CHECK_INT(pvm_notify(PvmHostDelete | PvmNotifyCancel, TAG_NOTICE, 1, &known), 0);
	check_notice(known, TAG_NOTICE);
	CHECK_INT(pvm_notify(PvmHostAdd, TAG_NOTICE, -1, NULL), 0);
	CHECK_INT(pvm_notify(PvmHostAdd, TAG_NOTICE, 3, NULL), 0);
	CHECK_INT(pvm_notify(PvmHostAdd | PvmNotifyCancel, TAG_NOTICE, 0, NULL), 0);
	CHECK_INT(pvm_notify(PvmHostAdd, TAG_NOTICE, 0, NULL), 0);
	check_no_more(TAG_NOTICE);
}

int main(int argc, char **argv)
{
	int mytid;

	check_start();
	if (argc > 1)
		return child();
	mytid = pvm_mytid();
	CHECK(mytid > 0);
	parameters(mytid);
	unknown_task(mytid);
	task_exit(argv);
	hosts();
	pvm_exit();
	return check_done();
}
