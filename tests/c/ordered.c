/* SPDX-License-Identifier: MIT */
/*
 * Messages in order, whatever way each goes by.
 *
 *     ordered SENDERS MESSAGES ROUTE SEED
 *                   starts so many tasks that send it so many messages each
 *     ordered all TASKS MESSAGES ROUTE SEED [LONGEST]
 *                   starts so many tasks that each send every other one so many messages
 *
 * A message is sent by pvm_send, pvm_mcast or pvm_psend, packed, raw or in place, with 8 bytes to
 * LONGEST, 1 MiB without it. Receivers rest now and then, so that senders fall back to streams and
 * return. A message has the number that it is of its sender, and a filling made of that. ROUTE is the
 * second way: "daemon" or "direct". The first task prints what its tasks have sent by memory and by
 * streams, and how often their ways have changed: "memory N streamed N marks N".
 */
#include <time.h>

#include "check.h"
#include "shared.h"

enum { READY = 1, FROM_MASTER, DATA, RECEIVED, REPORT };
enum { TASKS_MAX = 512, LARGEST = 1 << 20, REST_EVERY = 40, REST_MS = 12, AHEAD = 4 };

static unsigned char body[LARGEST], got[LARGEST];
static unsigned long long chance;
static int longest = LARGEST;

static unsigned draw(unsigned below)
{
	chance = chance * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned)(chance >> 33) % below;
}

/* Most are small; some are of any order of size. */
static int draw_size(void)
{
	int size = 8 << draw(draw(8) ? 8 : 18);

	size -= (int)draw((unsigned)size / 8) * 4;
	return size < longest ? size : longest;
}

static unsigned char filling(int number)
{
	return (unsigned char)(number * 31 + 7);
}

/* ---- sending ---- */

static void send_packed(const int *tids, int n, int encoding, int size)
{
	pvm_initsend(encoding);
	pvm_pkbyte((char *)body, size, 1);
	if (n > 1)
		CHECK(pvm_mcast((int *)tids, n, DATA) == 0);
	else
		CHECK(pvm_send(tids[0], DATA) == 0);
}

/* Send the message of a number to all of them. */
static void send_one(const int *tids, int n, int number)
{
	static const int encodings[] = { PvmDataDefault, PvmDataRaw, PvmDataInPlace };
	int size = draw_size(), kind = (int)draw(4);

	memset(body, filling(number), (size_t)size);
	memcpy(body, &number, sizeof number);
	memcpy(body + 4, &size, sizeof size);
	if (kind < 3)
		send_packed(tids, n, encodings[kind], size);
	for (int i = 0; kind == 3 && i < n; i++)
		CHECK(pvm_psend(tids[i], DATA, body, size, PVM_BYTE) == 0);
}

/* ---- receiving ---- */

struct sender {
	int tid, next;
};

static struct sender *sender_of(struct sender *senders, int tid)
{
	for (int i = 0; i < TASKS_MAX; i++)
		if (senders[i].tid == tid || !senders[i].tid) {
			senders[i].tid = tid;
			return &senders[i];
		}
	abort();
}

static bool is_filled(int from, int size, int number)
{
	for (int i = from; i < size; i++)
		if (got[i] != filling(number))
			return false;
	return true;
}

/* Take the message that was received: the next one of its sender, and whole. */
static void take(struct sender *senders, int id)
{
	int size, tag, tid, number, told;
	struct sender *s;

	CHECK_INT(pvm_bufinfo(id, &size, &tag, &tid), 0);
	pvm_upkbyte((char *)got, size, 1);
	memcpy(&number, got, sizeof number);
	memcpy(&told, got + 4, sizeof told);
	s = sender_of(senders, tid);
	CHECK_INT(number, s->next);
	CHECK_INT(size, told);
	CHECK(is_filled(8, size, number));
	s->next = number + 1;
}

static void rest(void)
{
	struct timespec time = { 0, REST_MS * 1000000L };

	if (!draw(REST_EVERY))
		nanosleep(&time, NULL);
}

/* ---- roles ---- */

/* Many tasks may take long. */
static void allow_time(int tasks)
{
	alarm(CHECK_SECONDS + (unsigned)tasks * 2);
}

static void choose_route(const char *word)
{
	pvm_setopt(PvmRoute, strcmp(word, "direct") == 0 ? PvmRouteDirect : PvmDontRoute);
}

/* Tell the master what the own segment has counted. */
static void report(int master)
{
	struct shared own = shared_counters();

	pvm_initsend(PvmDataDefault);
	pvm_pklong((long *)&own.messages, 1, 1);
	pvm_pklong((long *)&own.streamed, 1, 1);
	pvm_pklong((long *)&own.marks, 1, 1);
	pvm_send(master, REPORT);
}

/* Print the sums of the reports. */
static void sum_up(int n)
{
	long sum[3] = { 0 }, one;

	for (int i = 0; i < n; i++) {
		pvm_recv(-1, REPORT);
		for (int k = 0; k < 3; k++) {
			pvm_upklong(&one, 1, 1);
			sum[k] += one;
		}
	}
	printf("memory %ld streamed %ld marks %ld\n", sum[0], sum[1], sum[2]);
}

/*
 * Send to some tasks, and receive as many from each; the end of a sender is known by its number. Who
 * does both is ahead by so few messages that some are left when its links are open.
 */
static void exchange(const int *others, int n, int sends, int receives)
{
	struct sender senders[TASKS_MAX] = { { 0 } };
	int sent = 0, missing = n * receives;

	while (sent < sends || missing) {
		int had = receives - missing / n;
		bool may_send = sent < sends && (!receives || sent < had + AHEAD);
		int id = may_send ? pvm_nrecv(-1, DATA) : pvm_recv(-1, DATA);

		if (id > 0) {
			take(senders, id);
			missing--;
			rest();
		}
		if (may_send)
			send_one(others, n, sent++);
	}
	for (int i = 0; receives && i < n; i++)
		CHECK_INT(sender_of(senders, others[i])->next, receives);
}

/* A task that was started: told whom to send to, how much and how. */
static int child(void)
{
	int master = pvm_parent(), words[5], tids[TASKS_MAX];
	char route[16];

	allow_time(TASKS_MAX); /* until all are there and have been told */
	pvm_initsend(PvmDataDefault);
	pvm_send(master, READY);
	pvm_recv(master, FROM_MASTER);
	pvm_upkint(words, 5, 1);
	pvm_upkint(tids, words[0], 1);
	pvm_upkstr(route);
	chance = (unsigned)words[3];
	longest = words[4];
	allow_time(words[0]);
	choose_route(route);
	exchange(tids, words[0], words[1], words[2]);
	report(master);
	/* What it has sent is received before it goes. */
	pvm_recv(master, RECEIVED);
	pvm_exit();
	return check_failed;
}

static void instruct(int tid, const int *others, int n, int sends, int receives, char *route,
	int seed)
{
	int words[5] = { n, sends, receives, seed, longest };

	pvm_initsend(PvmDataDefault);
	pvm_pkint(words, 5, 1);
	pvm_pkint((int *)others, n, 1);
	pvm_pkstr(route);
	pvm_send(tid, FROM_MASTER);
}

static int master(char **argv, bool all, int n, int messages, char *route)
{
	int tids[TASKS_MAX], own = pvm_mytid();

	allow_time(n);
	choose_route(route);
	CHECK_INT(check_spawn(argv, "child", n, tids), n);
	/* A task that is not there yet is asked for a link much later again. */
	for (int i = 0; i < n; i++)
		CHECK(pvm_recv(tids[i], READY) > 0);
	for (int i = 0; i < n; i++) {
		int others[TASKS_MAX], m = 0;

		for (int k = 0; k < n; k++)
			if (k != i)
				others[m++] = tids[k];
		if (all)
			instruct(tids[i], others, m, messages, messages, route, i + 1);
		else
			instruct(tids[i], &own, 1, messages, 0, route, i + 1);
	}
	if (!all)
		exchange(tids, n, 0, messages);
	sum_up(n);
	pvm_initsend(PvmDataDefault);
	pvm_mcast(tids, n, RECEIVED);
	pvm_exit();
	return check_done();
}

int main(int argc, char **argv)
{
	bool all = argc > 1 && strcmp(argv[1], "all") == 0;

	check_start();
	if (argc == 2)
		return child();
	if (argc < 5 + all)
		return 1;
	chance = (unsigned)atoi(argv[4 + all]);
	if (argc > 6)
		longest = atoi(argv[6]);
	return master(argv, all, atoi(argv[1 + all]), atoi(argv[2 + all]), argv[3 + all]);
}
