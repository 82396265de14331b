/* SPDX-License-Identifier: MIT */
/*
 * COUNT tasks, each sends a checked message to every other one and gets one from each.
 *
 *   alltoall COUNT      prints the number of messages found right
 *
 * The messages are so short that many tasks need little memory.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "pvm3.h"

enum { TAG_START = 1, TAG_DATA = 2, TAG_DONE = 3 };

/* What `from` tells `to`. */
static int secret(int from, int to)
{
	return (int)((unsigned)from * 2654435761u ^ (unsigned)to * 40503u);
}

static int member(void)
{
	int parent = pvm_parent(), mytid = pvm_mytid(), count, right = 0, *tids, value;

	pvm_recv(parent, TAG_START);
	pvm_upkint(&count, 1, 1);
	tids = malloc(count * sizeof *tids);
	if (!tids)
		return 1;
	pvm_upkint(tids, count, 1);
	for (int i = 0; i < count; i++) {
		if (tids[i] == mytid)
			continue;
		value = secret(mytid, tids[i]);
		pvm_initsend(PvmDataDefault);
		pvm_pkint(&value, 1, 1);
		if (pvm_send(tids[i], TAG_DATA) != 0)
			return 1;
	}
	for (int i = 0; i < count - 1; i++) {
		int id = pvm_recv(-1, TAG_DATA), bytes, tag, tid;

		if (id <= 0 || pvm_bufinfo(id, &bytes, &tag, &tid) < 0)
			return 1;
		pvm_upkint(&value, 1, 1);
		right += value == secret(tid, mytid);
	}
	pvm_initsend(PvmDataDefault);
	pvm_pkint(&right, 1, 1);
	pvm_send(parent, TAG_DONE);
	free(tids);
	pvm_exit();
	return 0;
}

int main(int argc, char **argv)
{
	int count, *tids, right;
	long sum = 0;
	char *arguments[] = { "member", NULL };

	alarm(150);
	if (argc < 2)
		return 2;
	if (argv[1][0] == 'm')
		return member();
	count = atoi(argv[1]);
	tids = calloc(count, sizeof *tids);
	if (!tids)
		return 2;
	if (pvm_spawn(argv[0], arguments, PvmTaskDefault, "", count, tids) != count) {
		printf("spawn failed: %d\n", tids[count - 1]);
		return 1;
	}
	pvm_initsend(PvmDataDefault);
	pvm_pkint(&count, 1, 1);
	pvm_pkint(tids, count, 1);
	pvm_mcast(tids, count, TAG_START);
	for (int i = 0; i < count; i++) {
		pvm_recv(tids[i], TAG_DONE);
		pvm_upkint(&right, 1, 1);
		sum += right;
	}
	printf("%ld\n", sum);
	free(tids);
	pvm_exit();
	return 0;
}
