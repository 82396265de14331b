/* SPDX-License-Identifier: MIT */
/*
 * What PVM exports besides its documented interface, as the binaries that import it use it:
 * console, tracer, group library, example programs. Each declares it itself, as here.
 */
#include <sys/time.h>

#include "check.h"
#include "pvmtev.h"

extern char *pvm_errlist[];
extern int pvm_nerr, pvmmytid, pvmmyctx, pvmtoplvl;
extern struct Pvmtracer pvmtrc, pvmctrc;
extern int (*(*pvmtrccodef))(int did, int array, void *data, int n, int stride);
int i_dump(int how);
int lpvmerr(char *function, int code);
void pvmbailout(int status);
int pvmbeatask(void);
void pvmchkuid(void);
int pvmendtask(void);
int pvmdisplaymhfinfo(char *who, char *message, int tid);
int pvmgetclock(struct timeval *now);
char *pvmgetrsh(void);
char *pvmgettmp(void);
char *pvmnametag(int tag, int *found);
int pvmputenv(char *setting);
int pvmreset(int mytid, int killtasks, char *noreset_class, int index);
int pvmsleep(int seconds);
int pvmstrtoi(char *text);
char *pvmtmpnam(char *name);
int tev_begin(int kind, int entry_exit);
int tev_fin(void);

enum { TAG_READY = 1, TAG_EXIT = 2, TAG_TRACE = 77, PACK_INT = 5, PACK_STRING = 11 };

static void before_connecting(void)
{
	static char setting[] = "PVM_TEST_SETTING=set"; /* stays in the environment */
	struct timeval now, other;

	CHECK_INT(pvmmytid, -1);
	CHECK_INT(pvmmyctx, 0);
	CHECK_INT(pvmtoplvl, 1);
	CHECK_INT(pvm_nerr, 37);
	CHECK_TEXT(pvm_errlist[0], "Error 0");
	CHECK_TEXT(pvm_errlist[-PvmIPLoopback],
		"Master Host IP Address is Loopback! (See pvm3/Readme)");
	CHECK_TEXT(pvmgettmp(), getenv("PVM_TMP"));
	CHECK_INT(pvmputenv(setting), 0);
	CHECK_TEXT(getenv("PVM_TEST_SETTING"), "set");
	CHECK(setenv("PVM_RSH", "/my/shell", 1) == 0);
	CHECK_TEXT(pvmgetrsh(), "/my/shell");
	unsetenv("PVM_RSH");
	CHECK(pvmgetrsh()[0] == '/');
	CHECK_INT(pvmgetclock(&now), 0);
	gettimeofday(&other, NULL);
	CHECK(other.tv_sec - now.tv_sec >= 0 && other.tv_sec - now.tv_sec < 60);
	CHECK_INT(pvmsleep(0), 0);
	CHECK_INT(pvmstrtoi("12x"), 12);
	CHECK_INT(pvmstrtoi("0x1f"), 31);
	CHECK_INT(pvmstrtoi("017"), 15);
	CHECK_INT(pvmstrtoi(""), 0);
}

static void names_of_tags(void)
{
	int found = -1;

	CHECK_TEXT(pvmnametag((int)0x80010001, &found), "TM_CONNECT");
	CHECK_INT(found, 1);
	CHECK_TEXT(pvmnametag(4711, &found), "4711");
	CHECK_INT(found, 0);
	CHECK_TEXT(pvmnametag(-3, NULL), "-3");
}

static void connecting(void)
{
	int first, second;

	CHECK_INT(pvmbeatask(), 0);
	first = pvmmytid;
	CHECK_CODE("pvmchkuid()", (pvmchkuid(), 0), 0);
	CHECK_CODE("pvmbailout(0)", (pvmbailout(0), 0), 0);
	CHECK_INT(first, pvm_mytid());
	CHECK_INT(pvmbeatask(), 0);
	pvm_setcontext(5);
	CHECK_INT(pvmmyctx, 5);
	pvm_setcontext(0);
	CHECK_INT(pvmendtask(), 0);
	CHECK_INT(pvmmytid, -1);
	second = pvm_mytid();
	CHECK(second > 0 && second != first);
}

static void errors(void)
{
	CHECK_INT(lpvmerr("function", PvmNoMem), PvmNoMem);
	CHECK_INT(pvm_errno, PvmNoMem);
	CHECK_TEXT(pvm_strerror(), pvm_errlist[-PvmNoMem]);
	CHECK_CODE("i_dump(0)", i_dump(0) * 0, 0);
}

static int ignore(int mid)
{
	(void)mid;
	return 0;
}

/* The handlers are listed on the standard output. */
static void handlers(void)
{
	FILE *kept = stdout, *file = tmpfile();
	int id = pvm_addmhf(4711, 815, 0, ignore);
	char text[20000] = "";
	size_t n;

	stdout = file;
	pvmdisplaymhfinfo("who", "what", pvmmytid);
	stdout = kept;
	rewind(file);
	n = fread(text, 1, sizeof text - 1, file);
	text[n] = 0;
	fclose(file);
	CHECK_CODE("pvmdisplaymhfinfo()", strstr(text, "who") && strstr(text, "815"), 1);
	pvm_delmhf(id);
}

static void files(void)
{
	char name[200] = "";

	CHECK(pvmtmpnam(name) == name);
	CHECK(strncmp(name, pvmgettmp(), strlen(pvmgettmp())) == 0);
	CHECK(access(name, F_OK) != 0);
}

/* The settings are where the group library reads them. */
static void settings(int me)
{
	pvm_setopt(PvmOutputTid, me);
	pvm_setopt(PvmOutputCode, 6);
	CHECK(pvmctrc.outtid == me && pvmctrc.outtag == 6 && pvmctrc.outctx == 0);
	pvm_setopt(PvmOutputTid, 0);
	pvm_setopt(PvmTraceBuffer, 999);
	CHECK(pvmctrc.trcbuf == 999 && pvmtrc.trcbuf == 0);
	pvm_setopt(PvmTraceBuffer, 0);
	CHECK(pvmtrc.trctid == 0 && pvmtrc.outtid == 0);
}

/* A traced child makes an event as the group library does, and says that that is done. */
static int traced_child(void)
{
	int parent = pvm_parent(), count = 3;

	CHECK(pvmtrc.trctid == parent && pvmtrc.trctag == TAG_TRACE);
	CHECK(TEV_MASK_CHECK(pvmtrc.tmask, TEV_BARRIER));
	CHECK_INT(tev_begin(TEV_BARRIER, TEV_EVENT_ENTRY), 1);
	CHECK_INT(pvmtrccodef[PACK_STRING](TEV_DID_GN, TEV_DATA_SCALAR, "group", 1, 1), 0);
	CHECK_INT(pvmtrccodef[PACK_INT](TEV_DID_GBC, TEV_DATA_SCALAR, &count, 1, 1), 0);
	CHECK_INT(tev_fin(), 1);
	pvm_insert("of the child", 0, 1);
	check_send_int(parent, TAG_READY, check_failed);
	pvm_recv(parent, TAG_EXIT);
	pvm_exit();
	return 0;
}

/* The event of the child, with the description of its items. */
static int check_event(int tid)
{
	int head[2], item[3], failed = check_failed;
	char name[100];

	CHECK(pvm_recv(tid, TAG_TRACE) > 0);
	CHECK_INT(pvm_upkint(head, 2, 1), 0);
	CHECK_INT(head[0], TEV_MARK_EVENT_DESC);
	CHECK_INT(head[1], TEV_BARRIER | TEV_EVENT_ENTRY);
	CHECK_INT(pvm_upkstr(name), 0);
	CHECK_TEXT(name, "barrier");
	CHECK_INT(pvm_upkint(item, 3, 1), 0); /* seconds */
	CHECK_INT(pvm_upkint(item, 3, 1), 0); /* microseconds */
	CHECK_INT(pvm_upkint(item, 3, 1), 0);
	CHECK(item[0] == TEV_DID_TID && item[1] == TEV_DATA_INT && item[2] == tid);
	CHECK_INT(pvm_upkint(item, 2, 1), 0);
	CHECK(item[0] == TEV_DID_GN && item[1] == TEV_DATA_STRING);
	CHECK_INT(pvm_upkstr(name), 0);
	CHECK_TEXT(name, "group");
	CHECK_INT(pvm_upkint(item, 3, 1), 0);
	CHECK(item[0] == TEV_DID_GBC && item[1] == TEV_DATA_INT && item[2] == 3);
	CHECK_INT(pvm_upkint(item, 1, 1), 0);
	CHECK_INT(item[0], TEV_MARK_EVENT_DESC_END);
	return check_failed - failed;
}

static void events_and_reset(char **argv, int me)
{
	char *role[] = { "child", NULL };
	int tid;
	Pvmtmask mask;

	TEV_MASK_INIT(mask);
	TEV_MASK_SET(mask, TEV_BARRIER);
	pvm_settmask(PvmTaskChild, mask);
	pvm_setopt(PvmTraceTid, me);
	pvm_setopt(PvmTraceCode, TAG_TRACE);
	pvm_setopt(PvmTraceOptions, PvmTraceFull);
	CHECK_INT(pvm_spawn(argv[0], role, PvmTaskDefault, "", 1, &tid), 1);
	pvm_setopt(PvmTraceTid, 0);
	CHECK_CODE("pvmtrccodef with tev_begin() and tev_fin()", check_recv_int(tid, TAG_READY), 0);
	CHECK_CODE("tev_begin(TEV_BARRIER, TEV_EVENT_ENTRY)", check_event(tid), 0);
	CHECK_CODE("tev_fin()", check_failed, 0);
	/* It ends by the reset, and what it has left in the mailbox goes. */
	CHECK_INT(pvm_lookup("of the child", 0, NULL), 0);
	pvm_insert("of the parent", 0, 1);
	pvm_notify(PvmTaskExit, TAG_EXIT, 1, &tid);
	CHECK_INT(pvmreset(me, 1, "", -1), 0);
	CHECK_INT(check_recv_int(-1, TAG_EXIT), tid);
	CHECK_INT(pvm_lookup("of the child", 0, NULL), PvmNotFound);
	CHECK_INT(pvm_lookup("of the parent", 0, NULL), 0);
	pvm_delete("of the parent", 0);
}

int main(int argc, char **argv)
{
	check_start();
	if (argc > 1)
		return traced_child();
	before_connecting();
	names_of_tags();
	connecting();
	errors();
	handlers();
	files();
	settings(pvmmytid);
	events_and_reset(argv, pvmmytid);
	pvm_exit();
	return check_done();
}
