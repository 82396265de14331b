/* SPDX-License-Identifier: MIT */
/*
 * Tasks that all send to each other, by any way, while they are moved. The argument "first COUNT WAYS
 * HOSTS..." makes it the first: it spawns COUNT others in turn on the HOSTS, tells each how it sends (a
 * letter of WAYS in turn), and prints "mix" and their tids. When its input ends, it has them stop, and
 * prints "done", how many messages and how many direct routes there were; what was wrong is printed before.
 *
 * Ways: d direct routes, r the default ones, a the one or the other from message to message. Upper
 * case: it computes between the messages, without a call.
 *
 * The messages between two tasks are numbered, multicasts included, and have bytes that follow from
 * the number. A task has at most AHEAD on their way to each other one.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "pvm3.h"

enum {
	TAG_BEGIN = 1,
	TAG_WORK = 2,
	TAG_ACK = 3,
	TAG_LAST = 4,
	TAG_END = 5,
	TAG_REPORT = 6,
	TAG_ROUTE = 7,
	PEERS_MAX = 16,
	AHEAD = 12,
	LARGEST = 390000,
};

static unsigned char bytes[LARGEST];
static int tids[PEERS_MAX], count, own, first;
static int sent[PEERS_MAX], taken[PEERS_MAX], known[PEERS_MAX], told[PEERS_MAX];
static int ended, lasts, routes;

static void fail(const char *what, int peer, int number, int expected)
{
	printf("wrong: t%x %s from t%x: %d, not %d\n", pvm_mytid(), what, peer < 0 ? 0 : tids[peer],
		number, expected);
	fflush(stdout);
	exit(3);
}

static int length_of(int number)
{
	static const int lengths[] = { 0, 12, 4000, 130, 2500, 1, 70000, 300, 9000, 8, 40 };

	return number % 97 == 0 ? LARGEST : lengths[number % 11];
}

static int index_of(int tid)
{
	for (int i = 0; i < count; i++)
		if (tids[i] == tid)
			return i;
	fail("stranger", -1, tid, 0);
	return 0;
}

/* ---- out ----------------------------------------------------------------------------- */

/* The numbers for all are packed, so that one message can go to several. */
static void pack(int length)
{
	pvm_initsend(PvmDataRaw);
	pvm_pkint(sent, count, 1);
	pvm_pkint(taken, count, 1);
	pvm_pkint(&length, 1, 1);
	for (int i = 0; i < length; i++)
		bytes[i] = (unsigned char)(length + own + i * 7);
	pvm_pkbyte((char *)bytes, length, 1);
	for (int i = 0; i < count; i++)
		told[i] = taken[i];
}

static void send_to(int peer, int tag)
{
	sent[peer]++;
	pack(tag == TAG_WORK ? length_of(sent[peer]) : 0);
	if (pvm_send(tids[peer], tag) < 0)
		fail("send", peer, sent[peer], 0);
}

/* Is not too much on its way? */
static int has_room(int peer)
{
	return peer != own && sent[peer] - known[peer] < AHEAD;
}

static void send_to_all(void)
{
	int to[PEERS_MAX], n = 0, length = 0;

	for (int i = 0; i < count; i++)
		if (has_room(i)) {
			to[n++] = tids[i];
			length = length_of(++sent[i]);
		}
	pack(length);
	if (n && pvm_mcast(to, n, TAG_WORK) < 0)
		fail("mcast", -1, n, 0);
}

/* ---- in ------------------------------------------------------------------------------ */

static void take(int tid, int tag)
{
	int peer = index_of(tid), numbers[PEERS_MAX], counts[PEERS_MAX], length;

	if (pvm_upkint(numbers, count, 1) || pvm_upkint(counts, count, 1) ||
		pvm_upkint(&length, 1, 1) || pvm_upkbyte((char *)bytes, length, 1))
		fail("length", peer, 0, 0);
	if (numbers[own] != taken[peer] + 1)
		fail("number", peer, numbers[own], taken[peer] + 1);
	taken[peer]++;
	known[peer] = counts[own];
	for (int i = 0; i < length; i++)
		if (bytes[i] != (unsigned char)(length + peer + i * 7))
			fail("byte", peer, i, length);
	if (tag == TAG_LAST)
		lasts++;
	else if (taken[peer] - told[peer] > AHEAD / 2)
		send_to(peer, TAG_ACK);
}

/* Take one message. False: there is none. */
static int receive(int wait)
{
	struct timeval a_while = { 0, 5000 };
	int id = wait ? pvm_trecv(-1, -1, &a_while) : pvm_nrecv(-1, -1), tag, tid;

	if (id < 0)
		fail("recv", -1, id, 0);
	if (!id)
		return 0;
	pvm_bufinfo(id, NULL, &tag, &tid);
	if (tag == TAG_END)
		ended = 1;
	else if (tag == TAG_ROUTE)
		routes++;
	else
		take(tid, tag);
	return 1;
}

/* ---- the course of things -------------------------------------------------------------- */

static void compute(void)
{
	static volatile double x = 1;
	int n = rand() % 2000000;

	for (int i = 0; i < n; i++)
		x = x * 1.000001 + 1e-9;
}

static void step(char way)
{
	int peer = rand() % count, busy = 0;

	if (tolower(way) == 'a')
		pvm_setopt(PvmRoute, rand() % 2 ? PvmRouteDirect : PvmAllowDirect);
	if (isupper(way) && rand() % 8 == 0)
		compute();
	if (rand() % 16 == 0)
		send_to_all();
	else if (has_room(peer))
		send_to(peer, TAG_WORK);
	else
		busy = 1;
	while (receive(busy))
		busy = 0;
}

static int be_member(void)
{
	int total = 0;
	char way[2];

	first = pvm_parent();
	pvm_recv(first, TAG_BEGIN);
	pvm_upkint(&count, 1, 1);
	pvm_upkint(&own, 1, 1);
	pvm_upkint(tids, count, 1);
	pvm_upkbyte(way, 2, 1);
	pvm_notify(PvmRouteAdd, TAG_ROUTE, -1, NULL);
	srand((unsigned)pvm_mytid() ^ (unsigned)time(NULL));
	if (tolower(way[0]) == 'd')
		pvm_setopt(PvmRoute, PvmRouteDirect);
	while (!ended)
		step(way[0]);
	for (int i = 0; i < count; i++)
		if (i != own)
			send_to(i, TAG_LAST);
	while (lasts < count - 1)
		receive(1);
	for (int i = 0; i < count; i++)
		total += taken[i];
	pvm_initsend(PvmDataRaw);
	pvm_pkint(&total, 1, 1);
	pvm_pkint(&routes, 1, 1);
	pvm_send(first, TAG_REPORT);
	pvm_exit();
	return 0;
}

static int be_first(int argc, char **argv)
{
	int total = 0, all_routes = 0, hosts = argc - 4;

	count = atoi(argv[2]);
	for (int i = 0; i < count; i++)
		if (pvm_spawn("mixer", NULL, PvmTaskHost, argv[4 + i % hosts], 1, tids + i) != 1)
			fail("spawn", -1, tids[i], 1);
	printf("mix");
	for (int i = 0; i < count; i++)
		printf(" %d", tids[i]);
	printf("\n");
	fflush(stdout);
	for (own = 0; own < count; own++) {
		char way[2] = { argv[3][own % (int)strlen(argv[3])], 0 };

		pvm_initsend(PvmDataRaw);
		pvm_pkint(&count, 1, 1);
		pvm_pkint(&own, 1, 1);
		pvm_pkint(tids, count, 1);
		pvm_pkbyte(way, 2, 1);
		pvm_send(tids[own], TAG_BEGIN);
	}
	while (getchar() != EOF) {}
	pvm_initsend(PvmDataRaw);
	pvm_mcast(tids, count, TAG_END);
	for (int i = 0; i < count; i++) {
		int n, n_routes;

		pvm_recv(tids[i], TAG_REPORT);
		pvm_upkint(&n, 1, 1);
		pvm_upkint(&n_routes, 1, 1);
		total += n;
		all_routes += n_routes;
	}
	printf("done %d %d\n", total, all_routes);
	pvm_exit();
	return 0;
}

int main(int argc, char **argv)
{
	if (pvm_mytid() < 0)
		return 2;
	return argc > 4 ? be_first(argc, argv) : be_member();
}
