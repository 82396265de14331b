/* SPDX-License-Identifier: MIT */
/*
 * Tasks whose use of memory is looked at from outside.
 *
 *     shared_footprint COUNT ROUNDS [all|pairs]
 *
 * Starts COUNT tasks, and exchanges ROUNDS short messages with each; with `all` each of them does so
 * with each other, with `pairs` the first with the second, the third with the fourth and so on. Then
 * prints how many links this task has had, and ends at the end of its input.
 */
#include "check.h"
#include "own_segment.h"

enum { ASK = 1, ANSWER, LIST, READY };

/* Send a number, and receive as many from all. */
static void exchange(const int *tids, int n, int me, int rounds)
{
	for (int i = 0; i < rounds; i++) {
		for (int k = 0; k < n; k++) {
			if (tids[k] == me)
				continue;
			CHECK(pvm_initsend(PvmDataRaw) >= 0);
			CHECK_INT(pvm_pkint(&i, 1, 1), 0);
			CHECK_INT(pvm_send(tids[k], ASK), 0);
		}
		for (int k = 0; k < n; k++) {
			int found = -1;

			if (tids[k] == me)
				continue;
			CHECK(pvm_recv(tids[k], ASK) > 0);
			CHECK_INT(pvm_upkint(&found, 1, 1), 0);
			CHECK_INT(found, i);
		}
	}
}

/* Exchange messages with those that the first task names, then wait to be killed. */
static int be_member(void)
{
	int parent = pvm_parent(), n = 0, rounds = 0, *tids;

	CHECK(pvm_recv(parent, LIST) > 0);
	pvm_upkint(&rounds, 1, 1);
	pvm_upkint(&n, 1, 1);
	tids = calloc((size_t)n + 1, sizeof *tids);
	if (!tids)
		return 1;
	pvm_upkint(tids, n, 1);
	exchange(tids, n, pvm_mytid(), rounds);
	free(tids);
	pvm_initsend(PvmDataRaw);
	pvm_pkint(&check_failed, 1, 1);
	pvm_send(parent, READY);
	pvm_recv(parent, READY);
	pvm_exit();
	return check_done();
}

/* Tell some tasks with whom they exchange messages. */
static void instruct(int *tids, int n, int rounds, int *others, int count)
{
	pvm_initsend(PvmDataDefault);
	pvm_pkint(&rounds, 1, 1);
	pvm_pkint(&count, 1, 1);
	pvm_pkint(others, count, 1);
	CHECK_INT(pvm_mcast(tids, n, LIST), 0);
}

/* Let all exchange messages with those that are meant by `whom`. */
static void begin(int *tids, int n, int rounds, const char *whom)
{
	int me = pvm_mytid();

	if (strcmp(whom, "all") == 0) {
		instruct(tids, n, rounds, tids, n);
	} else if (strcmp(whom, "pairs") == 0) {
		for (int i = 0; i < n; i++)
			instruct(&tids[i], 1, rounds, &tids[i ^ 1], 1);
	} else {
		instruct(tids, n, rounds, &me, 1);
		exchange(tids, n, me, rounds);
	}
}

int main(int argc, char **argv)
{
	char *child[] = { "member", NULL };
	int n, failures, *tids;

	if (argc == 2)
		return be_member();
	if (argc < 3)
		return 2;
	n = atoi(argv[1]);
	tids = calloc((size_t)n, sizeof *tids);
	if (!tids)
		return 1;
	CHECK_INT(pvm_spawn("shared_footprint", child, PvmTaskDefault, "", n, tids), n);
	begin(tids, n, atoi(argv[2]), argc > 3 ? argv[3] : "");
	for (int i = 0; i < n; i++) {
		CHECK(pvm_recv(tids[i], READY) > 0);
		pvm_upkint(&failures, 1, 1);
		CHECK_INT(failures, 0);
	}
	printf("%d links, %d failed\n", own_segment() ? (int)own_segment()->opened : 0,
		check_failed);
	fflush(stdout);
	while (getchar() != EOF)
		;
	pvm_initsend(PvmDataRaw);
	pvm_mcast(tids, n, READY);
	free(tids);
	pvm_exit();
	return check_done();
}
