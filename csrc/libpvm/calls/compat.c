/* SPDX-License-Identifier: MIT */
/*
 * Data and small helpers that PVM 3.4.6 exports besides its documented
 * interface; its console, tracer and example programs import them.
 */
#include "calls/api.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

/* Remote shell when PVM_RSH names none. */
#define DEFAULT_RSH "/usr/bin/ssh"

/* Release of PVM that this library stands for. */
char *pvm_version(void)
{
	return (char *)PVM_VER;
}

/* Dump of an allocator for debugging: this library has none. Returns 0. */
int i_dump(int how)
{
	(void)how;
	return 0;
}

/* Called by programs that give up, before they end: there is nothing to do. */
void pvmbailout(int status)
{
	(void)status;
}

/* Time of day. Returns 0. */
int pvmgetclock(struct timeval *now)
{
	return gettimeofday(now, NULL);
}

/* Sleep. Returns the seconds that were left when a signal came. */
int pvmsleep(int seconds)
{
	return seconds > 0 ? (int)sleep((unsigned)seconds) : 0;
}

/* Remote shell that starts daemons on other hosts. */
char *pvmgetrsh(void)
{
	static struct setting rsh;

	return pvm__setting("PVM_RSH", &rsh, DEFAULT_RSH);
}

/*
 * Name of a file that does not exist yet, in `name` (TEMP_NAME_MAX bytes), or in
 * storage of the thread if that is NULL. NULL if it does not fit.
 */
char *pvmtmpnam(char *name)
{
	API_LOCK_OR(NULL);
	static __thread char own[TEMP_NAME_MAX];

	if (!name)
		name = own;
	return pvm__temp_name(name, TEMP_NAME_MAX) ? name : NULL;
}

/* Put "NAME=value" into the environment; the text is kept, not copied. 0 or an error. */
int pvmputenv(char *setting)
{
	API_LOCK();
	return putenv(setting);
}

/* Number from decimal, 0x or octal text, up to the first other character. */
int pvmstrtoi(char *text)
{
	return (int)strtol(text, NULL, 0);
}

/* Names of the system tags, each family from its first. */
#define TM(name) [TM_##name - TM_FIRST] = "TM_" #name
#define DM(name) [DM_##name - DM_FIRST] = "DM_" #name
#define TC(name) [TC_##name - TC_FIRST] = "TC_" #name
#define SM(name) [SM_##name - SM_FIRST] = "SM_" #name

static const char *const tm_names[] = { TM(CONNECT), TM(CONN2), TM(EXIT), TM(ADDHOST), TM(DELHOST),
	TM(CONFIG), TM(MSTAT), TM(HALT), TM(TICKLE), TM(SPAWN), TM(PSTAT), TM(SENDSIG), TM(TASK),
	TM(MCA), TM(NOTIFY), TM(DB), TM(SCHED), TM(TASKER), TM(HOSTER), TM(TRACER), TM(HOSTSYNC),
	TM(SETOPT), TM(GETOPT), TM(CONTEXT), TM(SHMCONN) };
static const char *const dm_names[] = { DM(ADD), DM(ADDACK), DM(EXEC), DM(EXECACK), DM(SENDSIG),
	DM(HTUPD), DM(HTUPDACK), DM(HTCOMMIT), DM(SLCONF), DM(STARTACK), DM(TASK), DM(TASKACK),
	DM(DELHOST), DM(DELHOSTACK), DM(NULL), DM(TASKOUT), DM(PSTAT), DM(PSTATACK), DM(HALT),
	DM(MCA), DM(NOTIFY), DM(NOTIFYACK), DM(DB), DM(DBACK), DM(RESET), DM(RESETACK), DM(HTDEL),
	DM(HOSTSYNC), DM(HOSTSYNCACK) };
static const char *const tc_names[] = { TC(CONREQ), TC(CONACK), TC(TASKEXIT), TC(NOOP), TC(OUTPUT),
	TC(SETTRACE), TC(SETTMASK), TC(SETTRCBUF), TC(SETTRCOPT), TC(SHMAT), TC(OUTPUTX),
	TC(SIBLINGS) };
static const char *const sm_names[] = { SM(SPAWN), SM(EXEC), SM(EXECACK), SM(TASK), SM(CONFIG),
	SM(ADDHOST), SM(DELHOST), SM(ADD), SM(ADDACK), SM(NOTIFY), SM(TASKX), SM(HOSTX),
	SM(HANDOFF), SM(SCHED), SM(STHOST), SM(STHOSTACK), SM(STTASK) };

static const struct tag_family {
	int first;
	unsigned count;
	const char *const *names;
} families[] = {
#define FAMILY(first, names) { first, sizeof names / sizeof names[0], names }
	FAMILY(TM_FIRST, tm_names),
	FAMILY(DM_FIRST, dm_names),
	FAMILY(TC_FIRST, tc_names),
	FAMILY(SM_FIRST, sm_names),
};

/*
 * Name of a system tag, the decimal number of any other, in storage of the thread.
 * *found, if not NULL, says whether it was a system tag.
 */
char *pvmnametag(int tag, int *found)
{
	static __thread char number[16];

	if (found)
		*found = 1;
	for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
		unsigned offset = (unsigned)tag - (unsigned)families[i].first;

		if (offset < families[i].count)
			return (char *)families[i].names[offset];
	}
	if (found)
		*found = 0;
	snprintf(number, sizeof number, "%d", tag);
	return number;
}

/* Wait id of a message. PvmBadParam, PvmNoSuchBuf. */
int pvm_getmwid(int bufid)
{
	API_LOCK();
	struct pvmminfo info;
	int code = pvm__get_header(bufid, &info);

	return code < 0 ? code : info.wid;
}

/* Set the wait id of a message. 0, PvmBadParam, PvmNoSuchBuf. */
int pvm_setmwid(int bufid, int wid)
{
	API_LOCK();
	struct pvmminfo info;
	int code = pvm__get_header(bufid, &info);

	if (code < 0)
		return code;
	info.wid = wid;
	return pvm__set_header(bufid, &info);
}

/* Does a task appear in a list? */
static bool listed(const int *tids, int n, int tid)
{
	for (int i = 0; i < n; i++)
		if (tids[i] == tid)
			return true;
	return false;
}

/* Kill every task but `mytid` and those that asked to be spared. 0 or an error. */
static int kill_tasks(int mytid, const int *spared, int nspared)
{
	struct pvmtaskinfo *tasks;
	int n;
	int code = pvm__list_tasks(0, &n, &tasks);

	for (int i = 0; i < n && code == 0; i++)
		if (tasks[i].ti_tid != mytid && !listed(spared, nspared, tasks[i].ti_tid))
			pvm__result("pvm_kill", pvm__send_signal(tasks[i].ti_tid, SIGTERM));
	return code;
}

/*
 * Reset the machine: end the tasks (if killtasks) other than the caller and
 * those with PvmNoReset, and clear what is left in the mailbox, of one class and
 * index ("" and -1: all). 0 or an error code.
 */
int pvmreset(int mytid, int killtasks, char *noreset_class, int index)
{
	API_LOCK();
	int *spared;
	int nspared;
	int code = pvm__list_noresets(&spared, &nspared);

	if (code == 0 && killtasks)
		code = kill_tasks(mytid, spared, nspared);
	if (code < 0)
		return code;
	return pvm__ask_code(TM_DB,
		pvm__compose("iisiiiv", TMDB_RESET, mytid, noreset_class, index, killtasks, nspared,
			spared, nspared));
}
