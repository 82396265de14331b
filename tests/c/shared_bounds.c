/* SPDX-License-Identifier: MIT */
/*
 * What a task lends to others by shared memory has bounds, and comes back.
 *
 *     shared_bounds killed    a receiver that has read nothing is killed
 *     shared_bounds held      a receiver takes in, and receives only later
 *     shared_bounds hub N     N times some messages go to one of several tasks and come back, with
 *                             fewer slots than tasks
 *     shared_bounds peers N   N times another of several peers is written to, more than there are
 *                             slots; each idle link is closed for another. PVM_SHM_PEERS is less
 *                             than PEERS. Time runs a lot faster (the linker's --wrap).
 *
 * With SHARED_BOUNDS_FULL in the environment sockets are full now and then.
 */
#include "numbered.h"
#include "own_segment.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum {
	MIB = 1 << 20,
	HELD_MAX = 4 * MIB, /* as docs/memory.md says */
	LENT_MAX = 8 * MIB,
	MANY = 24,
	PEERS = 5,
	FASTER = 20000,
	DATA = 1,
	BACK,
	LAST,
	ENDED,
	REPORT,
};

static bool fast;

int __real_clock_gettime(clockid_t clock, struct timespec *t);
int __wrap_clock_gettime(clockid_t clock, struct timespec *t);
int __wrap_clock_gettime(clockid_t clock, struct timespec *t)
{
	int code = __real_clock_gettime(clock, t);
	static long long start;
	long long ns;

	if (!fast || clock != CLOCK_MONOTONIC)
		return code;
	ns = t->tv_sec * 1000000000LL + t->tv_nsec;
	start = start ? start : ns;
	ns = start + (ns - start) * FASTER;
	t->tv_sec = ns / 1000000000;
	t->tv_nsec = ns % 1000000000;
	return code;
}

ssize_t __real_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);

/* Every third time the socket is full, if the environment says so. */
ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	static unsigned turn;

	if (!getenv("SHARED_BOUNDS_FULL") || ++turn % 3)
		return __real_sendmsg(fd, msg, flags);
	errno = EAGAIN;
	return -1;
}

static int receive_number(int tid, int tag, int n)
{
	CHECK(pvm_recv(tid, tag) > 0);
	return unpack_number(n);
}

static int start(const char *role, int *tid)
{
	char text[16], *child[] = { text, NULL };

	snprintf(text, sizeof text, "%s", role);
	return CHECK_INT(pvm_spawn("shared_bounds", child, PvmTaskDefault, "", 1, tid), 1);
}

/* Bytes of blocks that this task's messages have. */
static uint64_t arena(void)
{
	const struct share_home *home = own_segment();

	return home ? home->arena * SHARE_BLOCK : 0;
}

/* Exchange messages until some have gone by memory. */
static void link_up(int tid)
{
	for (int i = 0; i < 1000 && !(own_segment() && own_segment()->messages); i++) {
		send_number(tid, BACK, i, 8);
		CHECK_INT(receive_number(tid, BACK, 8), i);
	}
	CHECK(own_segment() && own_segment()->messages > 0);
}

/* ---- receivers ------------------------------------------------------------------------ */

/* Answer messages with BACK until another one comes. */
static int answer_all(int parent)
{
	int mid, bytes, tag, tid, number;

	for (;;) {
		mid = pvm_recv(parent, -1);
		if (mid < 0)
			return -1;
		pvm_bufinfo(mid, &bytes, &tag, &tid);
		if (tag != BACK)
			return tag;
		pvm_upkint(&number, 1, 1);
		send_number(parent, BACK, number, 8);
	}
}

/* Link up, then read nothing until the end. */
static _Noreturn void be_deaf(void)
{
	answer_all(pvm_parent());
	for (;;)
		pause();
}

/* Take in without receiving; then receive. */
static int be_slow(void)
{
	int parent = pvm_parent();

	answer_all(parent);
	while (pvm_probe(parent, LAST) <= 0)
		usleep(1000);
	send_number(parent, REPORT, 0, 8);
	for (int i = 0; i < MANY; i++)
		CHECK_INT(receive_number(parent, DATA, MIB), i);
	CHECK(pvm_recv(parent, LAST) > 0);
	send_number(parent, REPORT, check_failed, 8);
	pvm_exit();
	return check_done();
}

/* ---- what is lent ------------------------------------------------------------------------ */

/* The bodies come back from a receiver that is killed, also what is sent meanwhile. */
static int killed(void)
{
	int tid, other, tids[1], fine;

	start("deaf", &tid);
	start("slow", &other);
	CHECK_INT(pvm_notify(PvmTaskExit, ENDED, 1, &tid), 0);
	link_up(tid);
	send_number(tid, LAST, 0, 8);
	for (int i = 0; i < MANY; i++)
		send_number(tid, DATA, i, MIB);
	CHECK(arena() > 2 * MIB);
	CHECK(arena() <= LENT_MAX + 2 * MIB);
	CHECK_INT(pvm_kill(tid), 0);
	CHECK(pvm_recv(-1, ENDED) > 0);
	CHECK_INT(pvm_upkint(tids, 1, 1), 0);
	CHECK_INT(tids[0], tid);
	/* The last message is still in the send buffer. */
	CHECK(arena() <= MIB + 2 * SHARE_BLOCK);
	fine = pvm_initsend(PvmDataRaw);
	CHECK(fine >= 0);
	CHECK(arena() <= SHARE_BLOCK);
	send_number(tid, DATA, 0, MIB);
	send_number(other, BACK, 5, 8);
	CHECK_INT(receive_number(other, BACK, 8), 5);
	pvm_kill(other);
	pvm_exit();
	return check_done();
}

/* A receiver that takes in what it does not receive yet keeps a bounded part of it. */
static int held(void)
{
	int tid;

	start("slow", &tid);
	link_up(tid);
	send_number(tid, LAST + 100, 0, 8);
	for (int i = 0; i < MANY; i++)
		send_number(tid, DATA, i, MIB);
	send_number(tid, LAST, 0, 8);
	receive_number(tid, REPORT, 8);
	/* The next send sees what has come back. */
	send_number(tid, LAST + 100, 0, 3000);
	printf("%d bytes are held\n", (int)arena());
	/* Two more may be on their way back. All that may be lent is more. */
	CHECK(arena() <= HELD_MAX + 4 * MIB);
	CHECK_INT(receive_number(tid, REPORT, 8), 0);
	pvm_exit();
	return check_done();
}

/* ---- slots ------------------------------------------------------------------------------ */

/* Receive from each partner what it sends, in order; send to one after another. */
static int be_peer(int times)
{
	int tids[PEERS], numbers[PEERS] = { 0 }, mine[PEERS] = { 0 }, me = pvm_mytid(),
			 parent = pvm_parent();

	CHECK(pvm_recv(parent, LAST) > 0);
	CHECK_INT(pvm_upkint(tids, PEERS, 1), 0);
	/* Who wants direct routes asks for a link with each message. */
	if (me != tids[0])
		pvm_setopt(PvmRoute, PvmRouteDirect);
	/* Routes are opened while time runs as ever: a request for one is not given up. */
	for (int p = 0; p < PEERS; p++)
		if (tids[p] != me)
			send_number(tids[p], BACK, 0, 8);
	for (int p = 0; p < PEERS; p++)
		if (tids[p] != me)
			receive_number(tids[p], BACK, 8);
	fast = true;
	for (int i = 0; i < times && !check_failed; i++) {
		int burst = 1 + i % 7;

		for (int k = 0; k < burst; k++)
			for (int p = 0; p < PEERS; p++)
				if (tids[p] != me && (i / 20 + p) % PEERS < 2)
					send_number(tids[p], DATA, mine[p]++, k % 3 ? 8 : 5000);
		for (int p = 0; p < PEERS; p++)
			while (pvm_probe(tids[p], DATA) > 0)
				CHECK_INT(receive_number(tids[p], DATA, 8), numbers[p]++);
	}
	for (int p = 0; p < PEERS; p++)
		if (tids[p] != me)
			send_number(tids[p], LAST, mine[p], 8);
	for (int p = 0; p < PEERS && !check_failed; p++) {
		int all = tids[p] == me ? 0 : receive_number(tids[p], LAST, 8);

		while (numbers[p] < all && !check_failed)
			CHECK_INT(receive_number(tids[p], DATA, 8), numbers[p]++);
		CHECK_INT(pvm_probe(tids[p], DATA), 0);
	}
	pvm_initsend(PvmDataRaw);
	me = own_segment() ? (int)own_segment()->opened : 0;
	pvm_pkint(&check_failed, 1, 1);
	pvm_pkint(&me, 1, 1);
	pvm_send(parent, REPORT);
	pvm_exit();
	return check_done();
}

/* Send back what comes, in bursts. */
static int be_spoke(void)
{
	int parent = pvm_parent(), number = 0;

	while (pvm_recv(parent, -1) > 0) {
		int found = -1;

		pvm_upkint(&found, 1, 1);
		if (found < 0)
			break;
		if (!CHECK_INT(found, number))
			break;
		send_number(parent, BACK, number, number % 5 ? 8 : 5000);
		number++;
		fast = fast || number > 10;
	}
	pvm_exit();
	return check_done();
}

static int hub(int times)
{
	int tids[PEERS], numbers[PEERS] = { 0 };

	for (int p = 0; p < PEERS; p++)
		start("spoke", &tids[p]);
	pvm_setopt(PvmRoute, PvmRouteDirect);
	for (int i = 0; i < times && !check_failed; i++) {
		int p = i * 7 % PEERS, burst = 1 + i % 6;

		for (int k = 0; k < burst; k++)
			send_number(tids[p], DATA, numbers[p] + k, k % 4 == 3 ? 5000 : 8);
		for (int k = 0; k < burst; k++)
			CHECK_INT(receive_number(tids[p], BACK, 8), numbers[p]++);
		/* Routes are opened while time runs as ever. */
		fast = fast || i >= 2 * PEERS;
	}
	for (int p = 0; p < PEERS; p++)
		send_number(tids[p], DATA, -1, 8);
	printf("%d links opened\n", own_segment() ? (int)own_segment()->opened : 0);
	pvm_exit();
	return check_done();
}

static int peers(char *times)
{
	char *child[] = { "peer", times, NULL };
	int tids[PEERS], failures, opened, sum = 0;

	CHECK_INT(pvm_spawn("shared_bounds", child, PvmTaskDefault, "", PEERS, tids), PEERS);
	pvm_initsend(PvmDataDefault);
	pvm_pkint(tids, PEERS, 1);
	CHECK_INT(pvm_mcast(tids, PEERS, LAST), 0);
	for (int p = 0; p < PEERS; p++) {
		CHECK(pvm_recv(tids[p], REPORT) > 0);
		pvm_upkint(&failures, 1, 1);
		pvm_upkint(&opened, 1, 1);
		CHECK_INT(failures, 0);
		sum += opened;
	}
	printf("%d links opened\n", sum);
	pvm_exit();
	return check_done();
}

int main(int argc, char **argv)
{
	const char *role = argc > 1 ? argv[1] : "";

	alarm(CHECK_SECONDS);
	pvm_setopt(PvmAutoErr, 0);
	if (strcmp(role, "deaf") == 0)
		be_deaf();
	if (strcmp(role, "slow") == 0)
		return be_slow();
	if (strcmp(role, "killed") == 0)
		return killed();
	if (strcmp(role, "held") == 0)
		return held();
	if (argc > 2 && strcmp(role, "peer") == 0)
		return be_peer(atoi(argv[2]));
	if (strcmp(role, "spoke") == 0)
		return be_spoke();
	if (argc > 2 && strcmp(role, "hub") == 0)
		return hub(atoi(argv[2]));
	return argc > 2 && strcmp(role, "peers") == 0 ? peers(argv[2]) : 2;
}
