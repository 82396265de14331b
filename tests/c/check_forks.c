/* SPDX-License-Identifier: MIT */
/* Processes that fork: the child is a task of its own and leaves the parent's connections alone. */
#include <sys/wait.h>

#include "check.h"
#include "pvmtev.h"

int pvmendtask(void);
extern int pvmmytid;

enum { TAG_DATA = 1, TAG_CHILD = 2, TAG_END = 3 };

/* Exit status of a new process that runs `act`; 100: it died. */
static int in_child(int (*act)(void))
{
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		alarm(CHECK_SECONDS);
		check_failed = 0;
		act();
		fflush(stdout);
		_exit(check_failed);
	}
	CHECK(pid > 0);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 100;
}

static int parent_tid;

static int exits_at_once(void)
{
	CHECK_INT(pvm_exit(), 0);
	return 0;
}

static int ends_the_task(void)
{
	CHECK_INT(pvmendtask(), 0);
	return 0;
}

/* The parent's tracer is not the child's: a call that needs no connection makes none. */
static int makes_no_event(void)
{
	CHECK(pvm_getsbuf() >= 0);
	CHECK_INT(pvmmytid, -1);
	return 0;
}

static void fork_while_traced(void)
{
	Pvmtmask mask;

	TEV_MASK_INIT(mask);
	TEV_MASK_SET(mask, TEV_GETSBUF);
	CHECK_INT(pvm_settmask(PvmTaskSelf, mask), 0);
	CHECK_INT(pvm_setopt(PvmSelfTraceTid, parent_tid), 0);
	CHECK_INT(in_child(makes_no_event), 0);
	CHECK_INT(pvm_setopt(PvmSelfTraceTid, 0), parent_tid);
}

static int becomes_a_task(void)
{
	int mytid = pvm_mytid();

	CHECK(mytid > 0 && mytid != parent_tid);
	CHECK_INT(pvm_parent(), PvmNoParent);
	CHECK_INT(pvm_nrecv(-1, -1), 0);
	CHECK_INT(pvm_pstat(parent_tid), PvmOk);
	pvm_setopt(PvmRoute, PvmAllowDirect); /* the parent waits, and not for messages */
	CHECK_INT(check_send_int(parent_tid, TAG_CHILD, mytid), 0);
	CHECK_INT(pvm_exit(), 0);
	return 0;
}

/* The parent's daemon connection and its direct route still work. */
static void parent_works(int peer)
{
	static int value;
	int *fds;

	check_send_int(peer, TAG_DATA, ++value);
	CHECK_INT(check_recv_int(peer, TAG_DATA), value);
	CHECK_INT(pvm_mytid(), parent_tid);
	CHECK_INT(pvm_pstat(parent_tid), PvmOk);
	CHECK_INT(pvm_getfds(&fds), 2);
}

int main(int argc, char **argv)
{
	int peer = -1;

	check_start();
	if (argc > 1)
		return check_echo(TAG_END);
	if (!check_ours("library")) {
		CHECK(pvm_exit() == 0);
		return check_done();
	}
	parent_tid = pvm_mytid();
	CHECK_INT(check_spawn(argv, "echo", 1, &peer), 1);
	pvm_setopt(PvmRoute, PvmRouteDirect);
	parent_works(peer);
	check_send_int(parent_tid, TAG_DATA, 0);
	CHECK_INT(in_child(exits_at_once), 0);
	parent_works(peer);
	CHECK_INT(in_child(ends_the_task), 0);
	parent_works(peer);
	for (int i = 0; i < 3; i++) {
		CHECK_INT(in_child(becomes_a_task), 0);
		CHECK(check_recv_int(-1, TAG_CHILD) > 0);
		parent_works(peer);
	}
	fork_while_traced();
	CHECK_INT(check_recv_int(parent_tid, TAG_DATA), 0);
	check_send_int(peer, TAG_END, 0);
	pvm_exit();
	return check_done();
}
