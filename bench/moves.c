/* SPDX-License-Identifier: MIT */
/* Measurements of tasks that are moved between two hosts. */
#include "driver.h"

#define MAX_MOVES 1000
#define LIVE 1 /* PvmLive, which 3.4.6 has not */

/* 3.4.6 has no such function. */
extern int pvm_migrate(int tid, char *host, int flags) __attribute__((weak));

/* What the task's memory sums up to, where it is now. */
static unsigned sum_there(int tid)
{
	int sum;

	pvm_initsend(PvmDataDefault);
	CHECK(pvm_send(tid, TAG_SUM) == 0);
	CHECK(pvm_recv(tid, TAG_SUM) > 0 && pvm_upkint(&sum, 1, 1) == 0);
	return (unsigned)sum;
}

/* The longest time that a task that looks at the clock all the while has not run, since last asked. */
static double gap_there(int tid)
{
	double gap;

	pvm_initsend(PvmDataDefault);
	CHECK(pvm_send(tid, TAG_GAP) == 0);
	CHECK(pvm_recv(tid, TAG_GAP) > 0 && pvm_upkdouble(&gap, 1, 1) == 0);
	return gap;
}

static double move_once(int tid, char *host)
{
	double start = now();
	int code = pvm_migrate(tid, host, 0);

	if (code)
		fprintf(stderr, "pvm_migrate: %d\n", code);
	CHECK(code == 0);
	return now() - start;
}

double measure_move(int bytes, const char *there)
{
	static double took[MAX_MOVES];
	double end = now() + seconds;
	char size[16];
	char *args[] = { "mover", size, NULL };
	unsigned sum;
	int tid, n = 0;

	if (!pvm_migrate || !there)
		return -1;
	snprintf(size, sizeof size, "%d", bytes);
	start_peers(args, 1, &tid);
	sum = sum_there(tid);
	do {
		took[n] = move_once(tid, n % 2 ? (char *)there : ".");
		n++;
	} while (now() < end && n < MAX_MOVES);
	CHECK(sum_there(tid) == sum);
	stop_peers(&tid, 1);
	qsort(took, (size_t)n, sizeof *took, compare_doubles);
	return took[n / 2];
}

double measure_live(int bytes, const char *there)
{
	char size[16], here[] = ".";
	char *args[] = { "watcher", size, NULL };
	double gap;
	int tid;

	if (!pvm_migrate || !there)
		return -1;
	snprintf(size, sizeof size, "%d", bytes);
	start_peers(args, 1, &tid);
	gap_there(tid);
	CHECK(pvm_migrate(tid, here, LIVE) == 0);
	gap = gap_there(tid);
	stop_peers(&tid, 1);
	return gap;
}
