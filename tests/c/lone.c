/* SPDX-License-Identifier: MIT */
/*
 * A task of which there is to be one. It counts: each number makes a file of that name in the
 * directory that its argument names, and if there is one it makes the file "twice". It answers each
 * message with its number, and ends with its daemon.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "pvm3.h"

enum { TAG_ASK = 80, TAG_NUMBER = 81, PAUSE_US = 3000 };

/* Make a file that must not be there. 0 or -1. */
static int make(const char *directory, const char *name)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof path, "%s/%s", directory, name);
	fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);
	return fd < 0 ? -1 : close(fd);
}

static void answer(int number)
{
	int tid;

	pvm_bufinfo(pvm_getrbuf(), NULL, NULL, &tid);
	pvm_initsend(PvmDataDefault);
	pvm_pkint(&number, 1, 1);
	pvm_send(tid, TAG_NUMBER);
}

int main(int argc, char **argv)
{
	char name[12];
	int got;

	if (argc < 2 || pvm_mytid() < 0)
		return 2;
	for (int number = 0;; number++) {
		snprintf(name, sizeof name, "%d", number);
		if (make(argv[1], name) < 0) {
			make(argv[1], "twice");
			return 3;
		}
		while ((got = pvm_nrecv(-1, TAG_ASK)) > 0)
			answer(number);
		if (got < 0)
			return 1;
		usleep(PAUSE_US);
	}
}
