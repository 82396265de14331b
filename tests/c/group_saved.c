/* SPDX-License-Identifier: MIT */
/*
 * A job whose checkpoints are taken, and that has more than its tasks: a group, mailbox entries,
 * contexts, notices, and files to which it appends.
 *
 * group_saved DIR WORKERS BYTES [HOST...]   the root, which spawns the workers; BYTES are not used
 *
 * All go round after round: each appends a line to DIR/log, then all meet in a barrier, and the root
 * says whether that was the last one. As long as DIR/hold is there, the root does not come to the
 * barrier. It writes DIR/begun after three rounds, and with DIR/finish the number of rounds to DIR/result
 * when all has been found as it was. With DIR/elsewhere contexts may be unknown, for their hosts are. Who finds something wrong writes a file "wrong" and ends.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pvm3.h"

enum { TAG_PLACE = 1, TAG_NEXT = 2, TAG_ENDED = 3, WORKERS_MAX = 16 };

static char group[] = "crew", box[] = "crew's box";
static const char *directory;
static int context, round_number;

static void note(const char *name, long number)
{
	char path[512], part[540];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", directory, name);
	snprintf(part, sizeof part, "%s.%d", path, (int)getpid());
	f = fopen(part, "w");
	fprintf(f, "%ld\n", number);
	fclose(f);
	rename(part, path);
}

static void fail(const char *what, int number)
{
	char name[64];

	if (number == PvmSysErr)
		exit(4);
	snprintf(name, sizeof name, "wrong-%s-%d-%d", what, round_number, number);
	note(name, pvm_mytid());
	exit(3);
}

static int is_there(const char *name)
{
	char path[512];

	snprintf(path, sizeof path, "%s/%s", directory, name);
	return access(path, F_OK) == 0;
}

/* What every task owns. */
static void own(int instance)
{
	int tid = pvm_mytid();

	context = pvm_newcontext();
	if (context < 0)
		fail("context", context);
	pvm_initsend(PvmDataDefault);
	pvm_pkint(&tid, 1, 1);
	if (pvm_putinfo(box, pvm_getsbuf(),
		    PvmMboxMultiInstance | PvmMboxDirectIndex((unsigned)instance)) != instance)
		fail("putinfo", instance);
}

/* Still? */
static void check_owned(int members)
{
	int code = pvm_freecontext(context), other = pvm_newcontext();

	/* The host that has given it may not be there any more. */
	if (code < 0 && !is_there("elsewhere"))
		fail("freecontext", code);
	if (other == context)
		fail("context", other);
	for (int i = 0; i < members; i++) {
		int tid;

		code = pvm_recvinfo(box, i, PvmMboxDefault);
		if (code < 0 || pvm_upkint(&tid, 1, 1) < 0)
			fail("recvinfo", code);
		if (pvm_gettid(group, i) != tid)
			fail("gettid", i);
	}
	if (pvm_gsize(group) != members)
		fail("gsize", members);
}

/* A round: a line, and the barrier. */
static void meet(int log, int members)
{
	char line[64];
	int n = snprintf(line, sizeof line, "%x %d\n", pvm_mytid(), round_number++);
	int code;

	if (write(log, line, (size_t)n) != n)
		fail("write", n);
	code = pvm_barrier(group, members);
	if (code < 0)
		fail("barrier", code);
}

static int open_log(void)
{
	char path[512];
	int fd;

	snprintf(path, sizeof path, "%s/log", directory);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (fd < 0)
		fail("open", fd);
	return fd;
}

static int work(void)
{
	static char place[400];
	int length, members, log, more, instance;

	pvm_recv(pvm_parent(), TAG_PLACE);
	pvm_upkint(&members, 1, 1);
	pvm_upkint(&length, 1, 1);
	pvm_upkbyte(place, length, 1);
	directory = place;
	log = open_log();
	instance = pvm_joingroup(group);
	if (instance < 0)
		fail("join", instance);
	own(instance);
	do {
		meet(log, members);
		if (pvm_recv(pvm_parent(), TAG_NEXT) < 0)
			exit(4);
		pvm_upkint(&more, 1, 1);
	} while (more);
	check_owned(members);
	pvm_barrier(group, members);
	return 0;
}

/* The first worker has ended: the root is told of that, once. */
static void await_notice(int worker)
{
	int tid;

	if (pvm_recv(-1, TAG_ENDED) < 0 || pvm_upkint(&tid, 1, 1) < 0 || tid != worker)
		fail("notice", tid);
	if (pvm_nrecv(-1, TAG_ENDED) != 0)
		fail("second-notice", tid);
}

static int lead(int argc, char **argv)
{
	int tids[WORKERS_MAX], n = atoi(argv[2]), hosts = argc - 4, more, log, instance;
	int length = (int)strlen(argv[1]) + 1, members = n + 1;

	directory = argv[1];
	log = open_log();
	instance = pvm_joingroup(group);
	own(instance);
	for (int i = 0; i < n; i++)
		if (pvm_spawn(argv[0], NULL, hosts ? PvmTaskHost : 0,
			    hosts ? argv[4 + i % hosts] : NULL, 1, &tids[i]) != 1)
			fail("spawn", i);
	pvm_notify(PvmTaskExit, TAG_ENDED, 1, tids);
	pvm_initsend(PvmDataDefault);
	pvm_pkint(&members, 1, 1);
	pvm_pkint(&length, 1, 1);
	pvm_pkbyte(argv[1], length, 1);
	pvm_mcast(tids, n, TAG_PLACE);
	do {
		while (is_there("hold"))
			usleep(1000);
		more = !is_there("finish");
		meet(log, members);
		pvm_initsend(PvmDataDefault);
		pvm_pkint(&more, 1, 1);
		pvm_mcast(tids, n, TAG_NEXT);
		if (round_number == 3)
			note("begun", pvm_mytid());
		usleep(2000);
	} while (more);
	check_owned(members);
	pvm_barrier(group, members);
	await_notice(tids[0]);
	note("result", round_number);
	return 0;
}

int main(int argc, char **argv)
{
	if (pvm_mytid() < 0)
		return 2;
	return argc > 3 ? lead(argc, argv) : work();
}
