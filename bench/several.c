/* SPDX-License-Identifier: MIT */
/* Measurements of several tasks that exchange messages, or wait. */
#include "driver.h"

#define MAX_TASKS 2000
#define UNTIL_LINKED 16 /* messages each way */

static int tids[MAX_TASKS];

static void start(char *role, int n)
{
	char route[16];
	char *args[] = { role, "", "", route, NULL };

	CHECK(n > 0 && n <= MAX_TASKS);
	snprintf(route, sizeof route, "%d", PvmDontRoute);
	start_peers(args, n, tids);
}

/* ---- ring ------------------------------------------------------------------------- */

/* Send a token round: to the first peer, and from the last one. */
static void pass_round(void *context)
{
	static int token;
	int peers = *(int *)context, got;

	token++;
	pvm_initsend(PvmDataRaw);
	pvm_pkint(&token, 1, 1);
	CHECK(pvm_send(tids[0], TAG_PING) == 0);
	CHECK(pvm_recv(tids[peers - 1], TAG_PING) > 0);
	CHECK(pvm_upkint(&got, 1, 1) == 0 && got == token);
}

/* Seconds a hop in a ring of so many tasks. */
double measure_ring(int tasks)
{
	int peers = tasks - 1;
	double took;

	start("ring", peers);
	for (int i = 0; i < peers; i++) {
		int next = i + 1 < peers ? tids[i + 1] : pvm_mytid();

		pvm_initsend(PvmDataRaw);
		pvm_pkint(&next, 1, 1);
		CHECK(pvm_send(tids[i], TAG_NEXT) == 0);
	}
	took = time_operation(pass_round, &peers, seconds) / tasks;
	stop_peers(tids, peers);
	return took;
}

/* ---- multicast -------------------------------------------------------------------- */

struct multicast {
	int n, tasks;
	int *items;
};

/* Send to all, each of which answers with the first and the last item. */
static void send_and_collect(void *context)
{
	struct multicast *m = context;

	m->items[0]++;
	pvm_initsend(PvmDataRaw);
	pvm_pkint(m->items, m->n, 1);
	CHECK(pvm_mcast(tids, m->tasks, TAG_SMALL) == 0);
	for (int i = 0; i < m->tasks; i++) {
		int ends[2];

		CHECK(pvm_recv(-1, TAG_SMALL) > 0 && pvm_upkint(ends, 2, 1) == 0);
		CHECK(ends[0] == m->items[0] && ends[1] == m->items[m->n - 1]);
	}
}

/* Seconds until so many tasks have answered a message. */
double measure_multicast(int bytes, int tasks)
{
	struct multicast m = { .n = bytes / (int)sizeof(int), .tasks = tasks };
	double took;

	m.items = malloc((size_t)bytes);
	CHECK(m.items);
	fill(m.items, m.n, 1);
	start("taker", tasks);
	took = time_operation(send_and_collect, &m, seconds);
	stop_peers(tids, tasks);
	free(m.items);
	return took;
}

/* ---- waiting tasks ---------------------------------------------------------------- */

/* What a peer says about itself. */
struct report {
	double processor; /* seconds used */
	int pid;
};

static struct report ask(int tid)
{
	struct report report;

	pvm_initsend(PvmDataRaw);
	CHECK(pvm_send(tid, TAG_PING) == 0);
	CHECK(pvm_recv(tid, TAG_PING) > 0);
	CHECK(pvm_upkdouble(&report.processor, 1, 1) == 0);
	CHECK(pvm_upkint(&report.pid, 1, 1) == 0);
	return report;
}

/* Share of a processor that a linked task uses while it waits for a message. */
double measure_waiting(void)
{
	struct timespec pause = { (time_t)seconds, (long)((seconds - (time_t)seconds) * 1e9) };
	double before, start_of_wait, used;

	start("reporter", 1);
	for (int i = 0; i < UNTIL_LINKED; i++)
		ask(tids[0]);
	before = ask(tids[0]).processor;
	start_of_wait = now();
	nanosleep(&pause, NULL);
	used = (ask(tids[0]).processor - before) / (now() - start_of_wait);
	stop_peers(tids, 1);
	return used;
}

/* Number of KiB in a line of a file of /proc/PID. */
static long kib(int pid, const char *file, const char *name)
{
	char path[64], line[256];
	size_t length = strlen(name);
	long found = -1;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
	f = fopen(path, "r");
	CHECK(f);
	while (found < 0 && fgets(line, sizeof line, f))
		if (strncmp(line, name, length) == 0)
			found = atol(line + length);
	fclose(f);
	CHECK(found >= 0);
	return found;
}

/* Bytes of a process, with its part of what is shared, and its page tables. */
static double memory_of(int pid)
{
	return 1024.0 * (double)(kib(pid, "smaps_rollup", "Pss:") + kib(pid, "status", "VmPTE:"));
}

/* Bytes of n peers, after so many more messages to each. */
static double memory_after(int n, int messages)
{
	static int pids[MAX_TASKS];
	double sum = 0;

	for (int round = 0; round < messages; round++)
		for (int i = 0; i < n; i++)
			pids[i] = ask(tids[i]).pid;
	for (int i = 0; i < n; i++)
		sum += memory_of(pids[i]);
	return sum;
}

/* Bytes that a task takes more, this one's included, once it is linked to this one. */
double measure_linked(int tasks)
{
	double before, after;

	start("reporter", tasks);
	before = memory_after(tasks, 1) + memory_of(getpid());
	after = memory_after(tasks, UNTIL_LINKED) + memory_of(getpid());
	stop_peers(tids, tasks);
	return (after - before) / tasks;
}

/* Bytes of a task that has had one message. */
double measure_idle(int tasks)
{
	double bytes;

	start("reporter", tasks);
	bytes = memory_after(tasks, 1) / tasks;
	stop_peers(tids, tasks);
	return bytes;
}
