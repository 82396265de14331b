/* SPDX-License-Identifier: MIT */
/*
 * One measurement, started by hand under a running daemon. Usage:
 *   driver PEER SECONDS roundtrip BYTES raw|xdr default|daemon|direct   seconds, half round trip
 *                                          (daemon, direct: not by memory)
 *   driver PEER SECONDS late                                    share of round trips > 1 ms
 *   driver PEER SECONDS fanin|fanout                            messages a second
 *   driver PEER SECONDS spawn COUNT                             tasks a second
 *   driver PEER SECONDS addhosts                                seconds, adding all of BENCH_HOSTS
 *   driver PEER SECONDS request                                 seconds, round trip of pvm_pstat
 *   driver PEER SECONDS mailbox                                 seconds, pvm_putinfo + pvm_recvinfo
 *   driver PEER SECONDS barrier|bcast|reduce MEMBERS            seconds, one collective call
 * PEER is the path of the peer program, SECONDS the time to measure for. The
 * figure goes to stdout. What arrives is compared with what was sent; a
 * difference or a failed call ends the program with status 1.  BENCH_HOSTS names the other
 * hosts of a machine of several: what exchanges messages with the driver is on the first.
 */
#include "groups.h"

#define MAX_PEERS 4
#define MAX_BATCHES 4096
#define MAX_SPAWN 1000
#define MAX_HOSTS 64

static char *peer_path;
static double seconds;
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

/* Start `n` peers and wait until each has said hello. */
static void start_peers(char **args, int n, int *tids)
{
	CHECK(pvm_spawn(peer_path, args, nhosts ? PvmTaskHost : PvmTaskDefault,
		      nhosts ? hosts[0] : "", n, tids) == n);
	CHECK(pvm_notify(PvmTaskExit, TAG_GONE, n, tids) == 0);
	await_hellos(n);
}

static void stop_peers(int *tids, int n)
{
	for (int i = 0; i < n; i++) {
		pvm_initsend(PvmDataDefault);
		CHECK(pvm_send(tids[i], TAG_STOP) == 0);
	}
	for (int i = 0; i < n; i++)
		CHECK(pvm_recv(-1, TAG_GONE) > 0);
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, int n)
{
	qsort(values, n, sizeof *values, compare_doubles);
	return values[n / 2];
}

/* An operation that is measured; `context` is its own business. */
typedef void operation(void *context);

/* Seconds one operation takes: the median over batches of about 5 ms. */
static double time_operation(operation *op, void *context)
{
	static double batches[MAX_BATCHES];
	int n = 0, size = 1;
	double start, end = 0;

	for (double took = 0; took < 0.005; size *= 2) {
		start = now();
		for (int i = 0; i < size; i++)
			op(context);
		took = now() - start;
	}
	size = (size + 1) / 2;
	start = now();
	while ((n < 5 || end - start < seconds) && n < MAX_BATCHES) {
		double batch = now();

		for (int i = 0; i < size; i++)
			op(context);
		end = now();
		batches[n++] = (end - batch) / size;
	}
	return median(batches, n);
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

/* The way is the default, or surely the daemon's, or a direct route's. */
static struct echo open_echo(int bytes, char *encoding, const char *way)
{
	int direct = strcmp(way, "direct") == 0;
	struct echo echo = { .n = bytes / (int)sizeof(int) };
	char ints[16], route[16];
	char *args[] = { "echo", ints, encoding, route, NULL };
	int *descriptors;

	snprintf(ints, sizeof ints, "%d", echo.n);
	/* The peer only accepts: 3.4.6 waits for ever if one side asks after it has refused. */
	snprintf(route, sizeof route, "%d", direct ? PvmAllowDirect : PvmDontRoute);
	start_peers(args, 1, &echo.tid);
	if (direct)
		pvm_setopt(PvmRoute, PvmRouteDirect);
	echo.encoding = strcmp(encoding, "raw") == 0 ? PvmDataRaw : PvmDataDefault;
	echo.items = calloc(echo.n, sizeof *echo.items);
	echo.back = calloc(echo.n, sizeof *echo.back);
	CHECK(echo.items && echo.back);
	verify_echo(&echo);
	if (strcmp(way, "default") != 0)
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
	double took = time_operation(round_trip, &echo) / 2;

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

	return time_operation(request_status, &tid);
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

	return time_operation(put_and_get, &count);
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

int main(int argc, char **argv)
{
	const char *what = argc > 3 ? argv[3] : "";
	double figure;

	if (argc < 4)
		return 2;
	peer_path = argv[1];
	seconds = atof(argv[2]);
	if ((argc == 7 && strcmp(argv[6], "default") != 0) || strcmp(what, "late") == 0)
		setenv("PVM_SHM", "off", 1);
	find_hosts();
	CHECK(pvm_mytid() > 0);
	pvm_setopt(PvmRoute, PvmDontRoute);
	if (strcmp(what, "roundtrip") == 0 && argc == 7)
		figure = measure_roundtrip(atoi(argv[4]), argv[5], argv[6]);
	else if (strcmp(what, "late") == 0)
		figure = measure_late();
	else if (strcmp(what, "fanin") == 0)
		figure = measure_flood("source", take_flood);
	else if (strcmp(what, "fanout") == 0)
		figure = measure_flood("sink", give_flood);
	else if (strcmp(what, "spawn") == 0 && argc == 5)
		figure = measure_spawn(atoi(argv[4]));
	else if (strcmp(what, "addhosts") == 0)
		figure = measure_addhosts();
	else if (strcmp(what, "request") == 0)
		figure = measure_request();
	else if (strcmp(what, "mailbox") == 0)
		figure = measure_mailbox();
	else if (argc == 5 && group_operation_named(what))
		figure = measure_group(argv[3], atoi(argv[4]));
	else
		return 2;
	pvm_exit();
	printf("%.9g\n", figure);
	return 0;
}
