/* SPDX-License-Identifier: MIT */
/* Without a daemon every function that needs one says so. */
#include "check.h"
#include "pvmtev.h"

static int ignore(int id)
{
	(void)id;
	return 0;
}

static void tasks(void)
{
	char *arguments[] = { NULL };
	int tid = 0x40001, count, *tids;
	struct pvmtaskinfo *list;

	CHECK_INT(pvm_mytid(), PvmSysErr);
	CHECK_INT(pvm_parent(), PvmSysErr);
	CHECK_INT(pvm_siblings(&tids), PvmSysErr);
	CHECK_INT(pvm_spawn("/bin/true", arguments, PvmTaskDefault, "", 1, &tid), PvmSysErr);
	CHECK_INT(pvm_kill(0x40001), PvmSysErr);
	CHECK_INT(pvm_sendsig(0x40001, 9), PvmSysErr);
	CHECK_INT(pvm_pstat(0x40001), PvmSysErr);
	/* Wrong arguments come second. */
	CHECK_INT(pvm_pstat(0), PvmSysErr);
	CHECK_INT(pvm_kill(0), PvmSysErr);
	CHECK_INT(pvm_sendsig(0, 9), PvmSysErr);
	CHECK_INT(pvm_spawn("/bin/true", arguments, PvmTaskDefault, "", 0, &tid), PvmSysErr);
	CHECK_INT(pvm_tasks(0, &count, &list), PvmSysErr);
	tid = 0x40001;
	CHECK_INT(pvm_notify(PvmTaskExit, 1, 1, &tid), PvmSysErr);
	CHECK_INT(pvm_getfds(&tids), PvmSysErr);
	CHECK_INT(pvm_exit(), 0);
}

static void hosts(void)
{
	char *names[] = { "nowhere" };
	int status, argument = 5, result[10], count;
	struct pvmhostinfo *list;
	struct timeval clock, delta;

	CHECK_INT(pvm_config(&count, NULL, &list), PvmSysErr);
	CHECK_INT(pvm_addhosts(names, 1, &status), PvmSysErr);
	CHECK_INT(pvm_delhosts(names, 1, &status), PvmSysErr);
	CHECK_INT(pvm_mstat("nowhere"), PvmSysErr);
	CHECK_INT(pvm_archcode("LINUX64"), PvmSysErr);
	CHECK_INT(pvm_hostsync(0x40000, &clock, &delta), PvmSysErr);
	CHECK_INT(pvm_halt(), PvmSysErr);
	CHECK_INT(pvm_tickle(1, &argument, &count, result), PvmSysErr);
}

/* Settings of the task itself come with the connection. */
static void options(void)
{
	CHECK_INT(pvm_setopt(PvmSelfOutputTid, 0x40001), PvmSysErr);
	CHECK_INT(pvm_setopt(PvmSelfTraceTid, 0x40001), PvmSysErr);
	if (check_ours("library")) {
		CHECK_INT(pvm_catchout(stdout), PvmSysErr);
		CHECK_INT(pvm_setopt(PvmSelfOutputCode, 1), PvmSysErr);
		CHECK_INT(pvm_setopt(PvmSelfTraceCode, 1), PvmSysErr);
	}
}

static void messages(void)
{
	struct timeval none = { 0, 0 };
	int tid = 0x40001, item = 1;

	pvm_initsend(PvmDataDefault);
	CHECK_INT(pvm_send(0x40001, 1), PvmSysErr);
	CHECK_INT(pvm_mcast(&tid, 1, 1), PvmSysErr);
	CHECK_INT(pvm_psend(0x40001, 1, &item, 1, PVM_INT), PvmSysErr);
	CHECK_INT(pvm_precv(-1, 1, &item, 1, PVM_INT, NULL, NULL, NULL), PvmSysErr);
	CHECK_INT(pvm_recv(-1, 1), PvmSysErr);
	CHECK_INT(pvm_nrecv(-1, 1), PvmSysErr);
	CHECK_INT(pvm_trecv(-1, 1, &none), PvmSysErr);
	CHECK_INT(pvm_probe(-1, 1), PvmSysErr);
	CHECK_INT(pvm_newcontext(), PvmSysErr);
	CHECK_INT(pvm_freecontext(0x40001), PvmSysErr);
	CHECK_INT(pvm_freecontext(0), PvmSysErr);
	CHECK(pvm_addmhf(-1, 3, 0, ignore) >= 0);
}

static void mailbox(void)
{
	struct pvmmboxinfo *classes;
	int id = pvm_initsend(PvmDataDefault), value;

	CHECK_INT(pvm_putinfo("lost", id, PvmMboxDefault), PvmSysErr);
	CHECK_INT(pvm_putinfo("lost", 4711, PvmMboxDefault), PvmSysErr);
	CHECK_INT(pvm_recvinfo("lost", 0, PvmMboxDefault), PvmSysErr);
	CHECK_INT(pvm_delinfo("lost", 0, PvmMboxDefault), PvmSysErr);
	CHECK_INT(pvm_getmboxinfo("lost", &value, &classes), PvmSysErr);
	CHECK_INT(pvm_insert("lost", 0, 1), PvmSysErr);
	CHECK_INT(pvm_lookup("lost", 0, &value), PvmSysErr);
	CHECK_INT(pvm_delete("lost", 0), PvmSysErr);
}

static void roles(void)
{
	struct pvmhostinfo *host;
	Pvmtmask mask;
	int *tids, count;

	TEV_MASK_INIT(mask);
	CHECK_INT(pvm_reg_hoster(), PvmSysErr);
	CHECK_INT(pvm_reg_tasker(), PvmSysErr);
	CHECK_INT(pvm_reg_rm(&host), PvmSysErr);
	CHECK_INT(pvm_reg_tracer(0, 1, 0, 2, mask, 0, PvmTraceFull), PvmSysErr);
	/* 3.4.6 says that there are none. */
	if (check_ours("library"))
		CHECK_INT(pvm_getnoresets(&tids, &count), PvmSysErr);
}

static void call_loudly(void)
{
	pvm_setopt(PvmAutoErr, 1);
	pvm_mytid();
	pvm_setopt(PvmAutoErr, 0);
}

/* A text begins with one part and has another behind it. */
static void check_words(const char *text, const char *first, const char *then)
{
	if (strncmp(text, first, strlen(first)) != 0 || !strstr(text + strlen(first), then))
		CHECK_TEXT(text, first);
	else
		CHECK(true);
}

/* The lines of 3.4.6, and what ours says behind the first: to what it happened, what helps. */
static void words(const char *directory)
{
	char text[CHECK_PRINTED], expected[CHECK_PRINTED];

	check_capture(call_loudly, text);
	snprintf(expected, sizeof expected, "libpvm [pid%d] %s/pvmd.", (int)getpid(), directory);
	check_words(text, expected, ": No such file or directory\n");
	check_words(text, expected, "pvm_mytid(): Can't contact local daemon\n");
	if (!check_ours("library"))
		return;
	snprintf(expected + strlen(expected), 400, "%d%s%s: No such file or directory\n",
		(int)geteuid(), getenv("PVM_VMID") ? "." : "",
		getenv("PVM_VMID") ? getenv("PVM_VMID") : "");
	check_words(text, expected, "no daemon of this user answers in PVM_TMP");
	check_words(text, expected, directory);
	check_words(text, expected, ": start one with pvmd, or set the variables that");
	setenv("PVMSOCK", "no address", 1);
	check_capture(call_loudly, text);
	unsetenv("PVMSOCK");
	snprintf(expected, sizeof expected, "libpvm [pid%d] mksocs() connect: ", (int)getpid());
	check_words(text, expected, "socket address tried: no address\n");
	check_words(text, expected,
		"PVMSOCK is no address, where no daemon of this user answers: unset");
}

int main(void)
{
	char directory[200];

	check_start();
	if (!check_directory(directory, sizeof directory))
		return 1;
	setenv("PVM_TMP", directory, 1);
	unsetenv("PVMSOCK");
	words(directory);
	tasks();
	hosts();
	options();
	messages();
	mailbox();
	roles();
	CHECK_INT(rmdir(directory), 0);
	return check_done();
}
