/* SPDX-License-Identifier: MIT */
/*
 * The group server: finding it, starting it, asking it.
 *
 * The server's tid lies in the mailbox under "pvmgs".  Who finds none claims the start,
 * spawns one, and waits until one has registered itself, which need not be the same:
 * tasks of 3.4.6 claim nothing.  Others wait meanwhile.  The tid is kept
 * as long as the server lives: its exit notice reaches this task as a message,
 * which whoever waits for a reply takes as well.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "group.h"

static char server_class[] = "pvmgs";
/* Here is the tid of the task that starts a server. */
static char claim_class[] = "pvmgs starts";

struct timeval *pvmgs_tmout = NULL;

/* Server starts that one request may see fail. */
enum { ATTEMPTS = 3 };

/* Pauses between looks for a server that is starting, in microseconds. */
enum { PAUSE_FIRST = 500, PAUSE_LAST = 20000 };

/* Microseconds of pauses after which the start of another task is waited for no more. */
enum { CLAIM_LAST = 5000000 };

/* ---- finding it ---------------------------------------------------------------- */

/* Tid that the mailbox has, 0: none, or an error code. */
static int registered(void)
{
	int tid;
	int code = pvm_recvinfo(server_class, 0, PvmMboxDefault);

	if (code == PvmNotFound)
		return 0;
	if (code < 0)
		return code;
	code = pvm_upkint(&tid, 1, 1);
	if (code < 0)
		return code;
	return tid > 0 ? tid : PvmBadMsg;
}

/* Spawn a server on some host, or on this one. Returns its tid or an error code. */
static int spawn_server(char *file, bool here)
{
	static char this_host[] = ".";
	int tid = PvmSysErr;
	int started = pvm_spawn(file, NULL, here ? PvmMppFront | PvmTaskHost : PvmMppFront,
		here ? this_host : NULL, 1, &tid);

	return started < 0 ? started : tid;
}

/* Path of the server in this task's tree. Is there one? */
static bool own_server(char *path, size_t size)
{
	const char *root = getenv("PVM_ROOT");
	const char *arch = getenv("PVM_ARCH");
	int length = root && arch ? snprintf(path, size, "%s/bin/%s/pvmgs", root, arch) : -1;

	return length > 0 && (size_t)length < size && access(path, X_OK) == 0;
}

/*
 * Spawn the server by its name; if a daemon finds none, which may be another PVM's, on this
 * host, and then by its path. Returns its tid or an error code.
 */
static int spawn_somewhere(void)
{
	char path[PATH_MAX];
	int tid = spawn_server(server_class, false);

	if (tid == PvmNoFile)
		tid = spawn_server(server_class, true);
	if (tid == PvmNoFile && own_server(path, sizeof path))
		tid = spawn_server(path, true);
	return tid;
}

/* Start a server whose output and trace go nowhere. Returns its tid or PvmSysErr. */
static int start(void)
{
	int output = pvm_setopt(PvmOutputTid, 0);
	int trace = pvm_setopt(PvmTraceTid, 0);
	int tid = spawn_somewhere();

	pvm_setopt(PvmOutputTid, output);
	pvm_setopt(PvmTraceTid, trace);
	if (tid > 0)
		return tid;
	if (tid < 0) {
		pvm_errno = tid;
		pvm_perror((char *)"gs_getgstid() failed to start group server");
	}
	return PvmSysErr;
}

/* Sleep for so many microseconds. Returns how many the next pause should have. */
static long pause_for(long microseconds)
{
	struct timespec t = { 0, microseconds * 1000 };

	nanosleep(&t, NULL);
	return microseconds * 2 < PAUSE_LAST ? microseconds * 2 : PAUSE_LAST;
}

/*
 * Wait for the registration of the server `spawned`, or of one that was
 * quicker, in which case `spawned` ends. Returns the tid or an error code.
 */
static int await_registration(int spawned)
{
	for (long pause = PAUSE_FIRST;; pause = pause_for(pause)) {
		bool alive = pvm_pstat(spawned) == PvmOk;
		int tid = registered();

		if (tid != 0)
			return tid;
		if (!alive)
			return PvmSysErr;
	}
}

/* Say in the mailbox that this task starts a server. PvmDenied: another one does. */
static int claim(void)
{
	int me = pvmmytid;
	int code = pvm_initsend(PvmDataDefault);

	if (code >= 0)
		code = pvm_pkint(&me, 1, 1);
	return code < 0 ? code : pvm_putinfo(claim_class, pvm_getsbuf(), PvmMboxDefault);
}

/*
 * Have a server started once, by this task or another one. The claim of a task goes with it; one
 * that has stopped is not waited for long. Returns the tid or an error code.
 */
static int start_once(void)
{
	long waited = 0;
	int tid;

	for (long pause = PAUSE_FIRST; claim() == PvmDenied && waited < CLAIM_LAST;) {
		tid = registered();
		if (tid != 0)
			return tid;
		waited += pause;
		pause = pause_for(pause);
	}
	tid = registered(); /* by whose claim has just been given up */
	if (tid == 0) {
		tid = start();
		if (tid > 0)
			tid = await_registration(tid);
	}
	pvm_delinfo(claim_class, 0, PvmMboxDefault);
	return tid;
}

/*
 * Find or start the server and ask for its exit notice, which comes at once if
 * the mailbox still had one that is dead. Returns its tid or an error code.
 */
static int find(void)
{
	int tid = registered();

	if (tid == 0)
		tid = start_once();
	if (tid > 0) {
		int code = pvm_notify(PvmTaskExit, GROUP_SERVER_EXIT, 1, &tid);

		if (code < 0)
			return code;
		gs__lock();
		gs__cache_clear();
		memset(gs__state.unanswered, 0, sizeof gs__state.unanswered);
		gs__state.server = tid;
		gs__state.client = pvm_mytid();
		gs__state.session = gs__session();
		gs__unlock();
	}
	return tid;
}

/* Is the server of this machine known? */
static bool known(void)
{
	return gs__state.server > 0 && gs__state.client == pvmmytid &&
		gs__state.session == gs__session();
}

/* Tid of the server or an error code; the call's context must be entered. */
static int server_tid(void)
{
	static int finding;
	int tid;

	gs__lock();
	tid = pvmturn ? pvmturn(&finding) : 0;
	if (tid == 0) {
		tid = known() ? gs__state.server : find();
		if (pvmturnend)
			pvmturnend(&finding);
	}
	gs__unlock();
	return tid;
}

int gs_getgstid(void)
{
	GROUP_CALL();
	struct setting setting;
	int tid = pvm_mytid();

	if (tid < 0)
		return tid;
	gs__enter(&setting);
	tid = server_tid();
	gs__leave(&setting);
	return gs__quiet(tid);
}

/* ---- asking it ----------------------------------------------------------------- */

/* What belongs to a request and to its reply besides group name and result. */
static const struct shape {
	bool arg;            /* an integer behind the name */
	unsigned char fixed; /* integers behind the result ... */
	unsigned char each;  /* ... and so many for each that the result counts */
	bool late;           /* answered when others have come */
	bool state;          /* then the group's kind, and its record if it is static */
} shapes[] = {
	[GROUP_BARRIER] = { .arg = true, .late = true },
	[GROUP_BCAST] = { .each = 1, .state = true },
	[GROUP_GETINST] = { .arg = true, .state = true },
	[GROUP_GETTID] = { .arg = true, .state = true },
	[GROUP_GSIZE] = { .state = true },
	[GROUP_TIDLIST] = { .each = 1, .state = true },
	[GROUP_FREEZE] = { .arg = true, .late = true, .state = true },
	[GROUP_HOSTCHAR] = { .arg = true, .fixed = 2, .state = true },
	[GROUP_HOSTCHARV] = { .each = 2, .state = true },
};

static int send_request(int tid, int request, const char *group, int arg)
{
	int *unanswered = &gs__state.unanswered[request];
	int code = pvm_initsend(PvmDataDefault);

	if (code >= 0)
		code = pvm_pkstr((char *)group);
	if (code >= 0 && shapes[request].arg)
		code = pvm_pkint(&arg, 1, 1);
	if (code < 0)
		return code;
	if (!pvmgroupcount) {
		++*unanswered;
		return pvm_send(tid, request);
	}
	pvmgroupcount(unanswered);
	code = pvm_send(tid, request);
	pvmgroupcount(NULL);
	return code;
}

/* Match function of pvm_recvf: message `tag` of the server `tid`, or its exit notice. */
static int reply_or_notice(int mid, int tid, int tag)
{
	struct pvmminfo head;

	/* Another thread may have had the notice. */
	if (mid == 0)
		return gs__state.server == tid ? 0 : PvmNoTask;
	if (pvm_getminfo(mid, &head) < 0 || head.ctx != SYSCTX_DG)
		return 0;
	return (head.src == tid && head.tag == tag) ||
		(head.src == TIDPVMD && head.tag == GROUP_SERVER_EXIT);
}

/*
 * Wait for the server's reply, which becomes the receive buffer. 0; PvmNoTask if the
 * server has ended instead; PvmSysErr if it is too late or the daemon is gone.
 */
static int await_reply(int server, int request)
{
	for (;;) {
		int mid = gs__receive(reply_or_notice, server, request, pvmgs_tmout);
		int source = 0;
		int dead = 0;
		int code = mid > 0 ? pvm_bufinfo(mid, NULL, NULL, &source) : PvmSysErr;

		if (mid == PvmNoTask)
			return PvmNoTask;
		if (code < 0 || source != TIDPVMD)
			return code;
		if (pvm_upkint(&dead, 1, 1) == 0 && dead == server)
			return PvmNoTask;
	}
}

/*
 * The same with the reply to the last request of this kind. Earlier ones were given up: by the
 * jump of a handler, or as they took too long.
 */
static int await_last_reply(int server, int request)
{
	int *unanswered = &gs__state.unanswered[request];
	int code;

	do
		code = await_reply(server, request);
	while (code == 0 && --*unanswered > 0);
	return code;
}

/* Read what kind of group a reply is about, and what follows. 0 or an error code. */
static int read_state(void)
{
	int state, deaths = 0;
	int code = pvm_upkint(&state, 1, 1);

	if (code >= 0 && state == GROUP_STATIC)
		code = gs__cache_read();
	if (code >= 0 && state == GROUP_DYNAMIC)
		pvm_upkint(&deaths, 1, 1);
	gs__state.deaths = deaths;
	return code;
}

/* Read the reply to `request`; the result is returned. */
static int read_reply(int request, int **list)
{
	const struct shape *shape = &shapes[request];
	int *ints = NULL;
	int result;
	int code = pvm_upkint(&result, 1, 1);

	if (code < 0 || result < 0)
		return code < 0 ? code : result;
	if (shape->each > 0 && result > 0x7fffffff / shape->each - shape->fixed)
		return PvmBadMsg;
	if (shape->fixed || shape->each)
		code = gs__read_ints(shape->fixed + shape->each * result, &ints);
	if (code >= 0 && shape->state)
		code = read_state();
	if (code < 0 || !list) {
		free(ints);
		return code < 0 ? code : result;
	}
	*list = ints;
	return result;
}

static int ask(int request, const char *group, int arg, int **list);

/*
 * Before a request that waits for other members: drop the replies to earlier ones that were given
 * up. Those that the server has sent are here with its answer to another question; the others may
 * never come.
 */
static int forget_replies(int server, int request, const char *group)
{
	int *unanswered = &gs__state.unanswered[request];
	struct timeval none = { 0, 0 };
	int code = *unanswered ? ask(GROUP_GSIZE, group, 0, NULL) : 0;

	if (code == PvmSysErr || code == PvmNoMem)
		return code;
	while (*unanswered && gs__receive(NULL, server, request, &none) > 0)
		--*unanswered;
	*unanswered = 0;
	return 0;
}

static int ask(int request, const char *group, int arg, int **list)
{
	for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
		int server = server_tid();
		int code = server;

		if (server > 0 && shapes[request].late)
			code = forget_replies(server, request, group);
		if (code >= 0)
			code = send_request(server, request, group, arg);

		if (code == 0)
			code = await_last_reply(server, request);
		if (code == 0)
			return read_reply(request, list);
		if (code != PvmNoTask)
			return code;
		gs__lock();
		if (gs__state.server == server)
			gs__state.server = 0;
		gs__unlock();
	}
	return PvmSysErr;
}

/* Replies name no request but their kind, so threads wait for those of one kind in turn. */
static int ask_in_turn(int request, const char *group, int arg, int **list)
{
	int *turn = &gs__state.turns[request];
	int code = pvmturn ? pvmturn(turn) : 0;

	if (code < 0)
		return code;
	code = ask(request, group, arg, list);
	if (pvmturnend)
		pvmturnend(turn);
	return code;
}

int gs__ask(int request, const char *group, int arg, int **list)
{
	struct setting setting;
	int result;

	if (!gs__named(group))
		return PvmNullGroup;
	result = pvmbeatask();
	if (result < 0)
		return result;
	gs__enter(&setting);
	result = ask_in_turn(request, group, arg, list);
	gs__leave(&setting);
	return result;
}

void pvm_gsdump(void)
{
	struct setting setting;

	GROUP_CALL_OR();
	if (pvm_mytid() < 0)
		return;
	gs__enter(&setting);
	if (server_tid() > 0 && pvm_initsend(PvmDataDefault) >= 0)
		pvm_send(gs__state.server, GROUP_DUMP);
	gs__leave(&setting);
}
