/* SPDX-License-Identifier: MIT */
/*
 * Links that the daemon has closed in the middle of their traffic (SHARE_STOP).
 *
 *     shared_stop TIMES
 *
 * Tasks that were told of a resource manager write to another task and get answers, by memory. That
 * one has become manager, too, and at some moment the first one ends: from then on what they say to
 * each other must pass the daemon. No message is lost, comes twice, or comes before an earlier one,
 * and none goes by memory later. The first task has no memory itself (PVM_SHM).
 */
#include "numbered.h"
#include "own_segment.h"

enum {
	ASKERS = 6,
	WINDOW = 24, /* messages of an asker that are not answered yet */
	BEFORE_MAX = 500,
	LATER = 100, /* messages after the link has ended */
	READY = 1,
	DATA,
	ANSWER,
	NOTICE,
	LAST,
	REPORT,
};

static int length_of(int number)
{
	return number % 9 == 0 ? 70000 : number % 4 == 0 ? 3000 : 8;
}

/* The message that was received has the length of its number. */
static bool is_whole(int number, int bytes)
{
	return bytes == (int)sizeof number + length_of(number);
}

static void tell(int tid, int tag, const int *words, int n)
{
	pvm_initsend(PvmDataDefault);
	pvm_pkint((int *)words, n, 1);
	CHECK_INT(pvm_send(tid, tag), 0);
}

static void take(int tid, int tag, int *words, int n)
{
	CHECK(pvm_recv(tid, tag) > 0);
	CHECK_INT(pvm_upkint(words, n, 1), 0);
}

/* ---- the successor -------------------------------------------------------------------- */

static int place_of(const int *tids, int tid)
{
	int i = 0;

	while (i < ASKERS - 1 && tids[i] != tid)
		i++;
	return i;
}

/* Answer all that is asked, in the order of each asker, until all have said -1. */
static void answer_all(const int *tids)
{
	int next[ASKERS] = { 0 }, bytes, tag, tid, found;

	for (int ended = 0; ended < ASKERS && !check_failed;) {
		int mid = pvm_recv(-1, DATA), *number;

		CHECK(mid > 0);
		pvm_bufinfo(mid, &bytes, &tag, &tid);
		number = &next[place_of(tids, tid)];
		found = unpack_number(8);
		ended += found == -1;
		if (found == -1)
			continue;
		CHECK_INT(found, *number);
		CHECK(is_whole(*number, bytes));
		send_number(tid, ANSWER, *number, length_of(*number + 1));
		++*number;
	}
}

/* Become the resource manager, and stay that until told; the first one is nothing else. */
static int manage(void)
{
	int judge = pvm_parent(), words[1 + ASKERS], code;
	struct pvmhostinfo *host;

	pvm_mytid();
	tell(judge, READY, &judge, 1);
	take(judge, READY, words, 1 + ASKERS);
	code = pvm_reg_rm(&host);
	CHECK(code >= 0);
	tell(judge, READY, &code, 1);
	if (words[0])
		answer_all(words + 1);
	tell(judge, REPORT, &check_failed, 1);
	pvm_recv(-1, LAST);
	pvm_exit();
	return check_done();
}

/* ---- those that ask -------------------------------------------------------------------- */

static void take_answer(int successor, int *next)
{
	CHECK(pvm_recv(successor, ANSWER) > 0);
	CHECK_INT(unpack_number(length_of(*next + 1)), *next);
	++*next;
}

/* Send the next message, and take answers unless few are due. */
static void ask_next(int successor, int *sent, int *answered)
{
	send_number(successor, DATA, *sent, length_of(*sent));
	++*sent;
	while (*sent - *answered >= WINDOW && !check_failed)
		take_answer(successor, answered);
}

/*
 * Write to the successor, all the time; the manager ends behind so many messages if it is told to by
 * this task.
 */
static void ask_all(int successor, int manager, int before)
{
	int sent = 0, answered = 0;
	uint64_t by_memory;

	while (!(own_segment() && own_segment()->messages) && !check_failed)
		ask_next(successor, &sent, &answered);
	tell(pvm_parent(), READY, &sent, 1);
	CHECK(pvm_recv(pvm_parent(), READY) > 0);
	for (int i = 0; i < before && !check_failed; i++)
		ask_next(successor, &sent, &answered);
	if (manager)
		tell(manager, LAST, &sent, 1);
	while (own_segment()->links && !check_failed)
		ask_next(successor, &sent, &answered);
	by_memory = own_segment()->messages;
	for (int i = 0; i < LATER && !check_failed; i++)
		ask_next(successor, &sent, &answered);
	CHECK_INT(own_segment()->messages, by_memory);
	while (answered < sent && !check_failed)
		take_answer(successor, &answered);
	send_number(successor, DATA, -1, 8);
	CHECK_INT(pvm_probe(-1, -1), 0);
}

static int ask(void)
{
	int judge = pvm_parent(), words[3] = { 0 };

	tell(judge, READY, words, 1);
	take(judge, READY, words, 3);
	ask_all(words[0], words[1], words[2]);
	tell(judge, REPORT, &check_failed, 1);
	pvm_recv(judge, LAST);
	pvm_exit();
	return check_done();
}

/* ---- the judge -------------------------------------------------------------------------- */

/* Start tasks with a role, and wait until they are there. */
static void start(char **argv, char *role, int n, int *tids)
{
	CHECK_INT(check_spawn(argv, role, n, tids), n);
	for (int i = 0; i < n; i++)
		CHECK(pvm_recv(tids[i], READY) > 0);
}

/* Let a manager begin, for these if it is to answer. */
static void begin(int manager, bool answers, const int *askers)
{
	int words[1 + ASKERS] = { answers }, code;

	memcpy(words + 1, askers, ASKERS * sizeof *askers);
	tell(manager, READY, words, 1 + ASKERS);
	take(manager, READY, &code, 1);
}

static void check_report(int tid)
{
	int failures;

	take(tid, REPORT, &failures, 1);
	CHECK_INT(failures, 0);
}

/* Let the asker begin. The first one ends the manager. */
static void begin_asker(int asker, int successor, int manager)
{
	static unsigned chance;
	int words[3] = { successor, manager };

	chance = (chance ? chance : (unsigned)getpid()) * 1664525u + 1013904223u;
	words[2] = 16 + (int)((chance >> 8) % BEFORE_MAX);
	tell(asker, READY, words, 3);
}

/* A manager that is followed by another one. Neither is told of one when it enrols. */
static void succeed(char **argv)
{
	enum { FIRST, SUCCESSOR };
	int managers[2], askers[ASKERS] = { 0 };

	start(argv, "manager", 2, managers);
	CHECK_INT(pvm_notify(PvmTaskExit, NOTICE, 2, managers), 0);
	begin(managers[FIRST], false, askers);
	start(argv, "asker", ASKERS, askers);
	begin(managers[SUCCESSOR], true, askers);
	for (int i = 0; i < ASKERS; i++)
		begin_asker(askers[i], managers[SUCCESSOR], i ? 0 : managers[FIRST]);
	/* All have links before one of them may end the manager. */
	for (int i = 0; i < ASKERS; i++)
		CHECK(pvm_recv(askers[i], READY) > 0);
	for (int i = 0; i < ASKERS; i++)
		tell(askers[i], READY, askers, 1);
	for (int i = 0; i < ASKERS; i++)
		check_report(askers[i]);
	for (int i = 0; i < 2; i++)
		check_report(managers[i]);
	for (int i = 0; i < ASKERS; i++)
		tell(askers[i], LAST, askers, 1);
	tell(managers[SUCCESSOR], LAST, managers, 1);
	for (int i = 0; i < 2; i++)
		CHECK(pvm_recv(-1, NOTICE) > 0);
}

static int judge(char **argv, int times)
{
	for (int t = 0; t < times && !check_failed; t++)
		succeed(argv);
	pvm_exit();
	return check_done();
}

int main(int argc, char **argv)
{
	const char *role = argc == 2 ? argv[1] : "";

	check_start();
	if (strcmp(role, "asker") == 0)
		return ask();
	if (strcmp(role, "manager") == 0)
		return manage();
	return judge(argv, atoi(role));
}
