/* SPDX-License-Identifier: MIT */
/* Tasks: table, state, signals, parent and siblings. */
#include "calls/api.h"

#include <signal.h>
#include <stdlib.h>

/* ---- task table ---------------------------------------------------------- */

struct task_table {
	int n, cap;
	struct pvmtaskinfo *tasks;
};

static void free_table(struct task_table *t)
{
	for (int i = 0; i < t->n; i++)
		free(t->tasks[i].ti_a_out);
	free(t->tasks);
	*t = (struct task_table){ 0 };
}

/* Read one entry of the reply of TM_TASK. */
static int read_task(struct message *reply, struct task_table *t)
{
	struct pvmtaskinfo *task;
	int code;

	if (t->n == t->cap) {
		int cap = t->cap ? 2 * t->cap : 16;

		task = realloc(t->tasks, (size_t)cap * sizeof *task);
		if (!task)
			return PvmNoMem;
		t->tasks = task;
		t->cap = cap;
	}
	task = &t->tasks[t->n];
	*task = (struct pvmtaskinfo){ 0 };
	code = pvm__get(reply, "iiiisi", &task->ti_tid, &task->ti_ptid, &task->ti_host,
		&task->ti_flag, &task->ti_a_out, &task->ti_pid);
	if (code)
		free(task->ti_a_out);
	else
		t->n++;
	return code;
}

/* Ask for tasks. 0 or an error code with an empty table. */
static int fetch_table(int where, struct task_table *t)
{
	struct message *reply;
	int code = pvm__ask_sched(TM_TASK, SM_TASK, pvm__compose("i", where), &reply);
	int status;

	*t = (struct task_table){ 0 };
	if (code)
		return code;
	code = pvm__get_int(reply, &status);
	if (code == 0)
		code = status;
	while (code == 0 && pvm__bytes_left(reply) > 0)
		code = read_task(reply, t);
	pvm__message_unref(reply);
	if (code)
		free_table(t);
	return code;
}

/* What pvm_tasks told this thread last. */
static __thread struct task_table last_table;

void pvm__tasks_thread_ends(void)
{
	free_table(&last_table);
}

int pvm__list_tasks(int where, int *ntask, struct pvmtaskinfo **tasks)
{
	struct task_table t;
	int code = fetch_table(where, &t);

	if (code) {
		if (ntask)
			*ntask = 0;
		return pvm__result("pvm_tasks", code);
	}
	/* As with 3.4.6, which reads the reply until nothing is left. */
	pvm__quiet(PvmNoData);
	free_table(&last_table);
	last_table = t;
	if (ntask)
		*ntask = last_table.n;
	if (tasks)
		*tasks = last_table.tasks;
	return 0;
}

/*
 * Table of all tasks (where 0), those of a host, or one task; valid until the
 * thread's next call; each pointer may be NULL. 0; PvmNoHost for an unknown host.
 */
int pvm_tasks(int where, int *ntask, struct pvmtaskinfo **tasks)
{
	API_ENTER(TEV_TASKS, TEV_DID_TW, where);
	return API_LEAVE(TEV_TASKS, TEV_DID_CC, pvm__list_tasks(where, ntask, tasks), TEV_DID_TNT,
		api_code == 0 && ntask ? *ntask : 0);
}

/* ---- state and signals --------------------------------------------------- */

static int task_status(int tid)
{
	int code;

	if (wire_is_task((uint32_t)tid))
		code = pvm__ask_code(TM_PSTAT, pvm__compose("i", tid));
	else
		code = pvm__refuse(PvmBadParam);
	return code == PvmNoTask ? code : pvm__result("pvm_pstat", code);
}

/* Does a task run? PvmOk, PvmNoTask; PvmBadParam: tid is no task. */
int pvm_pstat(int tid)
{
	API_ENTER(TEV_PSTAT, TEV_DID_TT, tid);
	return API_LEAVE(TEV_PSTAT, TEV_DID_TST, task_status(tid));
}

int pvm__send_signal(int tid, int signum)
{
	struct message *reply;
	int code;

	if (!wire_is_task((uint32_t)tid))
		return pvm__refuse(PvmBadParam);
	code = pvm__ask(TM_SENDSIG, pvm__compose("ii", tid, signum), &reply);
	if (code == 0)
		pvm__message_unref(reply);
	return code;
}

/* Send a signal to a task. 0, also when there is no such task; PvmBadParam. */
int pvm_sendsig(int tid, int signum)
{
	API_ENTER(TEV_SENDSIG, TEV_DID_TT, tid, TEV_DID_SN, signum);
	return API_LEAVE(TEV_SENDSIG, TEV_DID_CC,
		pvm__result("pvm_sendsig", pvm__send_signal(tid, signum)));
}

/* End a task with SIGTERM. 0, also when there is no such task; PvmBadParam. */
int pvm_kill(int tid)
{
	API_ENTER(TEV_KILL, TEV_DID_TT, tid);
	return API_LEAVE(TEV_KILL, TEV_DID_CC,
		pvm__result("pvm_kill", pvm__send_signal(tid, SIGTERM)));
}

/* ---- family -------------------------------------------------------------- */

/* Tid of the parent; PvmNoParent, PvmParentNotSet. */
int pvm_parent(void)
{
	API_LOCK();
	int code = pvm__connect();

	if (code)
		return pvm__result("pvm_parent", code);
	API_BEGIN_AS_IS(TEV_PARENT);
	code = pvm__task.ptid ? pvm__task.ptid : PvmNoParent;
	return API_LEAVE(TEV_PARENT, TEV_DID_PT, code);
}

/* Make the task its only sibling. 0 or PvmNoMem. */
static int alone(struct task *t)
{
	int *tids = malloc(sizeof *tids);

	if (!tids)
		return PvmNoMem;
	free(t->siblings);
	t->siblings = tids;
	t->siblings[0] = pvmmytid;
	t->nsiblings = 1;
	return 0;
}

/*
 * Tids that were started by the same pvm_spawn, own one included, in the order
 * of the parent's list; a task that was not spawned is alone. Waits for the list.
 * Returns their number; the array is valid until the next call. PvmNotImpl in a handler that
 * would wait.
 */
int pvm_siblings(int **tids)
{
	API_LOCK();
	struct task *t = &pvm__task;
	int code = pvm__connect();

	API_BEGIN(TEV_SIBLINGS);
	if (code == 0 && t->ptid == 0 && t->nsiblings < 0)
		code = alone(t);
	while (code >= 0 && t->nsiblings < 0)
		code = t->in_handler || t->sending ? PvmNotImpl : pvm__engine_wait();
	if (code >= 0) {
		code = t->nsiblings;
		if (tids)
			*tids = t->siblings;
	}
	API_END(TEV_SIBLINGS, TEV_DID_SIB, t->siblings, code > 0 ? code : 0);
	return pvm__result("pvm_siblings", code);
}
