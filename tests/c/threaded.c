/* SPDX-License-Identifier: MIT */
/* Threads of one task in the library at the same time. */
#include <sys/wait.h>

#include "threads.h"

enum { TAG_BARRIER = 3, BIG = 60000 };

static char group[] = "threads";

/* ---- the other task of the group ---------------------------------------------------- */

/* A member: says its instance, comes to the barrier when it is told to. */
static int member(void)
{
	int parent = pvm_parent();

	check_send_int(parent, TAG_BARRIER, pvm_joingroup(group));
	pvm_recv(parent, TAG_BARRIER);
	pvm_barrier(group, 2);
	pvm_lvgroup(group);
	pvm_exit();
	return 0;
}

/* ---- what the threads do -------------------------------------------------------------- */

/* Own buffers: pack, send, receive the echo, unpack. */
static void *exchange(void *argument)
{
	int tag = TAG_FIRST + (int)(long)argument;
	int *numbers = malloc(BIG * sizeof *numbers);
	long wrong = 0;

	for (int round = 0; round < ROUNDS; round++) {
		int n = round % 10 == 9 ? BIG : 1 + round, bytes = 0, got = 0;

		for (int i = 0; i < n; i++)
			numbers[i] = tag * 100003 + round * 1009 + i;
		pvm_initsend(round % 2 ? PvmDataRaw : PvmDataDefault);
		pvm_pkint(numbers, n, 1);
		wrong += pvm_send(peer, tag) != 0;
		memset(numbers, 0, (size_t)n * sizeof *numbers);
		wrong += pvm_recv(peer, tag) <= 0;
		wrong += pvm_bufinfo(pvm_getrbuf(), &bytes, &got, NULL) != 0;
		wrong += bytes != 4 * n || got != tag;
		wrong += pvm_upkint(numbers, n, 1) != 0;
		for (int i = 0; i < n; i++)
			wrong += numbers[i] != tag * 100003 + round * 1009 + i;
	}
	free(numbers);
	return (void *)wrong;
}

/* Requests: each answer goes to who asked. */
static void *ask(void *argument)
{
	int odd = (int)(long)argument % 2, mytid = pvm_mytid(), n;
	struct pvmtaskinfo *tasks;
	struct pvmhostinfo *hosts;
	long wrong = 0;

	for (int round = 0; round < ROUNDS / 2; round++) {
		wrong += pvm_pstat(odd ? mytid : mytid + 77) != (odd ? PvmOk : PvmNoTask);
		wrong += pvm_tasks(odd ? mytid : peer, &n, &tasks) != 0 || n != 1;
		wrong += tasks[0].ti_tid != (odd ? mytid : peer);
		wrong += pvm_config(&n, NULL, &hosts) != 0 || n != 1 || !hosts[0].hi_name[0];
	}
	return (void *)wrong;
}

static int members[2]; /* tids by instance */

static void *wait_at_barrier(void *argument)
{
	(void)argument;
	return (void *)(long)(pvm_barrier(group, 2) != 0);
}

/* Questions about the group: each answer goes to who asked. */
static void *ask_group(void *argument)
{
	int instance = (int)(long)argument % 2;
	long wrong = 0;

	for (int round = 0; round < ROUNDS / 2; round++) {
		wrong += pvm_gettid(group, instance) != members[instance];
		wrong += pvm_getinst(group, members[instance]) != instance;
		wrong += pvm_gsize(group) != 2;
	}
	return (void *)wrong;
}

/* ---- checks ------------------------------------------------------------------------------ */

static void blocked_receiver_stops_nobody(char **argv)
{
	int answer = 4711, child = 0;
	pthread_t waiter;

	pthread_create(&waiter, NULL, wait_quietly, NULL);
	run_threads(exchange_past_buffers, THREADS);
	run_threads(ask, THREADS);
	CHECK_INT(check_spawn(argv, "echo", 1, &child), 1);
	CHECK_INT(check_send_int(child, 7, 1), 0);
	CHECK_INT(check_recv_int(child, 7), 1);
	CHECK_INT(check_send_int(child, TAG_END, 0), 0);
	CHECK_INT(pvm_psend(peer, TAG_QUIET, &answer, 1, PVM_INT), 0);
	CHECK_INT(wrong_of(waiter), 0);
}

static void *own_buffers(void *argument)
{
	long wrong = pvm_getsbuf() != 0 || pvm_getrbuf() != 0 || pvm_getcontext() != 0;

	(void)argument;
	wrong += pvm_initsend(PvmDataDefault) <= 0;
	wrong += pvm_setcontext(5) != 0;
	return (void *)wrong;
}

static void buffers_of_each_thread(void)
{
	int mine = pvm_initsend(PvmDataDefault), next, last;

	CHECK_INT(pvm_getopt(PvmThreadBuffers), 0);
	CHECK_INT(pvm_setopt(PvmThreadBuffers, 2), PvmBadParam);
	CHECK_INT(pvm_setopt(PvmThreadBuffers, 1), 0);
	CHECK_INT(pvm_getsbuf(), mine);
	next = pvm_mkbuf(PvmDataDefault);
	pvm_freebuf(next);
	run_threads(own_buffers, 1);
	CHECK_INT(pvm_getsbuf(), mine);
	CHECK_INT(pvm_getcontext(), 0);
	/* The buffer of the thread that has ended is free again. */
	last = pvm_mkbuf(PvmDataDefault);
	CHECK_INT(last, next);
	pvm_freebuf(last);
	run_threads(exchange, THREADS);
}

static void groups_beside_threads(char **argv)
{
	int sbuf = pvm_initsend(PvmDataDefault);
	pthread_t waiter;

	members[0] = pvm_mytid();
	CHECK_INT(pvm_joingroup(group), 0);
	CHECK_INT(check_spawn(argv, "member", 1, &members[1]), 1);
	CHECK_INT(check_recv_int(members[1], TAG_BARRIER), 1);
	pthread_create(&waiter, NULL, wait_at_barrier, NULL);
	run_threads(ask_group, THREADS);
	run_threads(exchange, THREADS);
	CHECK_INT(pvm_getsbuf(), sbuf);
	CHECK_INT(check_send_int(members[1], TAG_BARRIER, 0), 0);
	CHECK_INT(wrong_of(waiter), 0);
	CHECK_INT(pvm_lvgroup(group), 0);
}

static int handled;

static int count(int bufid)
{
	int value = 0, before = pvm_setrbuf(bufid);

	(void)before;
	pvm_upkint(&value, 1, 1);
	__atomic_add_fetch(&handled, value, __ATOMIC_RELAXED);
	pvm_initsend(PvmDataDefault);
	pvm_pkint(&value, 1, 1);
	pvm_send(peer, TAG_FIRST + 50);
	return 0;
}

static void handlers_beside_threads(void)
{
	int id = pvm_addmhf(peer, TAG_FIRST + 40, 0, count);

	CHECK(id >= 0);
	for (int i = 0; i < 10; i++)
		CHECK_INT(check_send_int(peer, TAG_FIRST + 40, 1), 0);
	run_threads(exchange, THREADS);
	for (int i = 0; i < 10; i++)
		CHECK_INT(check_recv_int(peer, TAG_FIRST + 50), 1);
	CHECK_INT(__atomic_load_n(&handled, __ATOMIC_RELAXED), 10);
	CHECK_INT(pvm_delmhf(id), 0);
}

static void child_of_a_task_with_threads(void)
{
	int status = 0, parent = pvm_mytid(), answer = 4711;
	pthread_t waiter;
	pid_t pid;

	pthread_create(&waiter, NULL, wait_quietly, NULL);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		int mytid = pvm_mytid();
		bool other = mytid > 0 && mytid != parent && pvm_pstat(parent) == PvmOk;

		_exit(other && pvm_exit() == 0 ? 0 : 1);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK_INT(status, 0);
	CHECK_INT(pvm_psend(peer, TAG_QUIET, &answer, 1, PVM_INT), 0);
	CHECK_INT(wrong_of(waiter), 0);
}

static int waits_ended;

static void *wait_for_end(void *argument)
{
	long wrong = pvm_recv(-1, 999999) != PvmSysErr;

	(void)argument;
	__atomic_add_fetch(&waits_ended, 1, __ATOMIC_RELAXED);
	return (void *)wrong;
}

/* A wait that begins after pvm_exit enrols anew, and is ended by the next one. */
static void exit_ends_waits(void)
{
	pthread_t waiters[2];

	for (int i = 0; i < 2; i++)
		pthread_create(&waiters[i], NULL, wait_for_end, NULL);
	while (__atomic_load_n(&waits_ended, __ATOMIC_RELAXED) < 2)
		pvm_exit();
	for (int i = 0; i < 2; i++)
		CHECK_INT(wrong_of(waiters[i]), 0);
}

int main(int argc, char **argv)
{
	check_start();
	if (argc > 1 && strcmp(argv[1], "echo") == 0)
		return check_echo(TAG_END);
	if (argc > 1 && strcmp(argv[1], "member") == 0)
		return member();
	if (argc > 1 && strcmp(argv[1], "direct") == 0)
		pvm_setopt(PvmRoute, PvmRouteDirect);
	CHECK_INT(check_spawn(argv, "echo", 1, &peer), 1);
	blocked_receiver_stops_nobody(argv);
	buffers_of_each_thread();
	groups_beside_threads(argv);
	handlers_beside_threads();
	child_of_a_task_with_threads();
	CHECK_INT(check_send_int(peer, TAG_END, 0), 0);
	exit_ends_waits();
	return check_done();
}
