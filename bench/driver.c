/* SPDX-License-Identifier: MIT */
/*
 * One measurement, started by hand under a running daemon. Usage:
 *   driver PEER SECONDS roundtrip BYTES raw|xdr|in-place WAY    seconds, half round trip
 *                                          default; together: the same on one processor;
 *                                          daemon, direct: not by memory
 *   driver PEER SECONDS ring TASKS [BUSY]                       seconds, one hop, beside so many
 *                                                               processes that compute
 *   driver PEER SECONDS multicast BYTES TASKS                   seconds until all have answered
 *   driver PEER SECONDS waiting                                 share of a processor
 *   driver PEER SECONDS linked|idle TASKS                       bytes a task
 *   driver PEER SECONDS late                                    share of round trips > 1 ms
 *   driver PEER SECONDS fanin|fanout                            messages a second
 *   driver PEER SECONDS spawn COUNT                             tasks a second
 *   driver PEER SECONDS addhosts                                seconds, adding all of BENCH_HOSTS
 *   driver PEER SECONDS request                                 seconds, round trip of pvm_pstat
 *   driver PEER SECONDS mailbox                                 seconds, pvm_putinfo + pvm_recvinfo
 *   driver PEER SECONDS barrier|bcast|reduce MEMBERS            seconds, one collective call
 *   driver PEER SECONDS move|moved BYTES                        seconds until a task of another host
 *                                                               that has so much data is here, or
 *                                                               the bytes of that data a second
 *   driver PEER SECONDS pause|restart TASKS BYTES               seconds without an answer while so many
 *                                                               tasks are written to disk, or until
 *                                                               all answer that are started from it
 *   driver PEER SECONDS increment|stopped BYTES PERMILLE        share of an image that is written after
 *                                                               such a part has changed, or seconds
 *                                                               without an answer meanwhile
 * PEER is the path of the peer program, SECONDS the time to measure for. The
 * figure goes to stdout. What arrives is compared with what was sent; a
 * difference or a failed call ends the program with status 1.  BENCH_HOSTS names the other
 * hosts of a machine of several: what exchanges messages with the driver is on the first.
 */
#include "driver.h"
#include "groups.h"

#include <stdbool.h>

#define MAX_PEERS 4
#define MAX_SPAWN 1000
#define MAX_HOSTS 64

double seconds;
static char *peer_path;
static char *hosts[MAX_HOSTS + 1]; /* the other hosts */
static int nhosts;

static void find_hosts(void)
{
	char *names = getenv("BENCH_HOSTS");

	for (char *name = names ? strtok(names, " ") : NULL; name && nhosts < MAX_HOSTS;
		name = strtok(NULL, " "))
		hosts[nhosts++] = name;
}

/* Take `n` messages that must all be TAG_HELLO: a task that died instead ends this program. */
static void await_hellos(int n)
{
	while (n-- > 0) {
		int bufid = pvm_recv(-1, -1);
		int tag;

		CHECK(bufid > 0 && pvm_bufinfo(bufid, NULL, &tag, NULL) == 0);
		CHECK(tag == TAG_HELLO);
	}
}

void start_peers(char **args, int n, int *tids)
{
	CHECK(pvm_spawn(peer_path, args, nhosts ? PvmTaskHost : PvmTaskDefault,
		      nhosts ? hosts[0] : "", n, tids) == n);
	CHECK(pvm_notify(PvmTaskExit, TAG_GONE, n, tids) == 0);
	await_hellos(n);
}

void stop_peers(int *tids, int n)
{
	for (int i = 0; i < n; i++) {
		pvm_initsend(PvmDataDefault);
		CHECK(pvm_send(tids[i], TAG_STOP) == 0);
	}
	for (int i = 0; i < n; i++)
		CHECK(pvm_recv(-1, TAG_GONE) > 0);
}

/* ---- round trips ---- */

struct echo {
	int tid, n, encoding;
	int *items, *back;
};

static void round_trip(void *context)
{
	struct echo *echo = context;

	echo->items[0]++;
	pvm_initsend(echo->encoding);
	pvm_pkint(echo->items, echo->n, 1);
	CHECK(pvm_send(echo->tid, TAG_PING) == 0);
	CHECK(pvm_recv(echo->tid, TAG_PING) > 0);
	CHECK(pvm_upkint(echo->back, echo->n, 1) == 0);
	CHECK(echo->back[0] == echo->items[0]);
}

/* One round trip with a new pattern, compared on both sides in full. */
static void verify_echo(struct echo *echo)
{
	int sum;

	fill(echo->items, echo->n, (unsigned)echo->tid + (unsigned)echo->items[0]);
	round_trip(echo);
	CHECK(memcmp(echo->items, echo->back, echo->n * sizeof *echo->items) == 0);
	pvm_initsend(PvmDataDefault);
	CHECK(pvm_send(echo->tid, TAG_SUM) == 0);
	CHECK(pvm_recv(echo->tid, TAG_SUM) > 0);
	CHECK(pvm_upkint(&sum, 1, 1) == 0);
	CHECK((unsigned)sum == checksum(echo->items, echo->n));
}

static int encoding_named(const char *name)
{
	if (strcmp(name, "raw") == 0)
		return PvmDataRaw;
	return strcmp(name, "in-place") == 0 ? PvmDataInPlace : PvmDataDefault;
}

/* Does the way leave memory to the library? */
static bool by_default(const char *way)
{
	return strcmp(way, "default") == 0 || strcmp(way, "together") == 0;
}

/* The way is the default, here or with both on one processor; or the daemon's; or a direct route. */
static struct echo open_echo(int bytes, char *encoding, const char *way)
{
	int direct = strcmp(way, "direct") == 0;
	int processor = strcmp(way, "together") == 0 ? sched_getcpu() : -1;
	struct echo echo = { .n = bytes / (int)sizeof(int), .encoding = encoding_named(encoding) };
	char ints[16], coded[16], route[16], place[16];
	char *args[] = { "echo", ints, coded, route, place, NULL };
	int *descriptors;

	pin_to(processor);
	snprintf(ints, sizeof ints, "%d", echo.n);
	snprintf(coded, sizeof coded, "%d", echo.encoding);
	/* The peer only accepts: 3.4.6 waits for ever if one side asks after it has refused. */
	snprintf(route, sizeof route, "%d", direct ? PvmAllowDirect : PvmDontRoute);
	snprintf(place, sizeof place, "%d", processor);
	start_peers(args, 1, &echo.tid);
	if (direct)
		pvm_setopt(PvmRoute, PvmRouteDirect);
	echo.items = calloc(echo.n, sizeof *echo.items);
	echo.back = calloc(echo.n, sizeof *echo.back);
	CHECK(echo.items && echo.back);
	verify_echo(&echo);
	if (!by_default(way))
		CHECK(pvm_getfds(&descriptors) == (direct ? 2 : 1));
	return echo;
}

static void close_echo(struct echo *echo)
{
	verify_echo(echo);
	stop_peers(&echo->tid, 1);
	free(echo->items);
	free(echo->back);
}

static double measure_roundtrip(int bytes, char *encoding, const char *way)
{
	struct echo echo = open_echo(bytes, encoding, way);
	double took = time_operation(round_trip, &echo, seconds) / 2;

	close_echo(&echo);
	return took;
}

static double measure_late(void)
{
	struct echo echo = open_echo(8, "raw", "daemon");
	double end = now() + seconds;
	long late = 0, all = 0;

	for (double start = now(), after; start < end; start = after) {
		round_trip(&echo);
		after = now();
		late += after - start > 0.001;
		all++;
	}
	close_echo(&echo);
	return (double)late / all;
}

/* ---- floods ---- */

/* Let every source send `count` messages; take them all, in order each. */
static void take_flood(int *tids, int count)
{
	int expected[MAX_PEERS] = { 0 };
	int items[SMALL_INTS], pattern[SMALL_INTS];
	int credit = CREDIT_EVERY;

	fill(pattern, SMALL_INTS, 1);
	pvm_initsend(PvmDataRaw);
	pvm_pkint(&count, 1, 1);
	CHECK(pvm_mcast(tids, MAX_PEERS, TAG_FLOOD) == 0);
	for (int left = count * MAX_PEERS; left > 0; left--) {
		int bufid = pvm_recv(-1, TAG_SMALL);
		int src, who = 0;

		CHECK(bufid > 0 && pvm_bufinfo(bufid, NULL, NULL, &src) == 0);
		while (tids[who] != src)
			who++;
		CHECK(pvm_upkint(items, SMALL_INTS, 1) == 0);
		CHECK(items[0] == expected[who]++);
		CHECK(memcmp(items + 1, pattern + 1, sizeof items - sizeof items[0]) == 0);
		if (expected[who] % CREDIT_EVERY == 0) {
			pvm_initsend(PvmDataRaw);
			pvm_pkint(&credit, 1, 1);
			CHECK(pvm_send(src, TAG_CREDIT) == 0);
		}
	}
}

/* Take credit messages until fewer than `limit` messages to sink `who` are on their way. */
static void await_credit(int *tids, int who, int *outstanding, int limit)
{
	while (outstanding[who] >= limit) {
		int bufid = pvm_recv(-1, TAG_CREDIT);
		int src, n, from = 0;

		CHECK(bufid > 0 && pvm_bufinfo(bufid, NULL, NULL, &src) == 0);
		CHECK(pvm_upkint(&n, 1, 1) == 0);
		while (tids[from] != src)
			from++;
		outstanding[from] -= n;
	}
}

/* Send `count` messages to each sink, in turns, and wait until they are taken. */
static void give_flood(int *tids, int count)
{
	static int sequence;
	int outstanding[MAX_PEERS] = { 0 };
	int items[SMALL_INTS];

	fill(items, SMALL_INTS, 1);
	for (int i = 0; i < count; i++) {
		items[0] = sequence++;
		for (int who = 0; who < MAX_PEERS; who++) {
			await_credit(tids, who, outstanding, WINDOW);
			pvm_initsend(PvmDataRaw);
			pvm_pkint(items, SMALL_INTS, 1);
			CHECK(pvm_send(tids[who], TAG_SMALL) == 0);
		}
	}
	for (int who = 0; who < MAX_PEERS; who++)
		await_credit(tids, who, outstanding, 1);
}

static double measure_flood(char *role, void (*flood)(int *, int))
{
	char *args[] = { role, NULL };
	int tids[MAX_PEERS], count = 4 * CREDIT_EVERY;
	double start, took;

	start_peers(args, MAX_PEERS, tids);
	start = now();
	flood(tids, count);
	took = now() - start;
	count = (int)(count * seconds / took) / CREDIT_EVERY * CREDIT_EVERY;
	if (count < CREDIT_EVERY)
		count = CREDIT_EVERY;
	start = now();
	flood(tids, count);
	took = now() - start;
	stop_peers(tids, MAX_PEERS);
	return (double)count * MAX_PEERS / took;
}

/* ---- daemon ---- */

static double measure_spawn(int count)
{
	static int tids[MAX_SPAWN];
	char *args[] = { "hello", NULL };
	double start = now(), took;

	CHECK(count > 0 && count <= MAX_SPAWN);
	CHECK(pvm_spawn(peer_path, args, PvmTaskDefault, "", count, tids) == count);
	await_hellos(count);
	took = now() - start;
	CHECK(pvm_notify(PvmTaskExit, TAG_GONE, count, tids) == 0);
	for (int i = 0; i < count; i++)
		CHECK(pvm_recv(-1, TAG_GONE) > 0);
	return count / took;
}

/* Add all hosts, and delete them again. */
static double measure_addhosts(void)
{
	int tids[MAX_HOSTS], codes[MAX_HOSTS];
	double start = now(), took;

	CHECK(nhosts > 0 && pvm_addhosts(hosts, nhosts, tids) == nhosts);
	took = now() - start;
	CHECK(pvm_notify(PvmHostDelete, TAG_GONE, nhosts, tids) == 0);
	CHECK(pvm_delhosts(hosts, nhosts, codes) == nhosts);
	for (int i = 0; i < nhosts; i++)
		CHECK(pvm_recv(-1, TAG_GONE) > 0);
	return took;
}

static void request_status(void *context)
{
	CHECK(pvm_pstat(*(int *)context) == PvmOk);
}

static double measure_request(void)
{
	int tid = pvm_mytid();

	return time_operation(request_status, &tid, seconds);
}

/* Put an entry into the mailbox, over the one before, and read it. */
static void put_and_get(void *context)
{
	int *count = context;
	int got;

	++*count;
	pvm_initsend(PvmDataDefault);
	pvm_pkint(count, 1, 1);
	CHECK(pvm_putinfo("bench", pvm_getsbuf(), PvmMboxOverWritable) == 0);
	CHECK(pvm_recvinfo("bench", 0, PvmMboxDefault) > 0);
	CHECK(pvm_upkint(&got, 1, 1) == 0 && got == *count);
}

static double measure_mailbox(void)
{
	int count = 0;

	return time_operation(put_and_get, &count, seconds);
}

/* ---- groups ---- */

#define MAX_MEMBERS 64

/* Have all members do an operation `count` times; seconds. */
static double do_together(group_operation *operation, int members, int *tids, int count)
{
	double start = now();

	pvm_initsend(PvmDataDefault);
	pvm_pkint(&count, 1, 1);
	CHECK(pvm_mcast(tids, members - 1, TAG_FLOOD) == 0);
	for (int i = 0; i < count; i++)
		operation(members, 1);
	return now() - start;
}

static double measure_group(char *name, int members)
{
	group_operation *operation = group_operation_named(name);
	int tids[MAX_MEMBERS], count = 8;
	char size[16];
	char *args[] = { "member", name, size, NULL };
	double took;

	CHECK(members > 1 && members <= MAX_MEMBERS);
	snprintf(size, sizeof size, "%d", members);
	CHECK(pvm_joingroup(bench_group) == 0);
	start_peers(args, members - 1, tids);
	do_together(operation, members, tids, count);
	took = do_together(operation, members, tids, count);
	count = (int)(count * seconds / took) + 1;
	took = do_together(operation, members, tids, count) / count;
	CHECK(pvm_lvgroup(bench_group) == 0);
	stop_peers(tids, members - 1);
	return took;
}

/* The figure of measurements of one host's messages; -1: it is another one. */
static double measure_messages(char **words, int n)
{
	if (strcmp(words[0], "roundtrip") == 0 && n == 4)
		return measure_roundtrip(atoi(words[1]), words[2], words[3]);
	if (strcmp(words[0], "late") == 0)
		return measure_late();
	if (strcmp(words[0], "fanin") == 0)
		return measure_flood("source", take_flood);
	if (strcmp(words[0], "fanout") == 0)
		return measure_flood("sink", give_flood);
	if (strcmp(words[0], "ring") == 0 && n >= 2)
		return measure_ring(atoi(words[1]));
	if (strcmp(words[0], "multicast") == 0 && n == 3)
		return measure_multicast(atoi(words[1]), atoi(words[2]));
	return n == 2 && group_operation_named(words[0]) ? measure_group(words[0], atoi(words[1])) :
							   -1;
}

/* The same of others. */
static double measure_others(char **words, int n)
{
	if (strcmp(words[0], "spawn") == 0 && n == 2)
		return measure_spawn(atoi(words[1]));
	if (strcmp(words[0], "addhosts") == 0)
		return measure_addhosts();
	if (strcmp(words[0], "request") == 0)
		return measure_request();
	if (strcmp(words[0], "mailbox") == 0)
		return measure_mailbox();
	if (strcmp(words[0], "waiting") == 0)
		return measure_waiting();
	if (strcmp(words[0], "linked") == 0 && n == 2)
		return measure_linked(atoi(words[1]));
	if (strcmp(words[0], "move") == 0 && n == 2)
		return measure_move(atoi(words[1]), hosts[0]);
	if (strcmp(words[0], "moved") == 0 && n == 2)
		return atoi(words[1]) / measure_move(atoi(words[1]), hosts[0]);
	if (strcmp(words[0], "pause") == 0 && n == 3)
		return measure_pause(atoi(words[1]), atoi(words[2]));
	if (strcmp(words[0], "restart") == 0 && n == 3)
		return measure_restart(atoi(words[1]), atoi(words[2]));
	if (strcmp(words[0], "increment") == 0 && n == 3)
		return measure_increment(atoi(words[1]), atoi(words[2]), 0);
	if (strcmp(words[0], "stopped") == 0 && n == 3)
		return measure_increment(atoi(words[1]), atoi(words[2]), 1);
	return strcmp(words[0], "idle") == 0 && n == 2 ? measure_idle(atoi(words[1])) : -1;
}

int main(int argc, char **argv)
{
	char **words = argv + 3;
	int n = argc - 3, busy;
	pid_t loops[MAX_BUSY];
	double figure;

	if (n < 1)
		return 2;
	peer_path = argv[1];
	seconds = atof(argv[2]);
	if ((n == 4 && !by_default(words[3])) || strcmp(words[0], "late") == 0)
		setenv("PVM_SHM", "off", 1);
	busy = strcmp(words[0], "ring") == 0 && n == 3 ? atoi(words[2]) : 0;
	start_busy(loops, busy);
	find_hosts();
	CHECK(pvm_mytid() > 0);
	pvm_setopt(PvmRoute, PvmDontRoute);
	figure = measure_messages(words, n);
	if (figure < 0)
		figure = measure_others(words, n);
	pvm_exit();
	stop_busy(loops, busy);
	if (figure < 0)
		return 2;
	printf("%.9g\n", figure);
	return 0;
}
