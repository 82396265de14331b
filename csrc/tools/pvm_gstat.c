/* SPDX-License-Identifier: MIT */
/*
 * pvm_gstat: list all groups with their members and who waits at a barrier.
 * Ends with 255 if there is no group server and none can be started.
 */
#include <stdio.h>
#include <stdlib.h>

#include "groups.h"
#include "options.h"
#include "pvm3.h"
#include "pvmproto.h"

int gs_getgstid(void);
extern struct timeval *pvmgs_tmout;

/* Say what went wrong and leave. */
static void fail(const char *what)
{
	fprintf(stderr, "pvm_gstat: %s\n", what);
	pvm_exit();
	exit(255);
}

/* Next integer of the answer. */
static int next_int(void)
{
	int value;

	if (pvm_upkint(&value, 1, 1) < 0)
		fail("answer of the group server cannot be read");
	return value;
}

/* Skip a group's name length, and return its name, in memory of its own. */
static char *next_name(int bytes)
{
	char *name;
	int length = (next_int(), next_int());

	if (length <= 0 || length > bytes)
		fail("answer of the group server cannot be read");
	name = calloc((size_t)length + 1, 1);
	if (!name || pvm_upkbyte(name, length, 1) < 0)
		fail("answer of the group server cannot be read");
	return name;
}

static void print_group(int bytes)
{
	char *name = next_name(bytes);
	int size = next_int();
	int capacity = next_int();
	int count = next_int();
	int reached = next_int();

	printf("group: %s, size: %d,  barrier_count %d, barrier_reached %d\n", name, size, count,
		reached);
	free(name);
	printf("tids:\n");
	for (int i = 0; i < capacity; i++) {
		int tid = next_int();

		if (tid > 0)
			printf("%d 0x%x\t", i, tid);
	}
	printf("\n");
	if (reached <= 0)
		return;
	printf("tids waiting on barrier:\n");
	for (int i = 0; i < reached; i++)
		printf("0x%x\t", next_int());
	printf("\n");
}

int main(int argc, char **argv)
{
	int server, bytes, groups;

	answer_options(argc, argv, "pvm_gstat",
		"List all groups with their members and who waits at a barrier.");
	server = gs_getgstid();
	if (server <= 0)
		fail("no groups server");
	pvm_setcontext(SYSCTX_DG);
	pvm_initsend(PvmDataDefault);
	if (pvm_send(server, GROUP_LIST) < 0 || pvm_trecv(server, GROUP_LIST, pvmgs_tmout) <= 0)
		fail("no answer from the group server");
	pvm_bufinfo(pvm_getrbuf(), &bytes, NULL, NULL);
	groups = next_int();
	if (groups == 0)
		printf("no groups exist\n");
	for (int i = 0; i < groups; i++)
		print_group(bytes);
	pvm_exit();
	return 0;
}
