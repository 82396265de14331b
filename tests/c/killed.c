/* SPDX-License-Identifier: MIT */
/*
 * Tasks are killed while they talk; every death is told exactly once to each watcher.
 *
 *   killed COUNT ROUTE     ROUTE: 1 over the daemon, 3 direct
 *
 * Prints "ok", or what went wrong.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "pvm3.h"

enum { TAG_START = 1, TAG_DATA = 2, TAG_NOTICE = 3, TAG_SECOND = 4 };

/* Sends to its right neighbour and takes from whoever sends, until it is killed. */
static int member(int route)
{
	int parent = pvm_parent(), count, *tids, me = 0;
	static char block[20000];

	pvm_setopt(PvmRoute, route);
	pvm_recv(parent, TAG_START);
	pvm_upkint(&count, 1, 1);
	tids = malloc(count * sizeof *tids);
	if (!tids)
		return 1;
	pvm_upkint(tids, count, 1);
	while (tids[me] != pvm_mytid())
		me++;
	for (long n = 0;; n++) {
		struct timeval wait = { 0, 1000 };

		pvm_initsend(PvmDataRaw);
		pvm_pkbyte(block, sizeof block, 1);
		pvm_send(tids[(me + 1) % count], TAG_DATA);
		if (n == 0) {
			pvm_initsend(PvmDataRaw);
			pvm_send(parent, TAG_DATA);
		}
		while (pvm_trecv(-1, TAG_DATA, &wait) > 0)
			;
	}
}

/* Take one notice with that tag; the index of its tid, or -1. */
static int take_notice(int tag, const int *tids, int count)
{
	int tid = 0;

	pvm_recv(-1, tag);
	pvm_upkint(&tid, 1, 1);
	for (int i = 0; i < count; i++)
		if (tids[i] == tid)
			return i;
	printf("notice for unknown t%x\n", tid);
	return -1;
}

static int count_notices(int tag, const int *tids, int count)
{
	char *seen = calloc(count, 1);
	int bad = 0;

	for (int n = 0; seen && n < count; n++) {
		int i = take_notice(tag, tids, count);

		if (i < 0 || seen[i]++) {
			printf("notice %d twice or wrong\n", i);
			bad++;
		}
	}
	free(seen);
	return bad;
}

static int watch(char *program, int count, char *route)
{
	char *arguments[] = { "member", route, NULL };
	struct timeval moment = { 0, 200000 };
	int *tids = calloc(count, sizeof *tids), bad;

	if (!tids)
		return 2;
	if (pvm_spawn(program, arguments, PvmTaskDefault, "", count, tids) != count) {
		printf("spawn failed: %d\n", tids[count - 1]);
		return 1;
	}
	pvm_notify(PvmTaskExit, TAG_NOTICE, count, tids);
	pvm_notify(PvmTaskExit, TAG_SECOND, count, tids);
	pvm_initsend(PvmDataDefault);
	pvm_pkint(&count, 1, 1);
	pvm_pkint(tids, count, 1);
	pvm_mcast(tids, count, TAG_START);
	for (int i = 0; i < count; i++)
		pvm_recv(tids[i], TAG_DATA);
	for (int i = 0; i < count; i++)
		pvm_sendsig(tids[i], SIGKILL);
	bad = count_notices(TAG_NOTICE, tids, count) + count_notices(TAG_SECOND, tids, count);
	while (pvm_trecv(-1, TAG_NOTICE, &moment) > 0 || pvm_nrecv(-1, TAG_SECOND) > 0) {
		printf("a notice too many\n");
		bad++;
	}
	for (int i = 0; i < count; i++)
		if (pvm_pstat(tids[i]) != PvmNoTask) {
			printf("t%x still there\n", tids[i]);
			bad++;
		}
	free(tids);
	pvm_exit();
	if (!bad)
		printf("ok\n");
	return bad != 0;
}

int main(int argc, char **argv)
{
	alarm(100);
	if (argc != 3)
		return 2;
	if (strcmp(argv[1], "member") == 0)
		return member(atoi(argv[2]));
	return watch(argv[0], atoi(argv[1]), argv[2]);
}
