/* SPDX-License-Identifier: MIT */
/* Message handlers: registration, overlap, what a handler sees, sends made inside. */
#include "check.h"

enum { TAG_HANDLED = 50, TAG_REPLY = 51, TAG_PLAIN = 52 };

static int called, seen_value, seen_context, seen_sbuf, seen_recv, seen_same;

static int handler(int id)
{
	called++;
	seen_same = pvm_getrbuf() == id;
	seen_sbuf = pvm_getsbuf();
	seen_context = pvm_getcontext();
	pvm_upkint(&seen_value, 1, 1);
	seen_recv = pvm_recv(-1, -1);
	check_send_int(pvm_mytid(), TAG_REPLY, seen_value + 1);
	return 0;
}

static int other_handler(int id)
{
	(void)id;
	called += 100;
	return 0;
}

static void registration(void)
{
	int first = pvm_addmhf(-1, TAG_HANDLED, 0, handler), second;

	CHECK(first >= 0);
	CHECK_INT(pvm_addmhf(-1, TAG_HANDLED, 0, other_handler), PvmExists);
	CHECK_INT(pvm_addmhf(0x40005, TAG_HANDLED, 0, other_handler), PvmExists);
	CHECK_INT(pvm_addmhf(-1, -1, -1, other_handler), PvmExists);
	second = pvm_addmhf(-1, TAG_HANDLED, 12345, other_handler);
	CHECK(second >= 0 && second != first);
	CHECK_INT(pvm_delmhf(second), 0);
	CHECK_INT(pvm_delmhf(second), PvmNotFound);
	CHECK_INT(pvm_delmhf(-1), PvmBadParam);
	CHECK_INT(pvm_delmhf(4711), PvmNotFound);
	CHECK_INT(pvm_addmhf(-1, TAG_HANDLED, 12345, other_handler), second);
	CHECK_INT(pvm_delmhf(second), 0);
	CHECK_INT(pvm_delmhf(first), 0);
}

static void what_a_handler_sees(int mytid)
{
	int context = pvm_newcontext(), id = pvm_addmhf(-1, TAG_HANDLED, context, handler);
	int rbuf, value = 0, sbuf;

	check_send_int(mytid, TAG_PLAIN, 1);
	rbuf = pvm_recv(-1, TAG_PLAIN);
	pvm_setcontext(context);
	check_send_int(mytid, TAG_HANDLED, 7);
	pvm_setcontext(0);
	sbuf = pvm_getsbuf();
	while (!called)
		pvm_probe(-1, TAG_HANDLED);
	CHECK_INT(called, 1);
	CHECK_INT(seen_same, 1);
	CHECK_INT(seen_value, 7);
	CHECK_INT(seen_sbuf, 0);
	CHECK_INT(seen_context, context);
	CHECK_INT(seen_recv, PvmNotImpl);
	CHECK_INT(pvm_getrbuf(), rbuf);
	CHECK_INT(pvm_getsbuf(), sbuf);
	CHECK_INT(pvm_getcontext(), 0);
	CHECK_INT(pvm_upkint(&value, 1, 1), 0);
	CHECK_INT(value, 1);
	pvm_setcontext(context);
	CHECK_INT(check_recv_int(mytid, TAG_REPLY), 8);
	check_send_int(mytid, TAG_PLAIN, 9);
	CHECK_INT(check_recv_int(mytid, TAG_PLAIN), 9);
	CHECK_INT(pvm_delmhf(id), 0);
	check_send_int(mytid, TAG_HANDLED, 3);
	CHECK_INT(check_recv_int(mytid, TAG_HANDLED), 3);
	CHECK_INT(called, 1);
	pvm_setcontext(0);
	pvm_freecontext(context);
}

static void newest_first(int mytid)
{
	int one = pvm_addmhf(mytid, 60, 0, other_handler);
	int two = pvm_addmhf(-1, 61, 0, other_handler);

	called = 0;
	for (int tag = 60; tag <= 62; tag++)
		check_send_int(mytid, tag, tag);
	CHECK_INT(check_recv_int(-1, 62), 62);
	CHECK_INT(called, 200);
	CHECK_INT(pvm_nrecv(-1, 60), 0);
	pvm_delmhf(one);
	pvm_delmhf(two);
}

static int looking_handler(int id)
{
	(void)id;
	called++;
	CHECK_INT(pvm_nrecv(-1, 4711), 0);
	return 0;
}

/* A handler that looks for messages does not hide those that came just before its own. */
static void handler_that_looks(int mytid)
{
	int id = pvm_addmhf(-1, TAG_HANDLED, 0, looking_handler);

	called = 0;
	for (int i = 0; i < 20; i++) {
		check_send_int(mytid, TAG_PLAIN, i);
		check_send_int(mytid, TAG_HANDLED, i);
		check_send_int(mytid, TAG_PLAIN + 1, i);
		CHECK_INT(check_recv_int(mytid, TAG_PLAIN), i);
		CHECK_INT(check_recv_int(mytid, TAG_PLAIN + 1), i);
	}
	CHECK_INT(called, 20);
	pvm_delmhf(id);
}

/* pvm_exit delivers the notice about oneself and removes every handler. */
static void at_exit(int mytid)
{
	called = 0;
	CHECK(pvm_addmhf(-1, 70, 0, other_handler) >= 0);
	CHECK_INT(pvm_notify(PvmTaskExit, 70, 1, &mytid), 0);
	CHECK_INT(pvm_exit(), 0);
	CHECK_INT(called, 100);
	mytid = pvm_mytid();
	check_send_int(mytid, 70, 70);
	CHECK_INT(check_recv_int(-1, 70), 70);
	CHECK_INT(called, 100);
}

int main(void)
{
	int mytid;

	check_start();
	mytid = pvm_mytid();
	CHECK(mytid > 0);
	registration();
	what_a_handler_sees(mytid);
	newest_first(mytid);
	handler_that_looks(mytid);
	at_exit(mytid);
	pvm_exit();
	return check_done();
}
