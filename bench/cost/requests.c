/* SPDX-License-Identifier: MIT */
/* Costs of calls that the daemon answers, and of enrolling and leaving. */
#include "cost.h"

#include <signal.h>

static char entry[] = "bench_cost";
static char host[256];

static void enrol(void)
{
	CHECK(pvm_exit() == 0);
	CHECK((cost_tid = pvm_mytid()) > 0);
}

static void pstat(void)
{
	CHECK(pvm_pstat(cost_tid) == PvmOk);
}

static void pstat_of_none(void)
{
	CHECK(pvm_pstat(cost_tid | 0x3ffff) < 0);
}

static void tasks(void)
{
	struct pvmtaskinfo *list;
	int n;

	CHECK(pvm_tasks(0, &n, &list) == 0);
}

static void config(void)
{
	struct pvmhostinfo *list;
	int n, arches;

	CHECK(pvm_config(&n, &arches, &list) == 0);
}

static void begin_host(void)
{
	struct pvmhostinfo *list;
	int n;

	CHECK(pvm_config(&n, NULL, &list) == 0);
	snprintf(host, sizeof host, "%s", list[0].hi_name);
}

static void mstat(void)
{
	CHECK(pvm_mstat(host) == PvmOk);
}

static void mstat_of_none(void)
{
	CHECK(pvm_mstat((char *)"no-such-host") < 0);
}

static void archcode(void)
{
	CHECK(pvm_archcode((char *)"LINUX64") > 0);
}

static void hostsync(void)
{
	struct timeval remote, delta;

	CHECK(pvm_hostsync(pvm_tidtohost(cost_tid), &remote, &delta) == 0);
}

static void notify(void)
{
	CHECK(pvm_notify(PvmTaskExit, TAG_GONE, 1, &cost_tid) == 0);
	CHECK(pvm_notify(PvmTaskExit | PvmNotifyCancel, TAG_GONE, 1, &cost_tid) == 0);
	CHECK(pvm_recv(-1, TAG_GONE) > 0);
}

static void notify_of_none(void)
{
	int tid = cost_tid | 0x3ffff;

	CHECK(pvm_notify(PvmTaskExit, TAG_GONE, 1, &tid) == 0);
	CHECK(pvm_recv(-1, TAG_GONE) > 0);
}

static void sendsig_of_none(void)
{
	pvm_sendsig(cost_tid | 0x3ffff, 1);
}

static void sendsig(void)
{
	CHECK(pvm_sendsig(cost_tid, SIGCONT) == PvmOk);
}

static void begin_kill(void)
{
	signal(SIGTERM, SIG_IGN);
}

static void end_kill(void)
{
	signal(SIGTERM, SIG_DFL);
}

static void kill_living(void)
{
	CHECK(pvm_kill(cost_tid) == PvmOk);
}

static void kill_of_none(void)
{
	pvm_kill(cost_tid | 0x3ffff);
}

static void addhosts_again(void)
{
	char *names[] = { host };
	int status;

	pvm_addhosts(names, 1, &status);
}

static void delhosts_of_none(void)
{
	char *names[] = { (char *)"no-such-host" };
	int status;

	pvm_delhosts(names, 1, &status);
}

static void spawn_of_none(void)
{
	int tid;

	CHECK(pvm_spawn((char *)"no-such-file", NULL, 0, (char *)"", 1, &tid) == 0);
}

/* A task from its spawn to its end. */
static void spawn(void)
{
	char *args[] = { (char *)"hello", NULL };
	int tid;

	CHECK(pvm_spawn(cost_peer, args, PvmTaskDefault, (char *)"", 1, &tid) == 1);
	CHECK(pvm_recv(tid, TAG_HELLO) > 0);
	CHECK(pvm_notify(PvmTaskExit, TAG_GONE, 1, &tid) == 0);
	CHECK(pvm_recv(-1, TAG_GONE) > 0);
}

static void tickle(void)
{
	int words[10] = { 0 }, answer[10], n;

	CHECK(pvm_tickle(1, words, &n, answer) == 0);
}

static void setopt(void)
{
	CHECK(pvm_setopt(PvmSelfTraceTid, cost_tid) >= 0);
	CHECK(pvm_setopt(PvmSelfTraceTid, 0) >= 0);
}

static void context(void)
{
	pvm_freecontext(pvm_newcontext());
}

static void catchout(void)
{
	CHECK(pvm_catchout(stdout) == 0);
	CHECK(pvm_catchout(NULL) == 0);
}

static void export_name(void)
{
	CHECK(pvm_export((char *)"BENCH_X") == 0);
	CHECK(pvm_unexport((char *)"BENCH_X") == 0);
}

/* ---- mailbox ---- */

static void putinfo(void)
{
	pvm_initsend(PvmDataDefault);
	CHECK(pvm_putinfo(entry, pvm_getsbuf(), PvmMboxOverWritable) >= 0);
}

static void recvinfo(void)
{
	CHECK(pvm_recvinfo(entry, 0, PvmMboxDefault) > 0);
}

static void recvinfo_of_none(void)
{
	CHECK(pvm_recvinfo((char *)"no_such_entry", 0, PvmMboxDefault) < 0);
}

static void put_and_delete(void)
{
	putinfo();
	CHECK(pvm_delinfo(entry, 0, PvmMboxDefault) >= 0);
}

static void getmboxinfo(void)
{
	struct pvmmboxinfo *classes;
	int n;

	CHECK(pvm_getmboxinfo((char *)"", &n, &classes) >= 0);
}

static void insert_and_delete(void)
{
	int data;

	CHECK(pvm_insert(entry, 3, 4711) == 3);
	CHECK(pvm_lookup(entry, 3, &data) >= 0);
	CHECK(pvm_delete(entry, 3) >= 0);
}

const struct cost_case cost_requests[] = {
	{ "enrol-exit", NULL, NULL, enrol, 0, NULL },
	{ "pstat", NULL, NULL, pstat, 0, NULL },
	{ "pstat-of-none", NULL, NULL, pstat_of_none, 0, NULL },
	{ "tasks", NULL, NULL, tasks, 0, NULL },
	{ "config", NULL, NULL, config, 0, NULL },
	{ "mstat", begin_host, NULL, mstat, 0, NULL },
	{ "mstat-of-none", NULL, NULL, mstat_of_none, 0, NULL },
	{ "archcode", NULL, NULL, archcode, 0, NULL },
	{ "hostsync", NULL, NULL, hostsync, 0, NULL },
	{ "notify-cancel", NULL, NULL, notify, 0, NULL },
	{ "notify-of-none", NULL, NULL, notify_of_none, 0, NULL },
	{ "sendsig-of-none", NULL, NULL, sendsig_of_none, 0, NULL },
	{ "sendsig", NULL, NULL, sendsig, 0, NULL },
	{ "kill", begin_kill, NULL, kill_living, 0, end_kill },
	{ "kill-of-none", NULL, NULL, kill_of_none, 0, NULL },
	{ "addhosts-again", begin_host, NULL, addhosts_again, 0, NULL },
	{ "delhosts-of-none", NULL, NULL, delhosts_of_none, 0, NULL },
	{ "spawn", NULL, NULL, spawn, 0, NULL },
	{ "spawn-of-none", NULL, NULL, spawn_of_none, 0, NULL },
	{ "tickle", NULL, NULL, tickle, 0, NULL },
	{ "setopt", NULL, NULL, setopt, 0, NULL },
	{ "newcontext", NULL, NULL, context, 64, NULL },
	{ "catchout", NULL, NULL, catchout, 0, NULL },
	{ "export", NULL, NULL, export_name, 0, NULL },
	{ "putinfo", NULL, NULL, putinfo, 0, NULL },
	{ "recvinfo", putinfo, NULL, recvinfo, 0, NULL },
	{ "recvinfo-of-none", NULL, NULL, recvinfo_of_none, 0, NULL },
	{ "putinfo-delinfo", NULL, NULL, put_and_delete, 0, NULL },
	{ "getmboxinfo", putinfo, NULL, getmboxinfo, 0, NULL },
	{ "insert-lookup-delete", NULL, NULL, insert_and_delete, 0, NULL },
	{ 0 },
};
