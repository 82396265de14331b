/* SPDX-License-Identifier: MIT */
/*
 * Message handlers that leave group calls by a jump. The library works on: answers to what was
 * given up are no answers to other requests. A signal handler's jump does the same.
 */
#include <setjmp.h>
#include <sys/wait.h>

#include "check.h"

enum { TAG_HANDLED = 60, TAG_PLAIN, TAG_ITEMS, ROUNDS = 40 };

static sigjmp_buf back;
static volatile int jumps;
static int mytid;
static char group[] = "jumps", other[] = "others";

static int jump(int id)
{
	(void)id;
	jumps++;
	siglongjmp(back, 1);
}

static void ask_size(void)
{
	CHECK_INT(pvm_gsize(group), 1);
}

static void ask_instance(void)
{
	CHECK_INT(pvm_getinst(group, mytid), 0);
}

static void pass_barrier(void)
{
	CHECK_INT(pvm_barrier(group, 1), 0);
}

static void gather(void)
{
	int value = 5, result = 0;

	CHECK_INT(pvm_gather(&result, &value, 1, PVM_INT, TAG_ITEMS, group, 0), 0);
	CHECK_INT(result, 5);
}

static void reduce(void)
{
	int value = 5;

	CHECK_INT(pvm_reduce(PvmSum, &value, 1, PVM_INT, TAG_ITEMS, group, 0), 0);
}

static void broadcast(void)
{
	pvm_initsend(PvmDataDefault);
	CHECK_INT(pvm_bcast(group, TAG_ITEMS), PvmNoInst);
}

static void until_jumped(void (*call)(void))
{
	volatile int before = jumps;

	if (sigsetjmp(back, 1) != 0)
		return;
	check_send_int(mytid, TAG_HANDLED, 0);
	while (jumps == before)
		call();
}

/* Answers are those to the questions, buffers and context the program's. */
static void usable(void)
{
	int sbuf = pvm_initsend(PvmDataDefault);

	CHECK_INT(pvm_gsize(group), 1);
	CHECK_INT(pvm_gsize(other), PvmNoGroup);
	CHECK_INT(pvm_getinst(group, mytid), 0);
	CHECK_INT(pvm_getinst(group, mytid + 1), PvmNotInGroup);
	CHECK_INT(pvm_barrier(group, 1), 0);
	CHECK_CODE("send buffer", pvm_getsbuf(), sbuf);
	CHECK_CODE("context", pvm_getcontext(), 0);
	check_send_int(mytid, TAG_PLAIN, 4);
	CHECK_INT(check_recv_int(mytid, TAG_PLAIN), 4);
}

static void out_of(void (*call)(void))
{
	int id = pvm_addmhf(-1, TAG_HANDLED, -1, jump);

	for (int i = 0; i < ROUNDS; i++)
		until_jumped(call);
	pvm_delmhf(id);
	usable();
}

/* The barrier that was left has counted this member: the next one is another. */
static void out_of_a_barrier_that_waits(void)
{
	int id = pvm_addmhf(-1, TAG_HANDLED, -1, jump);

	CHECK_INT(pvm_joingroup(other), 0);
	if (sigsetjmp(back, 1) == 0) {
		check_send_int(mytid, TAG_HANDLED, 0);
		pvm_barrier(other, 2);
		CHECK(!"the barrier");
	}
	pvm_delmhf(id);
	CHECK_INT(pvm_lvgroup(other), 0);
	usable();
}

static void by_signal(int signal)
{
	(void)signal;
	/* The group call is not to be disturbed. It may not have begun, or be over. */
	if (pvm_gsize(group) != PvmNotImpl)
		return;
	CHECK_INT(pvm_mkbuf(PvmDataDefault), PvmNotImpl);
	siglongjmp(back, 1);
}

/* A process that sends a signal again and again. */
static pid_t striker(pid_t to)
{
	pid_t pid = fork();

	while (pid == 0) {
		usleep(50000);
		if (kill(to, SIGUSR1) < 0)
			_exit(0);
	}
	return pid;
}

/* A time limit of a barrier. */
static void signal_out_of_a_barrier(void)
{
	static pid_t helper;

	signal(SIGUSR1, by_signal);
	CHECK_INT(pvm_joingroup(other), 0);
	if (sigsetjmp(back, 1) == 0) {
		helper = striker(getpid());
		pvm_barrier(other, 2);
		CHECK(!"the barrier");
	}
	kill(helper, SIGKILL);
	waitpid(helper, NULL, 0);
	signal(SIGUSR1, SIG_IGN);
	CHECK_INT(pvm_lvgroup(other), 0);
	usable();
}

int main(void)
{
	check_start();
	mytid = pvm_mytid();
	CHECK(mytid > 0);
	CHECK_INT(pvm_joingroup(group), 0);
	out_of(ask_size);
	out_of(ask_instance);
	out_of(pass_barrier);
	out_of(gather);
	out_of(reduce);
	out_of(broadcast);
	out_of_a_barrier_that_waits();
	signal_out_of_a_barrier();
	CHECK_INT(pvm_freezegroup(group, 1), 1);
	gather();
	pvm_exit();
	return check_done();
}
