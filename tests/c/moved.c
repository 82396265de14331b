/* SPDX-License-Identifier: MIT */
/*
 * A task that is moved while it does the same thing over and over, which its argument names. Its
 * peer sends numbered messages (TAG_WORK: number, bytes, their sum); each is answered by TAG_DONE
 * with the number if it was the next one, and its bytes right. TAG_END ends it. With "peer TID"
 * it is that peer.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "pvm3.h"

enum { TAG_WORK = 1, TAG_DONE = 2, TAG_END = 3, TAG_LARGE = 4, TAG_BEGUN = 5 };

static int next = 1, ended;

static void fail(const char *what, int number)
{
	printf("%s %d, expected %d, errno %d\n", what, number, next, errno);
	fflush(stdout);
	exit(3);
}

static volatile int awake;

static void wake(int number)
{
	(void)number;
	awake = 1;
}

/* The message in the receive buffer. */
static void serve(void)
{
	static unsigned char bytes[1 << 20];
	int size, tag, tid, number, length, expected, sum = 0;

	pvm_bufinfo(pvm_getrbuf(), &size, &tag, &tid);
	if (tag == TAG_END) {
		ended = 1;
		return;
	}
	if (pvm_upkint(&number, 1, 1) || pvm_upkint(&length, 1, 1) || pvm_upkint(&expected, 1, 1))
		fail("damaged", -1);
	if (number != next || pvm_upkbyte((char *)bytes, length, 1))
		fail("wrong", number);
	for (int i = 0; i < length; i++)
		sum += bytes[i];
	if (sum != expected)
		fail("sum", number);
	next++;
	pvm_initsend(PvmDataDefault);
	pvm_pkint(&number, 1, 1);
	pvm_send(tid, TAG_DONE);
}

static void receive(void)
{
	if (pvm_recv(-1, -1) < 0)
		fail("recv", 0);
	serve();
}

/* Messages go by direct routes. */
static void receive_direct(void)
{
	pvm_setopt(PvmRoute, PvmRouteDirect);
	receive();
}

static void receive_in_time(void)
{
	struct timeval limit = { 0, 300000 };
	int id = pvm_trecv(-1, -1, &limit);

	if (id < 0)
		fail("trecv", id);
	if (id)
		serve();
}

static void probe(void)
{
	int id = pvm_probe(-1, -1);

	if (id < 0)
		fail("probe", id);
	if (id)
		receive();
}

static void look(void)
{
	int id = pvm_nrecv(-1, -1);

	if (id < 0)
		fail("nrecv", id);
	if (id)
		serve();
}

/* Compute for a while, without a call. */
static void compute(void)
{
	static volatile double x = 1;

	for (int i = 0; i < 2000000; i++)
		x = x * 1.000001 + 1e-9;
	look();
}

/* The C library's locks are held most of the time. */
static void allocate(void)
{
	for (int i = 0; i < 3000; i++) {
		char *p = malloc(1 + i * 7 % 5000);
		FILE *f = i % 100 ? NULL : fopen("/dev/null", "w");

		memset(p, i, 1 + i * 7 % 5000);
		if (f) {
			fprintf(f, "%s %d\n", "text", i);
			fclose(f);
		}
		free(p);
	}
	look();
}

static volatile int ticks;

static void tick(int number)
{
	static volatile double x = 1;

	(void)number;
	ticks++;
	for (int i = 0; i < 300000; i++)
		x = x * 1.000001 + 1e-9;
}

/* Most of the time a signal's handler runs. */
static void in_handler(void)
{
	static int begun;
	struct itimerval often = { { 0, 2000 }, { 0, 2000 } };

	if (!begun)
		signal(SIGALRM, tick), setitimer(ITIMER_REAL, &often, NULL);
	begun = 1;
	look();
}

/* Each message is answered by a large one, besides. */
static void send_large(void)
{
	static char bytes[3 << 20];
	int before = next, length = sizeof bytes;

	receive();
	if (ended || next == before)
		return;
	memset(bytes, next, sizeof bytes);
	pvm_initsend(PvmDataRaw);
	pvm_pkint(&length, 1, 1);
	pvm_pkbyte(bytes, length, 1);
	if (pvm_send(pvm_getsbuf() ? pvm_mytid() + 1 : 0, TAG_LARGE) < 0)
		fail("send", 0);
}

/* A request that is answered late. */
static void ask(void)
{
	int code = pvm_pstat(pvm_mytid() + 1);

	if (code)
		fail("pstat", code);
	look();
}

/* The library's own descriptors are selected on: those that there are when all is taken in. */
static void select_first(void)
{
	int *fds, n;
	fd_set set;

	while (pvm_nrecv(-1, -1) > 0 && !ended)
		serve();
	if (ended)
		return;
	n = pvm_getfds(&fds);
	FD_ZERO(&set);
	for (int i = 0; i < n; i++)
		FD_SET(fds[i], &set);
	if (select(FD_SETSIZE, &set, NULL, NULL, NULL) < 0 && errno != EINTR)
		fail("select", 0);
}

/* No call is made before SIGUSR1 has come. */
static void sleep_first(void)
{
	const struct timespec while_asleep = { 0, 1000000 };

	printf("asleep\n");
	fflush(stdout);
	while (!awake)
		nanosleep(&while_asleep, NULL);
	receive();
}

/* After a first message none is taken before SIGUSR1 has come. */
static void doze(void)
{
	const struct timespec while_dozing = { 0, 1000000 };

	receive();
	printf("dozing\n");
	fflush(stdout);
	while (!awake)
		nanosleep(&while_dozing, NULL);
}

/* ---- the peer -------------------------------------------------------------------------- */

/* Send the next numbered message, the sizes of which come in turn. */
static void send_work(int tid, int number)
{
	static const int sizes[] = { 0, 12, 300, 1800, 2500, 20000, 100000 };
	static unsigned char bytes[100000];
	int length = sizes[number % 7], sum = 0;

	for (int i = 0; i < length; i++)
		sum += bytes[i] = (unsigned char)(number * 7 + i);
	pvm_initsend(PvmDataRaw);
	pvm_pkint(&number, 1, 1);
	pvm_pkint(&length, 1, 1);
	pvm_pkint(&sum, 1, 1);
	pvm_pkbyte((char *)bytes, length, 1);
	if (pvm_send(tid, TAG_WORK) < 0)
		fail("send", number);
}

/* Have numbered messages answered by a task, a few at a time, until SIGUSR1 comes. */
static int be_peer(int tid)
{
	enum { AHEAD = 8 };

	signal(SIGUSR1, wake);
	for (int done = 0, sent = 0, number; !awake || done < sent; done++) {
		while (!awake && sent < done + AHEAD)
			send_work(tid, ++sent);
		if (pvm_recv(tid, TAG_DONE) < 0 || pvm_upkint(&number, 1, 1))
			fail("answer", done + 1);
		if (number != done + 1)
			fail("answer", number);
	}
	pvm_initsend(PvmDataDefault);
	pvm_send(tid, TAG_END);
	return 0;
}

/* ---- asking for moves ------------------------------------------------------------------ */

/* Ask for another task. */
static int ask_for_peer(void)
{
	int peer = pvm_mytid() + 1;
	char why[100];

	pvm_setopt(PvmAutoErr, 0);
	printf("%d\n", pvm_migrate(peer, (char *)"far", 0));
	printf("%d", pvm_canmigrate(peer, NULL, why, sizeof why));
	printf(" %s\n", why);
	return 0;
}

static int go(void)
{
	printf("%d\n", pvm_migrate(pvm_mytid(), NULL, 0));
	return 0;
}

/* ---- what is against a move --------------------------------------------------------- */

static void own_handler(int number)
{
	(void)number;
}

static void *wait_for_ever(void *unused)
{
	for (;;)
		pause();
	return unused;
}

static int say_no(void *unused)
{
	(void)unused;
	return 1;
}

static int say(void *what)
{
	printf("%s\n", (char *)what);
	fflush(stdout);
	return 0;
}

/* Make the task one that cannot be moved, or not by a signal, or looks on, or has direct routes. */
static void hinder(const char *what)
{
	pthread_t thread;

	if (!strcmp(what, "unmovable"))
		pvm_setopt(PvmMovable, 0);
	else if (!strcmp(what, "direct"))
		pvm_setopt(PvmRoute, PvmRouteDirect);
	else if (!strcmp(what, "socket"))
		socket(AF_INET, SOCK_STREAM, 0);
	else if (!strcmp(what, "thread"))
		pthread_create(&thread, NULL, wait_for_ever, NULL);
	else if (!strcmp(what, "child") && fork() == 0)
		_exit(0);
	else if (!strcmp(what, "unwilling"))
		pvm_onmigrate(PvmBeforeImage, say_no, NULL);
	else if (!strcmp(what, "watchful")) {
		pvm_onmigrate(PvmBeforeImage, say, (void *)"before");
		pvm_onmigrate(PvmAfterResume, say, (void *)"after");
	}
}

static const struct {
	const char *name;
	void (*step)(void);
} ways[] = {
	{ "recv", receive },
	{ "trecv", receive_in_time },
	{ "probe", probe },
	{ "nrecv", look },
	{ "compute", compute },
	{ "malloc", allocate },
	{ "handler", in_handler },
	{ "large", send_large },
	{ "pstat", ask },
	{ "select", select_first },
	{ "sleep", sleep_first },
	{ "direct", receive_direct },
	{ "doze", doze },
};

int main(int argc, char **argv)
{
	if (argc > 3 && !strcmp(argv[3], "handled"))
		signal(62, own_handler);
	if (pvm_mytid() < 0)
		return 2;
	if (argc > 2 && !strcmp(argv[1], "peer"))
		return be_peer(atoi(argv[2]));
	if (argc > 1 && !strcmp(argv[1], "asks"))
		return ask_for_peer();
	if (argc > 1 && !strcmp(argv[1], "goes"))
		return go();
	if (argc > 2)
		pvm_setopt(PvmMovable, atoi(argv[2]));
	if (argc > 3)
		hinder(argv[3]);
	signal(SIGUSR1, wake);
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
		if (argc > 1 && !strcmp(argv[1], ways[i].name)) {
			pvm_initsend(PvmDataDefault);
			pvm_send(pvm_mytid() + 1, TAG_BEGUN);
			while (!ended)
				ways[i].step();
			return 0;
		}
	return 4;
}
