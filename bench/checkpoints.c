/* SPDX-License-Identifier: MIT */
/* Measurements of tasks that are written to disk and started again. */
#include "driver.h"

#include <sys/stat.h>
#include <unistd.h>

#define MAX_SAVED 64
/* Microseconds between two messages. Who never sleeps is stopped for 50 ms with a real-time priority. */
#define BREATH 300
#define PAGE 4096

#ifndef PvmIncremental
#define PvmIncremental 2
#endif

/* 3.4.6 has no such functions. */
extern int pvm_checkpoint(char *dir, int *tids, int n, int flags) __attribute__((weak));
extern int pvm_restart(char *dir, int number, char **hosts, int n) __attribute__((weak));

static char directory[256];

static void make_directory(void)
{
	const char *place = getenv("TMPDIR");

	snprintf(directory, sizeof directory, "%s/pvmbenchXXXXXX", place ? place : "/tmp");
	CHECK(mkdtemp(directory));
}

static void remove_directory(void)
{
	char command[300];

	snprintf(command, sizeof command, "rm -rf '%s'", directory);
	CHECK(system(command) == 0);
}

static void start_movers(int n, int bytes, int *tids)
{
	char size[16];
	char *args[] = { "mover", size, NULL };

	CHECK(n <= MAX_SAVED);
	snprintf(size, sizeof size, "%d", bytes);
	start_peers(args, n, tids);
}

/* Have another task ask for the checkpoint. */
static void ask(int saver, int *tids, int n, int flags)
{
	pvm_initsend(PvmDataDefault);
	pvm_pkstr(directory);
	pvm_pkint(&flags, 1, 1);
	pvm_pkint(&n, 1, 1);
	pvm_pkint(tids, n, 1);
	CHECK(pvm_send(saver, TAG_NEXT) == 0);
}

static double round_trip(int tid)
{
	double start = now();

	pvm_initsend(PvmDataRaw);
	CHECK(pvm_send(tid, TAG_PING) == 0);
	CHECK(pvm_recv(tid, TAG_PING) > 0);
	return now() - start;
}

/* The longest time without an answer while tasks are written to disk. */
static double longest_pause(int *tids, int n, int flags)
{
	char *args[] = { "saver", NULL };
	int saver, code, bufid;
	double longest = 0;

	start_peers(args, 1, &saver);
	for (int i = 0; i < n; i++)
		round_trip(tids[i]);
	ask(saver, tids, n, flags);
	for (int i = 0; (bufid = pvm_nrecv(saver, TAG_NEXT)) == 0; i++) {
		double took = round_trip(tids[i % n]);

		longest = took > longest ? took : longest;
		usleep(BREATH);
	}
	CHECK(bufid > 0 && pvm_upkint(&code, 1, 1) == 0 && code > 0);
	stop_peers(&saver, 1);
	return longest;
}

double measure_pause(int n, int bytes)
{
	int tids[MAX_SAVED];
	double longest;

	if (!pvm_checkpoint)
		return -1;
	make_directory();
	start_movers(n, bytes, tids);
	longest = longest_pause(tids, n, 0);
	stop_peers(tids, n);
	remove_directory();
	return longest;
}

/* Bytes of the image of a task in a checkpoint. */
static double image_bytes(int tid, int number)
{
	char path[400];
	struct stat st;

	snprintf(path, sizeof path, "%s/job-t%x/%06d/t%x.img", directory, tid, number, tid);
	CHECK(stat(path, &st) == 0);
	return (double)st.st_size;
}

double measure_increment(int bytes, int permille, int paused)
{
	int tid, pages = (int)((long long)bytes / PAGE * permille / 1000);
	double pause, share;

	if (!pvm_checkpoint)
		return -1;
	make_directory();
	start_movers(1, bytes, &tid);
	round_trip(tid);
	CHECK(pvm_checkpoint(directory, &tid, 1, PvmIncremental) == 1);
	pvm_initsend(PvmDataDefault);
	pvm_pkint(&pages, 1, 1);
	CHECK(pvm_send(tid, TAG_WRITE) == 0 && pvm_recv(tid, TAG_PING) > 0);
	pause = longest_pause(&tid, 1, PvmIncremental);
	share = image_bytes(tid, 2) / image_bytes(tid, 1);
	stop_peers(&tid, 1);
	remove_directory();
	return paused ? pause : share;
}

/* End the tasks at once. */
static void kill_all(int *tids, int n)
{
	for (int i = 0; i < n; i++)
		CHECK(pvm_sendsig(tids[i], 9) == 0);
	for (int i = 0; i < n; i++)
		CHECK(pvm_recv(-1, TAG_GONE) > 0);
}

double measure_restart(int n, int bytes)
{
	int tids[MAX_SAVED];
	double start, took;

	if (!pvm_restart)
		return -1;
	make_directory();
	start_movers(n, bytes, tids);
	CHECK(pvm_checkpoint(directory, tids, n, 0) > 0);
	kill_all(tids, n);
	start = now();
	CHECK(pvm_restart(directory, 0, NULL, 0) == n);
	for (int i = 0; i < n; i++)
		round_trip(tids[i]);
	took = now() - start;
	CHECK(pvm_notify(PvmTaskExit, TAG_GONE, n, tids) == 0);
	stop_peers(tids, n);
	remove_directory();
	return took;
}
