/* SPDX-License-Identifier: MIT */
/* Starting, asking about and signalling tasks; hosts; family relations. */
#include <signal.h>
#include <sys/time.h>

#include "check.h"

enum { TAG_READY = 1, TAG_GO = 2, TAG_EXIT = 3, TAG_SIGNAL = 4, TAG_ENV = 5 };

static volatile sig_atomic_t signals;

static void on_signal(int number)
{
	(void)number;
	signals++;
}

/* Says who it is, its place among its siblings, then waits for the end. */
static int child(void)
{
	int *siblings, parent = pvm_parent(), count, place = -1;
	char text[400], directory[200];

	signal(SIGUSR1, on_signal);
	count = pvm_siblings(&siblings);
	for (int i = 0; i < count; i++)
		if (siblings[i] == pvm_mytid())
			place = i;
	snprintf(text, sizeof text, "%s|%s|%s", getcwd(directory, sizeof directory),
		getenv("PVM_TEST_EXPORT") ? getenv("PVM_TEST_EXPORT") : "-",
		getenv("PVM_TEST_SECRET") ? getenv("PVM_TEST_SECRET") : "-");
	pvm_packf("%+ %d %d %d %s", PvmDataDefault, count, place, pvm_getcontext(), text);
	pvm_send(parent, TAG_READY);
	pvm_recv(parent, TAG_GO);
	while (!signals) {
		struct timeval soon = { 0, 10000 };

		pvm_trecv(parent, 4711, &soon);
	}
	check_send_int(parent, TAG_SIGNAL, signals);
	pvm_exit();
	return 0;
}

/* Tells its grandparent what pvm_parent says. */
static int orphan(char **argv)
{
	check_send_int(atoi(argv[2]), TAG_READY, pvm_parent());
	pvm_exit();
	return 0;
}

static void wait_for_exit(int tid)
{
	pvm_notify(PvmTaskExit, TAG_EXIT, 1, &tid);
	CHECK_INT(check_recv_int(-1, TAG_EXIT), tid);
}

static void family(char **argv, int mytid)
{
	enum { COUNT = 3 };
	int tids[COUNT], count, place, context, *siblings;
	char text[500];
	struct pvmtaskinfo *tasks;

	CHECK_INT(pvm_parent(), PvmNoParent);
	CHECK_INT(pvm_siblings(&siblings), 1);
	CHECK_INT(siblings[0], mytid);
	setenv("PVM_TEST_EXPORT", "exported value", 1);
	setenv("PVM_TEST_SECRET", "not exported", 1);
	CHECK_INT(pvm_export("PVM_TEST_EXPORT"), 0);
	CHECK_INT(check_spawn(argv, "child", COUNT, tids), COUNT);
	CHECK(tids[0] < tids[1] && tids[1] < tids[2]);
	for (int i = 0; i < COUNT; i++) {
		CHECK(pvm_recv(tids[i], TAG_READY) > 0);
		CHECK_INT(pvm_unpackf("%d %d %d %s", &count, &place, &context, text), 0);
		CHECK_INT(count, COUNT);
		CHECK_INT(place, i);
		CHECK_INT(context, 0);
		CHECK(strstr(text, "|exported value|-") != NULL);
		CHECK_INT(pvm_pstat(tids[i]), PvmOk);
		CHECK_INT(pvm_tidtohost(tids[i]), tids[i] & 0x3ffc0000);
	}
	CHECK_INT(pvm_tasks(tids[1], &count, &tasks), 0);
	CHECK_INT(count, 1);
	CHECK_INT(tasks[0].ti_tid, tids[1]);
	CHECK_INT(tasks[0].ti_ptid, mytid);
	CHECK_INT(tasks[0].ti_host, pvm_tidtohost(mytid));
	CHECK_INT(tasks[0].ti_flag, 6);
	CHECK_TEXT(tasks[0].ti_a_out, argv[0]);
	CHECK_INT(kill(tasks[0].ti_pid, 0), 0);
	for (int i = 0; i < COUNT; i++) {
		check_send_int(tids[i], TAG_GO, 0);
		CHECK_INT(pvm_sendsig(tids[i], SIGUSR1), 0);
		CHECK_INT(check_recv_int(tids[i], TAG_SIGNAL), 1);
		wait_for_exit(tids[i]);
		CHECK_INT(pvm_pstat(tids[i]), PvmNoTask);
	}
	CHECK_INT(pvm_unexport("PVM_TEST_EXPORT"), 0);
}

static void killing(char **argv)
{
	int tid;

	CHECK_INT(check_spawn(argv, "child", 1, &tid), 1);
	CHECK_INT(pvm_kill(tid), 0);
	wait_for_exit(tid);
	CHECK_INT(pvm_kill(tid), 0);
	CHECK_INT(pvm_kill(0), PvmBadParam);
	CHECK_INT(pvm_kill(-1), PvmBadParam);
	CHECK_INT(pvm_sendsig(0x80040000, SIGTERM), PvmBadParam);
	CHECK_INT(pvm_pstat(0), PvmBadParam);
	CHECK_INT(pvm_pstat(0x80040000), PvmBadParam);
}

static void spawn_errors(char **argv)
{
	int tids[3] = { 1, 1, 1 };

	CHECK_INT(pvm_spawn(argv[0], NULL, 0, "", 0, tids), PvmBadParam);
	CHECK_INT(pvm_spawn(argv[0], NULL, 0, "", -1, tids), PvmBadParam);
	CHECK_INT(pvm_spawn("no-such-program", NULL, 0, "", 3, tids), 0);
	for (int i = 0; i < 3; i++)
		CHECK_INT(tids[i], PvmNoFile);
	CHECK_INT(pvm_spawn("/no/such/program", NULL, 0, "", 1, tids), 0);
	CHECK_INT(tids[0], PvmNoFile);
	CHECK_INT(pvm_spawn("/tmp", NULL, 0, "", 1, tids), 0);
	CHECK_INT(tids[0], PvmNoFile);
	CHECK_INT(pvm_spawn("/etc/passwd", NULL, 0, "", 1, tids), 0);
	CHECK_INT(tids[0], PvmNoFile);
	CHECK_INT(pvm_spawn(argv[0], NULL, PvmTaskHost, "no-such-host", 2, tids), 0);
	CHECK_INT(tids[0], PvmNoHost);
	CHECK_INT(tids[1], PvmNoHost);
	CHECK_INT(pvm_spawn(argv[0], NULL, PvmTaskArch, "NOARCH", 1, tids), 0);
	CHECK_INT(tids[0], PvmNoHost);
	CHECK_INT(pvm_spawn(argv[0], NULL, PvmTaskHost | PvmHostCompl, ".", 1, tids), 0);
	CHECK_INT(tids[0], PvmNoHost);
}

static void spawn_places(char **argv)
{
	char *arguments[] = { "child", NULL }, text[500], *orphans[3] = { "orphan", text, NULL };
	int tid, count, place, context;

	CHECK_INT(pvm_spawn(argv[0], arguments, PvmTaskHost, ".:/usr", 1, &tid), 1);
	CHECK(pvm_recv(tid, TAG_READY) > 0);
	CHECK_INT(pvm_unpackf("%d %d %d %s", &count, &place, &context, text), 0);
	CHECK_TEXT(text, "/usr|-|-");
	pvm_kill(tid);
	wait_for_exit(tid);
	CHECK_INT(pvm_spawn(argv[0], arguments, PvmTaskArch, "LINUX64", 1, &tid), 1);
	pvm_kill(tid);
	wait_for_exit(tid);
	CHECK_INT(pvm_nrecv(tid, -1) >= 0, 1);

	snprintf(text, sizeof text, "%d", pvm_mytid());
	CHECK_INT(pvm_spawn(argv[0], orphans, PvmNoSpawnParent, "", 1, &tid), 1);
	CHECK_INT(check_recv_int(tid, TAG_READY), PvmParentNotSet);
	wait_for_exit(tid);
}

static void context_is_inherited(char **argv)
{
	int own = pvm_newcontext(), tid, count, place, context;
	char text[500];

	pvm_setcontext(own);
	CHECK_INT(check_spawn(argv, "child", 1, &tid), 1);
	CHECK(pvm_recv(tid, TAG_READY) > 0);
	CHECK_INT(pvm_unpackf("%d %d %d %s", &count, &place, &context, text), 0);
	CHECK_INT(context, own);
	pvm_kill(tid);
	wait_for_exit(tid);
	pvm_setcontext(0);
	CHECK_INT(pvm_freecontext(own), 0);
}

static void hosts(int mytid)
{
	struct pvmhostinfo *hosts;
	struct timeval clock, delta, now;
	int nhost = 0, narch = 0, count = -1, status[2];
	struct pvmtaskinfo *tasks;
	char *nowhere[] = { "no.such.host.invalid" };

	CHECK_INT(pvm_config(&nhost, &narch, &hosts), 0);
	CHECK_INT(nhost, 1);
	CHECK_INT(narch, 1);
	CHECK_INT(hosts[0].hi_tid, 0x40000);
	CHECK_TEXT(hosts[0].hi_arch, "LINUX64");
	CHECK_INT(hosts[0].hi_speed, 1000);
	CHECK_INT(hosts[0].hi_dsig, 4230209);
	CHECK_INT(pvm_config(NULL, NULL, NULL), 0);
	CHECK_INT(pvm_config(NULL, NULL, &hosts), 0);
	CHECK_INT(pvm_mstat(hosts[0].hi_name), PvmOk);
	CHECK_INT(pvm_mstat("no-such-host"), PvmNoHost);
	CHECK_INT(pvm_mstat(""), PvmBadParam);
	CHECK_INT(pvm_mstat(NULL), PvmBadParam);
	CHECK_INT(pvm_archcode("LINUX64"), 4230209);
	CHECK_INT(pvm_archcode("NOARCH"), PvmNotFound);
	CHECK_INT(pvm_archcode(NULL), PvmBadParam);
	CHECK_INT(pvm_hostsync(0x40000, &clock, &delta), 0);
	gettimeofday(&now, NULL);
	CHECK(now.tv_sec - clock.tv_sec <= CHECK_SECONDS && now.tv_sec >= clock.tv_sec);
	CHECK_INT(pvm_hostsync(0x80000, &clock, &delta), PvmNoHost);
	CHECK_INT(pvm_tasks(0x80000, &count, &tasks), PvmNoHost);
	CHECK_INT(pvm_tasks(mytid + 1000, &count, &tasks), 0);
	CHECK_INT(count, 0);
	CHECK_INT(pvm_tasks(mytid, &count, &tasks), 0);
	CHECK_INT(count, 1);
	CHECK_INT(tasks[0].ti_flag, 4);
	CHECK_INT(tasks[0].ti_pid, getpid());
	CHECK_INT(tasks[0].ti_ptid, 0);
	CHECK_TEXT(tasks[0].ti_a_out, "");
	CHECK_INT(pvm_addhosts(nowhere, 0, status), PvmBadParam);
	CHECK_INT(pvm_delhosts(nowhere, 0, status), PvmBadParam);
	CHECK_INT(pvm_delhosts(nowhere, 1, status), 0);
	CHECK_INT(status[0], PvmNoHost);
	CHECK_INT(pvm_addhosts(nowhere, 1, status), 0);
	CHECK(status[0] < 0);
}

static void daemon_hooks(void)
{
	int argument[12] = { 5 }, count = -1, result[12];

	CHECK_INT(pvm_tickle(1, argument, &count, result), 0);
	CHECK_INT(count, 1);
	CHECK_INT(pvm_tickle(0, argument, &count, result), PvmBadParam);
	CHECK_INT(pvm_tickle(11, argument, &count, result), PvmBadParam);
}

int main(int argc, char **argv)
{
	int mytid;

	check_start();
	if (argc > 1)
		return strcmp(argv[1], "child") == 0 ? child() : orphan(argv);
	mytid = pvm_mytid();
	CHECK(mytid > 0);
	hosts(mytid);
	daemon_hooks();
	family(argv, mytid);
	killing(argv);
	spawn_errors(argv);
	spawn_places(argv);
	context_is_inherited(argv);
	pvm_exit();
	return check_done();
}
