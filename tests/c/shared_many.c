/* SPDX-License-Identifier: MIT */
/*
 * A task that exchanges messages with many others of its host, with some of them far more.
 *
 *     shared_many PEERS ROUNDS FAVOURED FIRST [ROUNDS FAVOURED FIRST]...
 *
 * In each round every peer gets a message and sends one back. Of the favoured peers, so many from the
 * FIRST one on, each has that FAVOURS times in a round; or, if ROUNDS is negative, it sends so many back.
 * A course has so many rounds, and more until all that comes from the favoured comes by memory, for
 * some seconds. Then it prints what part of the messages of the last round did, those of the favoured
 * and of the others, in per cent; how many links there are, and how many have been opened: "favoured F
 * others O links L opened N".
 */
#include "numbered.h"
#include "own_segment.h"

enum { PEERS_MAX = 1000, FAVOURS = 10, SETTLED_SECONDS = 20, DATA = 1, LAST, LENGTH = 8 };

struct part {
	long all, by_memory;
};

static const struct share_home *home;

static uint64_t received(void)
{
	if (!home)
		home = own_segment();
	return home ? home->received : 0;
}

/* Send a message to a peer and have so many back. */
static void exchange(int tid, int answers, struct part *part)
{
	uint64_t before = received();

	send_number(tid, DATA, answers, LENGTH);
	for (int i = 0; i < answers; i++) {
		CHECK(pvm_recv(tid, DATA) > 0);
		CHECK_INT(unpack_number(LENGTH), i);
	}
	part->all += answers;
	part->by_memory += (long)(received() - before);
}

/* The traffic of a round with a peer; what is favoured is favoured in both directions, or in one. */
static void favour(int tid, bool both, struct part *part)
{
	for (int i = 0; both && i < FAVOURS; i++)
		exchange(tid, 1, part);
	if (!both)
		exchange(tid, FAVOURS, part);
}

static int per_cent(struct part part)
{
	return part.all ? (int)(part.by_memory * 100 / part.all) : 0;
}

/* One round. Which part has come by memory? */
static void exchange_all(const int *tids, int n, bool both, const int favoured[2],
	struct part parts[2])
{
	for (int i = 0; i < n; i++)
		if (i >= favoured[1] && i < favoured[1] + favoured[0])
			favour(tids[i], both, &parts[1]);
		else
			exchange(tids[i], 1, &parts[0]);
}

static void course(const int *tids, int n, int rounds, const int favoured[2])
{
	double end = seconds_now() + SETTLED_SECONDS;
	struct part parts[2];

	for (int round = 0;
		round < abs(rounds) || (parts[1].by_memory < parts[1].all && seconds_now() < end);
		round++) {
		parts[0] = parts[1] = (struct part){ 0 };
		exchange_all(tids, n, rounds > 0, favoured, parts);
		if (check_failed)
			return;
	}
	printf("favoured %d others %d links %d opened %d\n", per_cent(parts[1]), per_cent(parts[0]),
		home ? (int)home->links : 0, home ? (int)home->opened : 0);
}

/* Send back as many messages as is said. */
static int echo(void)
{
	int hub = pvm_parent(), bytes, tag, tid, mid;

	while ((mid = pvm_recv(hub, -1)) > 0) {
		pvm_bufinfo(mid, &bytes, &tag, &tid);
		if (tag == LAST)
			break;
		for (int i = 0, answers = unpack_number(LENGTH); i < answers; i++)
			send_number(hub, DATA, i, LENGTH);
	}
	pvm_exit();
	return check_done();
}

int main(int argc, char **argv)
{
	static int tids[PEERS_MAX];
	int n = argc > 1 ? atoi(argv[1]) : 0;

	pvm_setopt(PvmAutoErr, 0);
	if (argc == 2)
		return echo();
	check_start();
	CHECK_INT(check_spawn(argv, "echo", n, tids), n);
	for (int i = 0; i < n; i++) {
		struct part begin = { 0 };

		exchange(tids[i], 1, &begin);
	}
	for (int i = 2; i + 2 < argc; i += 3)
		course(tids, n, atoi(argv[i]), (int[]){ atoi(argv[i + 1]), atoi(argv[i + 2]) });
	pvm_initsend(PvmDataDefault);
	pvm_mcast(tids, n, LAST);
	pvm_exit();
	return check_done();
}
