/* SPDX-License-Identifier: MIT */
/*
 * A storm of signals: a timer's handler makes calls of every kind while the program exchanges
 * messages by the daemon and by a direct route, spawns, asks, and works with a group. Every message
 * comes whole and in order; a handler's call is right, or refused with PvmNotImpl. With 3.4.6 what
 * happens then is not defined.
 *
 *     PVM3PY_CHAOS_SECONDS  length, at most 60; 1 without it
 */
#include <errno.h>
#include <stdint.h>
#include <sys/time.h>
#include <time.h>

#include "judge.h"

enum {
	TAG_MAIN = 80,
	TAG_NOTE,
	TAG_END,
	TAG_GROUP,
	SECONDS_MAX = 60,
	INTERVAL_US = 200,
	INTS_MAX = 60000,
	NOTES_MAX = 64, /* under way */
};

static int mytid, echo;

/* ---- what the handler calls ---------------------------------------------------------------- */

static volatile int notes_sent, notes_come, notes_wrong;
static unsigned seed = 1;

static unsigned random_below(unsigned n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % n;
}

static void send_note(void)
{
	int tid = notes_sent % 2 ? echo : mytid, value = notes_sent, buffer, sbuf;

	if (notes_sent - notes_come >= NOTES_MAX)
		return;
	buffer = pvm_mkbuf(random_below(2) ? PvmDataDefault : PvmDataRaw);
	if (!judge(buffer))
		return;
	sbuf = pvm_setsbuf(buffer);
	pvm_pkint(&value, 1, 1);
	if (judge(pvm_send(tid, TAG_NOTE)))
		notes_sent++;
	pvm_setsbuf(sbuf);
	pvm_freebuf(buffer);
}

/* Notes come in order on each of the two ways. */
static void count_note(int id)
{
	static int next[2] = { 0, 1 };
	int value = -1, source = 0, way;

	pvm_bufinfo(id, NULL, NULL, &source);
	pvm_upkint(&value, 1, 1);
	way = source == echo;
	notes_wrong += value != next[way];
	next[way] += 2;
	notes_come++;
}

static void take_note(void)
{
	int rbuf = pvm_setrbuf(0), id;

	if (!judge(rbuf))
		return;
	id = pvm_nrecv(-1, TAG_NOTE);
	if (judge(id) && id > 0) {
		count_note(id);
		pvm_freebuf(id);
	}
	pvm_setrbuf(rbuf);
}

static void look(void)
{
	int bytes, tag, tid, id = pvm_probe(-1, -1);

	if (judge(id) && id > 0)
		judge(pvm_bufinfo(id, &bytes, &tag, &tid));
	judge(pvm_getopt(PvmRoute));
	judge(pvm_getsbuf());
}

static void ask(void)
{
	judge_status(pvm_pstat(echo));
}

static bool grouped; /* the daemon starts a group server */

static void group(void)
{
	int size = grouped ? pvm_gsize((char *)"storm") : PvmNoGroup;

	if (size != PvmNoGroup)
		judge(size);
}

static void note_list(void)
{
	int *tids;

	judge(pvm_siblings(&tids));
}

static void thunder(int signal)
{
	static void (*const calls[])(void) = { send_note, take_note, look, ask, group, note_list };
	int saved = errno;

	(void)signal;
	calls[random_below(sizeof calls / sizeof *calls)]();
	errno = saved;
}

/* Wait until what has been sent has come. */
static void notes_complete(void)
{
	while (notes_come < notes_sent)
		count_note(pvm_recv(-1, TAG_NOTE));
	CHECK_INT(notes_wrong, 0);
	CHECK_CODE("no more notes", pvm_nrecv(-1, TAG_NOTE), 0);
}

/* ---- what the program does -------------------------------------------------------------------- */

/*
 * The program's own memory may be in any state when the handler comes, which uses the same: so
 * only the library allocates while the storm blows.
 */
static int data[INTS_MAX], back[INTS_MAX];

static bool ping(int tid, int n)
{
	int got = -1;

	pvm_initsend(n % 3 ? PvmDataRaw : PvmDataDefault);
	if (pvm_pkint(&n, 1, 1) < 0 || pvm_pkint(data, n, 1) < 0 || pvm_send(tid, TAG_MAIN) < 0)
		return false;
	if (pvm_recv(tid, TAG_MAIN) < 0 || pvm_upkint(&got, 1, 1) < 0 || got != n)
		return false;
	memset(back, 0, (size_t)n * sizeof *back);
	return pvm_upkint(back, n, 1) == 0 && memcmp(data, back, (size_t)n * sizeof *data) == 0;
}

static bool exchange(void)
{
	int n = random_below(8) ? (int)random_below(200) : (int)random_below(INTS_MAX);

	return ping(random_below(4) ? echo : mytid, n);
}

static bool spawn_one(char **argv)
{
	int tid, value = 77;

	if (check_spawn(argv, "once", 1, &tid) != 1)
		return false;
	pvm_psend(tid, TAG_MAIN, &value, 1, PVM_INT);
	return pvm_recv(tid, TAG_MAIN) > 0 && pvm_upkint(&value, 1, 1) == 0 && value == 77;
}

static bool use_group(void)
{
	int both = 2, sum = 0, instance = pvm_joingroup((char *)"storm");

	if (instance != 0 || pvm_gsize((char *)"storm") != 1)
		return false;
	if (pvm_gather(&sum, &both, 1, PVM_INT, TAG_GROUP, (char *)"storm", 0) < 0 || sum != 2)
		return false;
	return pvm_barrier((char *)"storm", 1) == 0 && pvm_lvgroup((char *)"storm") == 0;
}

static void blow(int interval)
{
	struct itimerval t = { { 0, interval }, { 0, interval } };

	setitimer(ITIMER_REAL, &t, NULL);
}

static void storm(char **argv, double seconds)
{
	struct sigaction action = { .sa_handler = thunder, .sa_flags = SA_RESTART };
	time_t end = time(NULL) + (time_t)(seconds < SECONDS_MAX ? seconds : SECONDS_MAX);
	int failed = 0, rounds = 0;

	for (int i = 0; i < INTS_MAX; i++)
		data[i] = i * 7;
	grouped = check_ours("daemon");
	sigaction(SIGALRM, &action, NULL);
	blow(INTERVAL_US);
	do {
		for (int i = 0; i < 50; i++)
			failed += !exchange();
		failed += !spawn_one(argv);
		failed += grouped && !use_group();
		pvm_setopt(PvmRoute, rounds++ ? PvmRouteDirect : PvmAllowDirect);
	} while (time(NULL) <= end && !failed);
	blow(0);
	signal(SIGALRM, SIG_DFL);
	alarm(CHECK_SECONDS);
	CHECK_INT(failed, 0);
	notes_complete();
	CHECK_CODE("codes of refusal", odd, 0);
	CHECK(accepted > 0 && refused > 0);
}

/* The task that is spawned in the storm. */
static int once(void)
{
	int value;

	pvm_precv(pvm_parent(), TAG_MAIN, &value, 1, PVM_INT, NULL, NULL, NULL);
	check_send_int(pvm_parent(), TAG_MAIN, value);
	return pvm_exit();
}

int main(int argc, char **argv)
{
	const char *seconds = getenv("PVM3PY_CHAOS_SECONDS");

	check_start();
	if (argc > 1)
		return strcmp(argv[1], "once") == 0 ? once() : check_echo(TAG_END);
	mytid = pvm_mytid();
	CHECK(mytid > 0);
	if (check_ours("library")) {
		pvm_setopt(PvmRoute, PvmAllowDirect);
		CHECK_INT(check_spawn(argv, "echo", 1, &echo), 1);
		storm(argv, seconds ? atof(seconds) : 1);
		check_send_int(echo, TAG_END, 0);
	}
	pvm_exit();
	return check_done();
}
