/* SPDX-License-Identifier: MIT */
/* Direct routes: made, crossed, refused, lost; notices; nothing is lost or doubled. */
#include "check.h"

enum { TAG_DATA = 1, TAG_ORDER = 2, TAG_REPORT = 3, TAG_EXIT = 4, TAG_ROUTE = 5 };

/* Orders of the parent: 0 end, 1 die at once, else see below. */
enum { END, DIE, SEND_BACK, CROSS, SOCKETS };

static int sockets(void)
{
	int *fds;

	return pvm_getfds(&fds);
}

/* Child: does what it is told; "deny" never takes part in a direct route. */
static int child(const char *role)
{
	int parent = pvm_parent(), order, value;

	if (strcmp(role, "deny") == 0)
		pvm_setopt(PvmRoute, PvmDontRoute);
	if (strcmp(role, "direct") == 0)
		pvm_setopt(PvmRoute, PvmRouteDirect);
	check_send_int(parent, TAG_REPORT, 0);
	while ((order = check_recv_int(parent, TAG_ORDER)) != END) {
		if (order == DIE)
			raise(SIGKILL);
		if (order == SEND_BACK) {
			for (int i = 0; i < 100; i++) {
				value = check_recv_int(parent, TAG_DATA);
				check_send_int(parent, TAG_DATA, value + 1000);
			}
		}
		if (order == CROSS) {
			pvm_setopt(PvmRoute, PvmRouteDirect);
			for (int i = 0; i < 50; i++)
				check_send_int(parent, TAG_DATA + 100 + i, i);
			for (int i = 0; i < 50; i++)
				CHECK_INT(check_recv_int(parent, TAG_DATA + 100 + i), i);
		}
		check_send_int(parent, TAG_REPORT, order == SOCKETS ? sockets() : check_failed);
	}
	pvm_exit();
	return 0;
}

static int start(char **argv, char *role)
{
	int tid = -1;

	pvm_setopt(PvmRoute, PvmAllowDirect);
	CHECK_INT(check_spawn(argv, role, 1, &tid), 1);
	CHECK_INT(check_recv_int(tid, TAG_REPORT), 0);
	return tid;
}

static int order(int tid, int what)
{
	check_send_int(tid, TAG_ORDER, what);
	return check_recv_int(tid, TAG_REPORT);
}

static void finish(int tid)
{
	pvm_notify(PvmTaskExit, TAG_EXIT, 1, &tid);
	check_send_int(tid, TAG_ORDER, END);
	CHECK_INT(check_recv_int(-1, TAG_EXIT), tid);
	/* The end of the route shows when the next message is looked for. */
	for (int i = 0; i < 1000 && sockets() > 1; i++) {
		pvm_probe(-1, 4711);
		usleep(1000);
	}
	CHECK_INT(sockets(), 1);
	CHECK_INT(pvm_nrecv(tid, TAG_DATA), 0);
}

static void exchange(int tid)
{
	check_send_int(tid, TAG_ORDER, SEND_BACK);
	for (int i = 0; i < 100; i++)
		check_send_int(tid, TAG_DATA, i);
	for (int i = 0; i < 100; i++)
		CHECK_INT(check_recv_int(tid, TAG_DATA), i + 1000);
	CHECK_INT(check_recv_int(tid, TAG_REPORT), 0);
}

/* Messages may go by another way by then. */
static void wanted_late(char **argv)
{
	int tid = start(argv, "allow");

	exchange(tid);
	pvm_setopt(PvmRoute, PvmRouteDirect);
	exchange(tid);
	CHECK_INT(sockets(), 2);
	CHECK_INT(order(tid, SOCKETS), 2);
	finish(tid);
}

static void made(char **argv)
{
	int tid = start(argv, "allow");

	CHECK_INT(sockets(), 1);
	pvm_setopt(PvmRoute, PvmRouteDirect);
	exchange(tid);
	CHECK_INT(sockets(), 2);
	CHECK_INT(order(tid, SOCKETS), 2);
	pvm_setopt(PvmRoute, PvmDontRoute);
	exchange(tid);
	finish(tid);
}

static void asked_by_the_child(char **argv)
{
	int tid = start(argv, "direct");

	exchange(tid);
	CHECK_INT(sockets(), 2);
	finish(tid);
}

static void crossed(char **argv)
{
	for (int repeat = 0; repeat < 5; repeat++) {
		int tid = start(argv, "allow");

		check_send_int(tid, TAG_ORDER, CROSS);
		pvm_setopt(PvmRoute, PvmRouteDirect);
		for (int i = 0; i < 50; i++)
			check_send_int(tid, TAG_DATA + 100 + i, i);
		for (int i = 0; i < 50; i++)
			CHECK_INT(check_recv_int(tid, TAG_DATA + 100 + i), i);
		CHECK_INT(check_recv_int(tid, TAG_REPORT), 0);
		CHECK_INT(sockets(), 2);
		CHECK_INT(order(tid, SOCKETS), 2);
		finish(tid);
	}
}

static void refused(char **argv)
{
	int tid = start(argv, "deny");

	pvm_setopt(PvmRoute, PvmRouteDirect);
	exchange(tid);
	CHECK_INT(sockets(), 1);
	finish(tid);
}

static void several(char **argv)
{
	enum { COUNT = 5 };
	int tids[COUNT];

	for (int i = 0; i < COUNT; i++)
		tids[i] = start(argv, i % 2 ? "allow" : "direct");
	pvm_setopt(PvmRoute, PvmRouteDirect);
	for (int i = 0; i < COUNT; i++)
		exchange(tids[i]);
	CHECK_INT(sockets(), 1 + COUNT);
	pvm_initsend(PvmDataDefault);
	pvm_pkint(&(int){ SOCKETS }, 1, 1);
	CHECK_INT(pvm_mcast(tids, COUNT, TAG_ORDER), 0);
	for (int i = 0; i < COUNT; i++)
		CHECK_INT(check_recv_int(tids[i], TAG_REPORT), 2);
	for (int i = 0; i < COUNT; i++)
		check_send_int(tids[i], TAG_ORDER, END);
	for (int i = 0; i < COUNT; i++) {
		pvm_notify(PvmTaskExit, TAG_EXIT, 1, tids + i);
		CHECK_INT(check_recv_int(-1, TAG_EXIT), tids[i]);
	}
}

static void peer_dies(char **argv)
{
	int tid = start(argv, "allow");

	pvm_setopt(PvmRoute, PvmRouteDirect);
	exchange(tid);
	pvm_notify(PvmTaskExit, TAG_EXIT, 1, &tid);
	check_send_int(tid, TAG_ORDER, DIE);
	CHECK_INT(check_recv_int(-1, TAG_EXIT), tid);
	for (int i = 0; i < 10; i++)
		CHECK_INT(check_send_int(tid, TAG_DATA, i), 0);
	CHECK_INT(sockets(), 1);
	CHECK_INT(pvm_pstat(tid), PvmNoTask);
}

static void unknown_peer(void)
{
	int tid = pvm_mytid() + 5000;

	pvm_setopt(PvmRoute, PvmRouteDirect);
	CHECK_INT(check_send_int(tid, TAG_DATA, 1), 0);
	CHECK_INT(check_send_int(tid, TAG_DATA, 1), 0);
	CHECK_INT(sockets(), 1);
}

static void notices(char **argv)
{
	int tid = start(argv, "allow"), peer = 0, socket = 0;

	CHECK_INT(pvm_notify(PvmRouteAdd, TAG_ROUTE, -1, NULL), 0);
	CHECK_INT(pvm_notify(PvmRouteDelete, TAG_ROUTE + 1, 1, &tid), 0);
	CHECK_INT(check_recv_int(-1, TAG_ROUTE + 1), tid);
	pvm_setopt(PvmRoute, PvmRouteDirect);
	exchange(tid);
	CHECK(pvm_recv(-1, TAG_ROUTE) > 0);
	CHECK_INT(pvm_unpackf("%d %d", &peer, &socket), 0);
	CHECK_INT(peer, tid);
	CHECK(socket > 0);
	CHECK_INT(pvm_notify(PvmRouteDelete, TAG_ROUTE + 1, 1, &tid), 0);
	CHECK_INT(pvm_nrecv(-1, TAG_ROUTE + 1), 0);
	finish(tid);
	CHECK(pvm_recv(-1, TAG_ROUTE + 1) > 0);
	CHECK_INT(pvm_unpackf("%d %d", &peer, &socket), 0);
	CHECK_INT(peer, tid);
	CHECK_INT(socket, -1);
	CHECK_INT(pvm_notify(PvmRouteAdd | PvmNotifyCancel, TAG_ROUTE, 0, NULL), 0);
}

int main(int argc, char **argv)
{
	check_start();
	if (argc > 1)
		return child(argv[1]);
	CHECK(pvm_mytid() > 0);
	wanted_late(argv);
	made(argv);
	asked_by_the_child(argv);
	crossed(argv);
	refused(argv);
	several(argv);
	pvm_exit();
	CHECK(pvm_mytid() > 0);
	peer_dies(argv);
	unknown_peer();
	notices(argv);
	pvm_exit();
	return check_done();
}
