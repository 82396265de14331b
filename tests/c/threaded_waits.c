/* SPDX-License-Identifier: MIT */
/* Threads of one task in waits of all kinds, hit by signals, forking, ending, asking a manager. */
#include <sys/wait.h>

#include "pvmproto.h"
#include "threads.h"

enum { TAG_NEVER = 50, TAG_READY = 51, TAG_GATHER = 52, TAG_REDUCE = 53, WHERE = 1000 };

static char group[] = "waits";

/* ---- other tasks --------------------------------------------------------------------- */

/* A member of the group: takes its part in collective calls when it is told to. */
static int member(void)
{
	int parent = pvm_parent(), mine = 20;

	pvm_joingroup(group);
	check_send_int(parent, TAG_READY, 0);
	pvm_recv(parent, TAG_READY);
	pvm_gather(NULL, &mine, 1, PVM_INT, TAG_GATHER, group, 0);
	pvm_reduce(PvmSum, &mine, 1, PVM_INT, TAG_REDUCE, group, 0);
	pvm_barrier(group, 2);
	pvm_recv(parent, TAG_READY); /* a call over there may look for the members only now */
	pvm_lvgroup(group);
	pvm_exit();
	return 0;
}

/* The send buffer becomes the answer to the request of this header: one task, as asked for. */
static void answer_tasks(const struct pvmminfo *request, int where)
{
	struct pvmminfo info;
	int bufid = pvm_initsend(PvmDataDefault);

	pvm_packf("%d %d %d %d %d %s %d", 0, where, 0, 0, 0, "program", 0);
	pvm_getminfo(bufid, &info);
	info.wid = request->wid;
	pvm_setminfo(bufid, &info);
	pvm_send(request->src, SM_TASK);
}

/* A resource manager: answers two questions for tasks, the later one first. */
static int manager(void)
{
	struct pvmminfo requests[2];
	int wheres[2] = { 0, 0 };

	pvm_setopt(PvmResvTids, 1);
	pvm_reg_rm(NULL);
	check_send_int(pvm_parent(), TAG_READY, 0);
	for (int i = 0; i < 2; i++) {
		pvm_getminfo(pvm_recv(-1, SM_TASK), &requests[i]);
		pvm_upkint(&wheres[i], 1, 1);
	}
	for (int i = 1; i >= 0; i--)
		answer_tasks(&requests[i], wheres[i]);
	pvm_exit();
	return 0;
}

/* ---- waits ------------------------------------------------------------------------------- */

/* Times that run out, and one that does not. */
static void *receive_in_time(void *argument)
{
	int tag = TAG_FIRST + (int)(long)argument;
	long wrong = 0;

	for (int round = 0; round < ROUNDS / 3; round++) {
		struct timeval little = { 0, 500 }, much = { CHECK_SECONDS, 0 };
		int back = 0, number = tag * 1009 + round;

		wrong += pvm_trecv(peer, TAG_NEVER, &little) != 0;
		wrong += pvm_nrecv(peer, TAG_NEVER) != 0 || pvm_probe(peer, TAG_NEVER) != 0;
		wrong += pvm_psend(peer, tag, &number, 1, PVM_INT) != 0;
		wrong += pvm_trecv(peer, tag, &much) <= 0;
		wrong += pvm_upkint(&back, 1, 1) != 0 || back != number;
	}
	return (void *)wrong;
}

static char classes[2][8] = { "class-0", "class-1" };

static void *await_record(void *argument)
{
	int i = (int)(long)argument, value = 0;
	long wrong = pvm_recvinfo(classes[i], 0, PvmMboxWaitForInfo) <= 0;

	wrong += pvm_upkint(&value, 1, 1) != 0 || value != i + 4711;
	return (void *)wrong;
}

static void *gather(void *argument)
{
	int mine = 10, all[2] = { 0, 0 };
	long wrong = pvm_gather(all, &mine, 1, PVM_INT, TAG_GATHER, group, 0) != 0;

	(void)argument;
	return (void *)(wrong + (all[0] != 10) + (all[1] != 20));
}

static void *reduce(void *argument)
{
	int sum = 10;
	long wrong = pvm_reduce(PvmSum, &sum, 1, PVM_INT, TAG_REDUCE, group, 0) != 0;

	(void)argument;
	return (void *)(wrong + (sum != 30));
}

static void *barrier(void *argument)
{
	(void)argument;
	return (void *)(long)(pvm_barrier(group, 2) != 0);
}

static void records_are_awaited(void)
{
	pthread_t waiters[2];

	for (long i = 0; i < 2; i++)
		pthread_create(&waiters[i], NULL, await_record, (void *)i);
	run_threads(receive_in_time, THREADS);
	for (int i = 1; i >= 0; i--) {
		pvm_initsend(PvmDataDefault);
		pvm_pkint((int[]){ i + 4711 }, 1, 1);
		CHECK_INT(pvm_putinfo(classes[i], pvm_getsbuf(), PvmMboxDefault), 0);
		CHECK_INT(wrong_of(waiters[i]), 0);
		CHECK_INT(pvm_delinfo(classes[i], 0, PvmMboxDefault), 0);
	}
}

static void collective_calls_wait_side_by_side(char **argv)
{
	static const body calls[] = { gather, reduce, barrier };
	pthread_t threads[3];
	int child = 0;

	CHECK_INT(pvm_joingroup(group), 0);
	CHECK_INT(check_spawn(argv, "member", 1, &child), 1);
	CHECK_INT(check_recv_int(child, TAG_READY), 0);
	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, calls[i], NULL);
	run_threads(exchange_past_buffers, THREADS);
	CHECK_INT(check_send_int(child, TAG_READY, 0), 0);
	for (int i = 0; i < 3; i++)
		CHECK_INT(wrong_of(threads[i]), 0);
	CHECK_INT(check_send_int(child, TAG_READY, 0), 0);
	CHECK_INT(pvm_lvgroup(group), 0);
}

/* ---- Fortran's handlers -------------------------------------------------------------------- */

void pvmfaddmhf_(int *src, int *tag, int *context, int *unused, int (*run)(int *), int *info);
void pvmfdelmhf_(int *id, int *info);

static int handled[THREADS];

static int count_handled(int *bufid)
{
	int tag = 0;

	if (pvm_bufinfo(*bufid, NULL, &tag, NULL) == 0)
		__atomic_add_fetch(&handled[tag - TAG_FIRST], 1, __ATOMIC_RELAXED);
	return 0;
}

/* Adds a handler, has a message come, removes it, again and again. */
static void *handle(void *argument)
{
	int i = (int)(long)argument, tag = TAG_FIRST + i, context = pvm_getcontext(), id, info;
	struct timeval moment = { 0, 1000 };
	long wrong = 0;

	for (int round = 1; round <= ROUNDS / 3; round++) {
		pvmfaddmhf_(&peer, &tag, &context, NULL, count_handled, &id);
		wrong += id < 0;
		wrong += pvm_psend(peer, tag, &round, 1, PVM_INT) != 0;
		/* Looking alone would keep the processor from who is to answer. */
		while (__atomic_load_n(&handled[i], __ATOMIC_RELAXED) < round) {
			wrong += pvm_probe(peer, TAG_NEVER) != 0;
			wrong += pvm_trecv(peer, TAG_NEVER, &moment) != 0;
		}
		pvmfdelmhf_(&id, &info);
		wrong += info != 0;
	}
	return (void *)wrong;
}

/* ---- signals, forks, ends ------------------------------------------------------------------ */

static int finished;

static void *exchange_and_tell(void *argument)
{
	void *wrong = exchange_past_buffers(argument);

	__atomic_add_fetch(&finished, 1, __ATOMIC_RELAXED);
	return wrong;
}

static void ignore(int signum)
{
	(void)signum;
}

/* Threads exchange messages while `disturb` is done to them again and again. */
static void exchange_disturbed(void (*disturb)(const pthread_t *))
{
	pthread_t threads[THREADS];

	__atomic_store_n(&finished, 0, __ATOMIC_RELAXED);
	for (long i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, exchange_and_tell, (void *)i);
	do
		disturb(threads);
	while (__atomic_load_n(&finished, __ATOMIC_RELAXED) < THREADS);
	for (int i = 0; i < THREADS; i++)
		CHECK_INT(wrong_of(threads[i]), 0);
}

static void signal_all(const pthread_t *threads)
{
	for (int i = 0; i < THREADS; i++)
		pthread_kill(threads[i], SIGUSR1);
	usleep(200);
}

static void signals_interrupt_no_call(void)
{
	struct sigaction action = { .sa_handler = ignore };

	sigaction(SIGUSR1, &action, NULL);
	exchange_disturbed(signal_all);
}

/* The child becomes a task; the threads of the parent do not notice. */
static void fork_once(const pthread_t *threads)
{
	int status = -1, parent = pvm_mytid();
	pid_t pid = fork();

	(void)threads;
	if (pid == 0) {
		int mytid = pvm_mytid();

		_exit(mytid > 0 && mytid != parent && pvm_exit() == 0 ? 0 : 1);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK_INT(status, 0);
}

/* Ends with active buffers and answers that the library keeps for it. */
static void *leave_much(void *argument)
{
	int tag = TAG_FIRST + (int)(long)argument, mytid = pvm_mytid(), *fds;
	struct pvmtaskinfo *tasks;
	struct pvmhostinfo *hosts;
	struct pvmmboxinfo *infos;
	long wrong = check_send_int(mytid, tag, tag) != 0;

	wrong += check_recv_int(mytid, tag) != tag;
	wrong += pvm_getsbuf() <= 0 || pvm_getrbuf() <= 0;
	wrong += pvm_config(NULL, NULL, &hosts) != 0 || pvm_tasks(0, NULL, &tasks) != 0;
	wrong += pvm_getmboxinfo(NULL, NULL, &infos) != 0 || pvm_getfds(&fds) <= 0;
	pthread_exit((void *)wrong);
}

/* The highest id of buffers so many that every id that was used and is free is among theirs. */
static int highest_id(void)
{
	enum { MANY = 64 };
	int ids[MANY], highest = 0;

	for (int i = 0; i < MANY; i++) {
		ids[i] = pvm_mkbuf(PvmDataDefault);
		if (ids[i] > highest)
			highest = ids[i];
	}
	for (int i = 0; i < MANY; i++)
		pvm_freebuf(ids[i]);
	return highest;
}

static void what_a_thread_had_is_freed(void)
{
	int before = highest_id();

	CHECK(before > 0);
	for (int i = 0; i < 5; i++)
		run_threads(leave_much, THREADS);
	CHECK_INT(highest_id(), before);
}

/* A wait is no cancellation point; what comes behind it is. */
static void *wait_and_be_cancelled(void *argument)
{
	int *received = argument;

	pvm_precv(peer, TAG_QUIET, received, 1, PVM_INT, NULL, NULL, NULL);
	pthread_testcancel();
	return NULL;
}

static void cancelled_after_its_wait(void)
{
	int answer = 4711, received = 0;
	pthread_t thread;
	void *result = NULL;

	pthread_create(&thread, NULL, wait_and_be_cancelled, &received);
	pthread_cancel(thread);
	CHECK_INT(pvm_psend(peer, TAG_QUIET, &answer, 1, PVM_INT), 0);
	pthread_join(thread, &result);
	CHECK(result == PTHREAD_CANCELED);
	CHECK_INT(received, answer);
}

/* ---- enrolment, the resource manager ----------------------------------------------------------- */

static int tids[THREADS];

static void *enrol(void *argument)
{
	int i = (int)(long)argument;

	tids[i] = pvm_mytid();
	return (void *)(long)(tids[i] <= 0);
}

static void threads_enrol_once(void)
{
	CHECK_INT(pvm_exit(), 0);
	run_threads(enrol, THREADS);
	for (int i = 0; i < THREADS; i++)
		CHECK_INT(tids[i], pvm_mytid());
}

static void *ask_manager(void *argument)
{
	int where = WHERE + (int)(long)argument, n = 0;
	struct pvmtaskinfo *tasks;
	long wrong = pvm_tasks(where, &n, &tasks) != 0 || n != 1;

	return (void *)(wrong + (wrong || tasks[0].ti_tid != where));
}

static void managers_answers_go_to_who_asked(char **argv)
{
	int child = 0;

	CHECK_INT(check_spawn(argv, "manager", 1, &child), 1);
	CHECK_INT(check_recv_int(child, TAG_READY), 0);
	/* Who enrols now asks the manager. */
	CHECK_INT(pvm_exit(), 0);
	CHECK(pvm_mytid() > 0);
	run_threads(ask_manager, 2);
}

/* ---- traced: messages of threads to the task itself --------------------------------------------- */

static int traced(char **options)
{
	CHECK(pvm_setopt(PvmSelfTraceOptions, atoi(options[0])) >= 0);
	CHECK(pvm_setopt(PvmSelfTraceBuffer, atoi(options[1])) >= 0);
	peer = pvm_mytid();
	run_threads(exchange_past_buffers, THREADS);
	pvm_exit();
	return check_done();
}

int main(int argc, char **argv)
{
	check_start();
	if (argc > 1 && strcmp(argv[1], "echo") == 0)
		return check_echo(TAG_END);
	if (argc > 1 && strcmp(argv[1], "member") == 0)
		return member();
	if (argc > 1 && strcmp(argv[1], "manager") == 0)
		return manager();
	if (argc > 3 && strcmp(argv[1], "traced") == 0)
		return traced(argv + 2);
	if (argc > 1 && strcmp(argv[1], "direct") == 0)
		pvm_setopt(PvmRoute, PvmRouteDirect);
	CHECK_INT(check_spawn(argv, "echo", 1, &peer), 1);
	pvm_setopt(PvmThreadBuffers, 1);
	records_are_awaited();
	collective_calls_wait_side_by_side(argv);
	run_threads(handle, THREADS);
	signals_interrupt_no_call();
	exchange_disturbed(fork_once);
	what_a_thread_had_is_freed();
	cancelled_after_its_wait();
	threads_enrol_once();
	CHECK_INT(check_send_int(peer, TAG_END, 0), 0);
	managers_answers_go_to_who_asked(argv);
	pvm_exit();
	return check_done();
}
