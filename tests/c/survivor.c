/* SPDX-License-Identifier: MIT */
/*
 * Makes every call that asks the daemon something, whatever the answers are, and
 * unpacks what it gets. Ends with 0 if all calls have returned; prints one line a
 * call. The peer is a daemon that lies, see test_hostile_daemon.py.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <pvm3.h>

#define SHOW(call) (printf("%s = %d\n", #call, (call)), fflush(stdout))

/* Take everything out of a message that it will give, as every type. */
static void unpack_all(int bufid)
{
	static char text[1 << 16];
	double d;
	long l;
	int n, tag, src, inner;

	if (pvm_bufinfo(bufid, &n, &tag, &src) < 0)
		return;
	while (pvm_upkint(&n, 1, 1) == 0)
		;
	pvm_upkstr(text);
	pvm_upkdouble(&d, 1, 1);
	pvm_upklong(&l, 1, 1);
	inner = pvm_upkmesg();
	if (inner > 0)
		pvm_freebuf(inner);
	while (pvm_upkbyte(text, 1, 1) == 0)
		;
}

static void receive_some(void)
{
	struct timeval soon = { 0, 2000 };
	int bufid;

	for (int i = 0; i < 20 && (bufid = pvm_nrecv(-1, -1)) > 0; i++)
		unpack_all(bufid);
	SHOW(pvm_probe(-1, -1));
	SHOW(pvm_trecv(-1, -1, &soon));
}

static void ask_hosts(void)
{
	struct pvmhostinfo *hosts;
	struct timeval clock, delta;
	char *names[] = { "one", "two" };
	int nhosts, narch, codes[2];

	SHOW(pvm_config(&nhosts, &narch, &hosts));
	SHOW(pvm_addhosts(names, 2, codes));
	SHOW(pvm_delhosts(names, 2, codes));
	SHOW(pvm_mstat("one"));
	SHOW(pvm_archcode("LINUX64"));
	SHOW(pvm_hostsync(0x40000, &clock, &delta));
}

static void ask_tasks(int me)
{
	struct pvmtaskinfo *tasks;
	int ntasks, tids[4], *brothers;

	SHOW(pvm_parent());
	SHOW(pvm_siblings(&brothers));
	SHOW(pvm_tasks(0, &ntasks, &tasks));
	SHOW(pvm_pstat(me));
	SHOW(pvm_spawn("nothing", NULL, 0, "", 4, tids));
	SHOW(pvm_kill(0x40077));
	SHOW(pvm_notify(PvmTaskExit, 5, 1, &me));
	SHOW(pvm_catchout(stdout));
	SHOW(pvm_setopt(PvmOutputTid, me));
	SHOW(pvm_newcontext());
	SHOW(pvm_freecontext(0x40001));
}

static void ask_mailbox(void)
{
	struct pvmmboxinfo *classes;
	int nclasses, bufid;

	pvm_initsend(PvmDataDefault);
	SHOW(pvm_putinfo("box", pvm_getsbuf(), 0));
	SHOW(bufid = pvm_recvinfo("box", 0, 0));
	if (bufid > 0)
		unpack_all(bufid);
	SHOW(pvm_getmboxinfo("*", &nclasses, &classes));
	SHOW(pvm_delinfo("box", 0, 0));
}

static void register_tools(void)
{
	struct pvmhostinfo *hosts;

	SHOW(pvm_reg_hoster());
	SHOW(pvm_reg_tasker());
	SHOW(pvm_reg_rm(&hosts));
}

int main(void)
{
	int me;

	SHOW(me = pvm_mytid());
	pvm_setopt(PvmAutoErr, 0);
	receive_some();
	ask_hosts();
	ask_tasks(me);
	ask_mailbox();
	register_tools();
	receive_some();
	SHOW(pvm_exit());
	return 0;
}
