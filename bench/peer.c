/* SPDX-License-Identifier: MIT */
/*
 * The far side of a benchmark, spawned by the driver. Usage: peer ROLE [args]
 *   echo INTS ENCODING ROUTE PROCESSOR  sends every TAG_PING back
 *   ring - - ROUTE            hands every TAG_PING on
 *   taker - - ROUTE           answers every TAG_SMALL with its first and last int
 *   reporter - - ROUTE        answers every TAG_PING with its processor time and process id
 *   source                    sends TAG_SMALL when asked by TAG_FLOOD
 *   mover BYTES               has so much data, and answers TAG_SUM with its checksum, TAG_PING,
 *                             and writes to parts of it for TAG_WRITE
 *   saver                     has the tasks that TAG_NEXT lists written to disk, and says so
 *   sink                      takes TAG_SMALL and gives credit
 *   hello                     says TAG_HELLO and exits
 *   member OPERATION MEMBERS  does a group operation as often as the driver tells
 * ROUTE is a number for pvm_setopt(PvmRoute), ENCODING one for pvm_initsend. PROCESSOR is where it
 * runs, -1: anywhere.
 */
#include "groups.h"

static int parent;

/* 3.4.6 has no such function. */
extern int pvm_checkpoint(char *dir, int *tids, int n, int flags) __attribute__((weak));

/* Echo of `n` ints: unpack all, pack all, as a program would. */
static void serve_echo(int n, int encoding)
{
	int *items = malloc(n * sizeof *items);

	CHECK(items);
	for (;;) {
		int bufid = pvm_recv(-1, -1);
		int tag;

		CHECK(bufid > 0 && pvm_bufinfo(bufid, NULL, &tag, NULL) == 0);
		if (tag == TAG_PING) {
			CHECK(pvm_upkint(items, n, 1) == 0);
			pvm_initsend(encoding);
			pvm_pkint(items, n, 1);
			CHECK(pvm_send(parent, TAG_PING) == 0);
		} else if (tag == TAG_SUM) {
			int sum = (int)checksum(items, n);

			pvm_initsend(PvmDataDefault);
			pvm_pkint(&sum, 1, 1);
			pvm_send(parent, TAG_SUM);
		} else {
			break;
		}
	}
	free(items);
}

/* Send `count` small messages, never more than WINDOW ahead of the credit. */
static void flood(int count)
{
	int items[SMALL_INTS];
	int sent = 0, taken = 0;

	fill(items, SMALL_INTS, 1);
	while (taken < count) {
		while (sent < count && sent - taken < WINDOW) {
			items[0] = sent++;
			pvm_initsend(PvmDataRaw);
			pvm_pkint(items, SMALL_INTS, 1);
			CHECK(pvm_send(parent, TAG_SMALL) == 0);
		}
		int n;

		CHECK(pvm_recv(parent, TAG_CREDIT) > 0 && pvm_upkint(&n, 1, 1) == 0);
		taken += n;
	}
}

static void serve_source(void)
{
	for (;;) {
		int bufid = pvm_recv(-1, -1);
		int tag, count;

		CHECK(bufid > 0 && pvm_bufinfo(bufid, NULL, &tag, NULL) == 0);
		if (tag != TAG_FLOOD)
			break;
		CHECK(pvm_upkint(&count, 1, 1) == 0);
		flood(count);
	}
}

static void serve_sink(void)
{
	int expected = 0;

	for (;;) {
		int bufid = pvm_recv(-1, -1);
		int tag, items[SMALL_INTS];
		int credit = CREDIT_EVERY;

		CHECK(bufid > 0 && pvm_bufinfo(bufid, NULL, &tag, NULL) == 0);
		if (tag != TAG_SMALL)
			break;
		CHECK(pvm_upkint(items, SMALL_INTS, 1) == 0);
		CHECK(items[0] == expected);
		if (++expected % CREDIT_EVERY == 0) {
			pvm_initsend(PvmDataRaw);
			pvm_pkint(&credit, 1, 1);
			CHECK(pvm_send(parent, TAG_CREDIT) == 0);
		}
	}
}

/* Hand the token on to whom TAG_NEXT names. */
static void serve_ring(void)
{
	int next = 0, token;

	for (;;) {
		int bufid = pvm_recv(-1, -1);
		int tag;

		CHECK(bufid > 0 && pvm_bufinfo(bufid, NULL, &tag, NULL) == 0);
		if (tag == TAG_NEXT) {
			CHECK(pvm_upkint(&next, 1, 1) == 0);
		} else if (tag == TAG_PING) {
			CHECK(pvm_upkint(&token, 1, 1) == 0);
			pvm_initsend(PvmDataRaw);
			pvm_pkint(&token, 1, 1);
			CHECK(pvm_send(next, TAG_PING) == 0);
		} else {
			break;
		}
	}
}

static void serve_taker(void)
{
	int *items = NULL;

	for (;;) {
		int bufid = pvm_recv(-1, -1);
		int tag, bytes, n;

		CHECK(bufid > 0 && pvm_bufinfo(bufid, &bytes, &tag, NULL) == 0);
		if (tag != TAG_SMALL)
			break;
		n = bytes / (int)sizeof *items;
		items = items ? items : malloc((size_t)bytes);
		CHECK(items && pvm_upkint(items, n, 1) == 0);
		pvm_initsend(PvmDataRaw);
		pvm_pkint(items, 1, 1);
		pvm_pkint(items + n - 1, 1, 1);
		CHECK(pvm_send(parent, TAG_SMALL) == 0);
	}
	free(items);
}

static void serve_reporter(void)
{
	for (;;) {
		int bufid = pvm_recv(-1, -1);
		int tag, pid = getpid();
		struct timespec t;
		double used;

		CHECK(bufid > 0 && pvm_bufinfo(bufid, NULL, &tag, NULL) == 0);
		if (tag != TAG_PING)
			break;
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
		used = (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
		pvm_initsend(PvmDataRaw);
		pvm_pkdouble(&used, 1, 1);
		pvm_pkint(&pid, 1, 1);
		CHECK(pvm_send(parent, TAG_PING) == 0);
	}
}

/* Have tasks written to disk. */
static void serve_saver(void)
{
	char directory[256];
	int n, code, flags, tids[64];

	CHECK(pvm_recv(-1, TAG_NEXT) > 0);
	CHECK(pvm_upkstr(directory) == 0 && pvm_upkint(&flags, 1, 1) == 0);
	CHECK(pvm_upkint(&n, 1, 1) == 0 && n <= 64 && pvm_upkint(tids, n, 1) == 0);
	code = pvm_checkpoint ? pvm_checkpoint(directory, tids, n, flags) : -1;
	pvm_initsend(PvmDataDefault);
	pvm_pkint(&code, 1, 1);
	CHECK(pvm_send(parent, TAG_NEXT) == 0);
	CHECK(pvm_recv(-1, TAG_STOP) > 0);
}

/* Write to pages all over the data. */
static void write_pages(int *items, int n)
{
	enum { PAGE_ITEMS = 1024, STRIDE = 7919 };
	int count, pages = n / PAGE_ITEMS;

	CHECK(pvm_upkint(&count, 1, 1) == 0 && pages);
	for (int i = 0; i < count; i++)
		items[(long)i * STRIDE % pages * PAGE_ITEMS]++;
}

static void serve_mover(int bytes)
{
	int n = bytes / (int)sizeof(int);
	int *items = malloc(((size_t)n + 1) * sizeof *items);

	CHECK(items);
	fill(items, n, 1);
	for (;;) {
		int bufid = pvm_recv(-1, -1);
		int tag, sum;

		CHECK(bufid > 0 && pvm_bufinfo(bufid, NULL, &tag, NULL) == 0);
		if (tag == TAG_WRITE)
			write_pages(items, n);
		if (tag == TAG_PING || tag == TAG_WRITE) {
			pvm_initsend(PvmDataRaw);
			CHECK(pvm_send(parent, TAG_PING) == 0);
			continue;
		}
		if (tag != TAG_SUM)
			break;
		sum = (int)checksum(items, n);
		pvm_initsend(PvmDataDefault);
		pvm_pkint(&sum, 1, 1);
		CHECK(pvm_send(parent, TAG_SUM) == 0);
	}
	free(items);
}

/* Member of the group: TAG_FLOOD says how often to do the operation. */
static void serve_member(const char *name, int members)
{
	group_operation *operation = group_operation_named(name);

	CHECK(operation);
	for (;;) {
		int bufid = pvm_recv(parent, -1);
		int tag, count;

		CHECK(bufid > 0 && pvm_bufinfo(bufid, NULL, &tag, NULL) == 0);
		if (tag != TAG_FLOOD)
			break;
		CHECK(pvm_upkint(&count, 1, 1) == 0);
		while (count-- > 0)
			operation(members, 0);
	}
}

int main(int argc, char **argv)
{
	const char *role = argc > 1 ? argv[1] : "";

	CHECK(pvm_mytid() > 0);
	parent = pvm_parent();
	CHECK(parent > 0);
	pvm_setopt(PvmRoute, argc > 4 ? atoi(argv[4]) : PvmDontRoute);
	pin_to(argc > 5 ? atoi(argv[5]) : -1);
	if (strcmp(role, "member") == 0)
		CHECK(pvm_joingroup(bench_group) > 0);
	if (strcmp(role, "hello") != 0)
		CHECK(pvm_notify(PvmTaskExit, TAG_GONE, 1, &parent) == 0);
	pvm_initsend(PvmDataDefault);
	CHECK(pvm_send(parent, TAG_HELLO) == 0);
	if (strcmp(role, "echo") == 0)
		serve_echo(atoi(argv[2]), atoi(argv[3]));
	else if (strcmp(role, "ring") == 0)
		serve_ring();
	else if (strcmp(role, "taker") == 0)
		serve_taker();
	else if (strcmp(role, "reporter") == 0)
		serve_reporter();
	else if (strcmp(role, "mover") == 0)
		serve_mover(atoi(argv[2]));
	else if (strcmp(role, "saver") == 0)
		serve_saver();
	else if (strcmp(role, "source") == 0)
		serve_source();
	else if (strcmp(role, "sink") == 0)
		serve_sink();
	else if (strcmp(role, "member") == 0)
		serve_member(argv[2], atoi(argv[3]));
	else
		CHECK(strcmp(role, "hello") == 0);
	pvm_exit();
	return 0;
}
