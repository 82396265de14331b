/* SPDX-License-Identifier: MIT */
/*
 * Tasks that end badly.
 *
 *   careless print BYTES     writes so many bytes of output and kills itself
 *   careless watch COUNT     spawns a task that sends COUNT messages and leaves with _exit
 *                            at once; prints how many of them arrived in order
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pvm3.h"

enum { TAG_EXIT = 1, TAG_DATA = 2 };

/* Lines of 64 bytes that count up, then the end. */
static int print(int bytes)
{
	char line[65];

	pvm_mytid();
	for (int at = 0; at < bytes; at += 64) {
		snprintf(line, sizeof line, "%063d\n", at / 64);
		if (write(1, line, 64) != 64)
			return 1;
	}
	raise(SIGKILL);
	return 1;
}

static int leave(int count)
{
	int parent = pvm_parent();

	for (int i = 0; i < count; i++) {
		pvm_initsend(PvmDataDefault);
		for (int n = 0; n < 500; n++)
			pvm_pkint(&i, 1, 1);
		pvm_send(parent, TAG_DATA);
	}
	_exit(0);
}

static int watch(char **argv)
{
	char *arguments[] = { "leave", argv[2], NULL };
	int tid, count = atoi(argv[2]), value, right = 0;

	if (pvm_spawn(argv[0], arguments, PvmTaskDefault, "", 1, &tid) != 1)
		return 1;
	pvm_notify(PvmTaskExit, TAG_EXIT, 1, &tid);
	pvm_recv(-1, TAG_EXIT);
	/* Whatever it sent stands before the notice. */
	while (right < count && pvm_nrecv(tid, TAG_DATA) > 0) {
		if (pvm_upkint(&value, 1, 1) != 0 || value != right)
			break;
		right++;
	}
	printf("%d\n", right);
	pvm_exit();
	return 0;
}

int main(int argc, char **argv)
{
	alarm(100);
	if (argc != 3)
		return 2;
	if (strcmp(argv[1], "print") == 0)
		return print(atoi(argv[2]));
	if (strcmp(argv[1], "leave") == 0)
		return leave(atoi(argv[2]));
	return watch(argv);
}
