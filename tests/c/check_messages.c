/* SPDX-License-Identifier: MIT */
/* Sending and receiving: matching, order, contexts, time-outs, multicast, match functions. */
#include <sys/time.h>

#include "check.h"

/* A child sends back every message until it gets tag 99. */
static int child(void)
{
	int parent = pvm_parent();

	for (;;) {
		int id = pvm_recv(parent, -1), bytes, tag, tid;

		pvm_bufinfo(id, &bytes, &tag, &tid);
		if (tag == 99)
			break;
		pvm_setrbuf(0);
		pvm_freebuf(pvm_setsbuf(id));
		pvm_send(tid, tag + 1000);
	}
	pvm_exit();
	return 0;
}

static void parameters(int mytid)
{
	int value = 1, tids[2] = { mytid, 0 };

	CHECK_INT(pvm_send(mytid, 1), PvmNoBuf);
	pvm_initsend(PvmDataDefault);
	CHECK_INT(pvm_send(0, 1), PvmBadParam);
	CHECK_INT(pvm_send(-5, 1), PvmBadParam);
	CHECK_INT(pvm_send((int)0x80040000, 1), PvmBadParam);
	CHECK_INT(pvm_send(mytid, -1), PvmBadParam);
	CHECK_INT(pvm_send(0x7fffe, 1), 0);
	CHECK_INT(pvm_mcast(tids, 2, 1), PvmBadParam);
	CHECK_INT(pvm_mcast(tids, 1, -1), PvmBadParam);
	CHECK_INT(pvm_mcast(tids, -1, 1), PvmBadParam);
	CHECK_INT(pvm_mcast(tids, 0, 1), 0);
	CHECK_INT(pvm_psend(mytid, 1, &value, 1, 99), PvmBadParam);
	CHECK_INT(pvm_psend(mytid, 1, &value, 1, PVM_STR), PvmNotImpl);
	CHECK_INT(pvm_precv(mytid, 1, &value, 1, 99, NULL, NULL, NULL), PvmBadParam);
}

static void to_myself(int mytid)
{
	int id, bytes, tag, tid;

	CHECK_INT(check_send_int(mytid, 5, 55), 0);
	id = pvm_recv(mytid, 5);
	CHECK(id > 0);
	CHECK_INT(pvm_getrbuf(), id);
	CHECK_INT(pvm_bufinfo(id, &bytes, &tag, &tid), 0);
	CHECK_INT(bytes, 4);
	CHECK_INT(tag, 5);
	CHECK_INT(tid, mytid);
	CHECK_INT(pvm_nrecv(-1, -1), 0);
	CHECK_INT(pvm_getrbuf(), 0);
}

/* Wait for one more message without taking it: all sent to myself before have come too. */
static void settle(int mytid)
{
	check_send_int(mytid, 4000, 0);
	CHECK_INT(check_recv_int(mytid, 4000), 0);
}

static void matching(int mytid)
{
	int tag, id;

	for (tag = 1; tag <= 4; tag++)
		check_send_int(mytid, tag, tag * 10);
	settle(mytid);
	CHECK_INT(pvm_probe(mytid, 7), 0);
	id = pvm_probe(-1, 3);
	CHECK(id > 0);
	CHECK_INT(pvm_recv(-1, 3), id);
	CHECK_INT(check_recv_int(mytid, -1), 10);
	CHECK_INT(check_recv_int(-1, 4), 40);
	CHECK_INT(pvm_nrecv(mytid + 1, -1), 0);
	CHECK(pvm_nrecv(-1, -1) > 0);
	CHECK_INT(pvm_nrecv(-1, -1), 0);
	for (tag = 0; tag < 100; tag++)
		check_send_int(mytid, 6, tag);
	for (tag = 0; tag < 100; tag++)
		CHECK_INT(check_recv_int(-1, 6), tag);
}

static void timed(int mytid)
{
	struct timeval wait = { 0, 100000 }, none = { 0, 0 }, start, end;
	double seconds;

	gettimeofday(&start, NULL);
	CHECK_INT(pvm_trecv(-1, 8, &wait), 0);
	gettimeofday(&end, NULL);
	seconds = end.tv_sec - start.tv_sec + (end.tv_usec - start.tv_usec) * 1e-6;
	CHECK(seconds >= 0.099);
	CHECK_INT(pvm_trecv(-1, 8, &none), 0);
	check_send_int(mytid, 8, 1);
	CHECK(pvm_trecv(-1, 8, NULL) > 0);
	check_send_int(mytid, 8, 1);
	wait.tv_sec = 50;
	CHECK(pvm_trecv(-1, 8, &wait) > 0);
}

static void whole_arrays(int mytid)
{
	double in[3] = { 1, 2, 3 }, out[3] = { 0 };
	int tid, tag, bytes, value = 0, numbers[3] = { 1, 2, 3 }, some[2] = { 0 };
	int sbuf = pvm_initsend(PvmDataDefault);

	CHECK_INT(pvm_psend(mytid, 9, in, 3, PVM_DOUBLE), 0);
	CHECK_INT(pvm_getsbuf(), sbuf);
	CHECK_INT(pvm_precv(-1, 9, out, 3, PVM_DOUBLE, &tid, &tag, &bytes), 0);
	CHECK(memcmp(in, out, sizeof in) == 0);
	CHECK_INT(tid, mytid);
	CHECK_INT(tag, 9);
	CHECK_INT(bytes, 24);
	CHECK_INT(pvm_psend(mytid, 9, numbers, 3, PVM_INT), 0);
	CHECK_INT(pvm_precv(mytid, 9, some, 2, PVM_INT, NULL, NULL, &bytes), 0);
	CHECK(some[0] == 1 && some[1] == 2);
	CHECK_INT(bytes, 12);
	check_send_int(mytid, 9, 0x01020304);
	CHECK_INT(pvm_precv(mytid, 9, &value, 1, PVM_INT, NULL, NULL, NULL), 0);
	CHECK(memcmp(&value, "\1\2\3\4", 4) == 0);
	CHECK_INT(pvm_psend(mytid, 9, NULL, 0, PVM_INT), 0);
	CHECK_INT(pvm_precv(mytid, 9, NULL, 0, PVM_INT, NULL, NULL, &bytes), 0);
	CHECK_INT(bytes, 0);
}

static int calls, refuse_all, best_tag;

static int highest_tag(int id, int tid, int tag)
{
	int bytes, its_tag, source;

	calls++;
	CHECK_INT(tid, -1);
	CHECK_INT(tag, 77);
	pvm_bufinfo(id, &bytes, &its_tag, &source);
	if (refuse_all)
		return 0;
	return its_tag == best_tag ? 1 : its_tag + 1;
}

static int failing(int id, int tid, int tag)
{
	(void)id, (void)tid, (void)tag;
	return PvmOutOfRes;
}

typedef int (*matcher)(int mid, int tid, int tag);

/* pvm_recvf with the type of the result that it has: the header's is another. */
static matcher set_matcher(matcher function)
{
	return (matcher)(void *)pvm_recvf(function);
}

static void match_function(int mytid)
{
	matcher old;
	int bytes, tag, tid;

	for (tag = 1; tag <= 3; tag++)
		check_send_int(mytid, tag * 10, tag);
	settle(mytid);
	old = set_matcher(highest_tag);
	refuse_all = 1;
	CHECK_INT(pvm_nrecv(-1, 77), 0);
	CHECK_INT(calls >= 3, 1);
	refuse_all = 0;
	pvm_bufinfo(pvm_recv(-1, 77), &bytes, &tag, &tid);
	CHECK_INT(tag, 30);
	best_tag = 10;
	pvm_bufinfo(pvm_recv(-1, 77), &bytes, &tag, &tid);
	CHECK_INT(tag, 10);
	CHECK(set_matcher(failing) == highest_tag);
	CHECK_INT(pvm_recv(-1, 77), PvmOutOfRes);
	CHECK(set_matcher(NULL) == failing);
	CHECK(set_matcher(NULL) == old);
	CHECK_INT(check_recv_int(-1, 20), 2);
}

/* Frees each message that it rates, wants none but the last. */
static int freeing(int id, int tid, int tag)
{
	int bytes, its_tag, source;

	(void)tid, (void)tag;
	pvm_bufinfo(id, &bytes, &its_tag, &source);
	pvm_freebuf(id);
	return its_tag == 30;
}

/* Receives another message with the usual rule before it takes the one it is asked about. */
static int receiving(int id, int tid, int tag)
{
	(void)id, (void)tid, (void)tag;
	set_matcher(NULL);
	pvm_nrecv(-1, 10);
	set_matcher(receiving);
	return 1;
}

/* A match function may receive messages and free their buffers; no id dangles. */
static void careless_match_function(int mytid)
{
	if (!check_ours("library"))
		return;
	for (int tag = 1; tag <= 3; tag++)
		check_send_int(mytid, tag * 10, tag);
	settle(mytid);
	set_matcher(freeing);
	CHECK_INT(pvm_nrecv(-1, -1), 0);
	set_matcher(receiving);
	CHECK(pvm_nrecv(-1, -1) == 0 || pvm_getrbuf() > 0);
	set_matcher(NULL);
	while (pvm_nrecv(-1, -1) > 0)
		;
}

/* Times that are past do not wait, times that are far off do not overflow. */
static void odd_times(int mytid)
{
	struct timeval past = { -5, 0 }, far = { 0x7fffffff, 0 };

	CHECK_INT(pvm_trecv(-1, 33, &past), 0);
	if (!check_ours("library"))
		return;
	far.tv_sec = (time_t)(~0ul >> 1);
	check_send_int(mytid, 33, 1);
	CHECK(pvm_trecv(-1, 33, &far) > 0);
	far.tv_sec = 1;
	far.tv_usec = -2000000;
	CHECK_INT(pvm_trecv(-1, 33, &far), 0);
}

/* A message that was found and sent on before it was received reads from its beginning. */
static void forwarded_before_received(int mytid)
{
	int value = 0;

	if (!check_ours("library"))
		return;
	check_send_int(mytid, 1, 4242);
	settle(mytid);
	CHECK(pvm_setsbuf(pvm_probe(-1, 1)) >= 0);
	CHECK_INT(pvm_send(mytid, 2), 0);
	CHECK_INT(check_recv_int(-1, -1), 4242);
	CHECK_INT(pvm_getsbuf(), 0);
	CHECK(pvm_recv(-1, 2) > 0);
	CHECK_INT(pvm_upkint(&value, 1, 1), 0);
	CHECK_INT(value, 4242);
}

static void contexts(int mytid)
{
	int first = pvm_newcontext(), second = pvm_newcontext();

	CHECK(first > 0 && second > 0 && first != second);
	CHECK_INT(pvm_getcontext(), 0);
	CHECK_INT(pvm_setcontext(first), 0);
	CHECK_INT(pvm_getcontext(), first);
	check_send_int(mytid, 1, 100);
	CHECK_INT(pvm_setcontext(second), first);
	check_send_int(mytid, 1, 200);
	CHECK_INT(check_recv_int(-1, -1), 200);
	CHECK_INT(pvm_nrecv(-1, -1), 0);
	CHECK_INT(pvm_setcontext(-1), second);
	CHECK_INT(check_recv_int(-1, -1), 100);
	CHECK_INT(pvm_setcontext(0), -1);
	CHECK_INT(pvm_freecontext(first), 0);
	CHECK_INT(pvm_freecontext(first), PvmNotFound);
	CHECK_INT(pvm_freecontext(second), 0);
	CHECK_INT(pvm_freecontext(12), PvmNotFound);
}

static void multicast(char **argv, int mytid)
{
	enum { COUNT = 6 };
	int tids[COUNT + 2], value = 31415, ends[COUNT + 2];

	CHECK_INT(check_spawn(argv, "child", COUNT, tids), COUNT);
	memcpy(ends, tids, sizeof ends);
	tids[COUNT] = tids[2];
	tids[COUNT + 1] = mytid;
	pvm_initsend(PvmDataRaw);
	pvm_pkint(&value, 1, 1);
	CHECK_INT(pvm_mcast(tids, COUNT + 2, 20), 0);
	CHECK_INT(pvm_mcast(tids, COUNT, 21), 0);
	for (int i = 0; i < COUNT; i++) {
		CHECK_INT(check_recv_int(tids[i], 1020), value);
		CHECK_INT(check_recv_int(tids[i], -1), value);
	}
	settle(mytid);
	CHECK_INT(pvm_nrecv(-1, -1), 0);
	pvm_initsend(PvmDataDefault);
	CHECK_INT(pvm_mcast(ends, COUNT, 99), 0);
}

/* A resource manager returns the wait id of a request with pvm_setminfo. */
static void wait_id_travels(int mytid)
{
	struct pvmminfo info;
	int bufid = pvm_initsend(PvmDataDefault);

	CHECK_INT(pvm_getminfo(bufid, &info), 0);
	CHECK_INT(info.wid, 0);
	info.wid = 77;
	CHECK_INT(pvm_setminfo(bufid, &info), 0);
	CHECK_INT(pvm_send(mytid, 6), 0);
	bufid = pvm_recv(mytid, 6);
	CHECK_INT(pvm_getminfo(bufid, &info), 0);
	CHECK_INT(info.wid, 77);
	pvm_setrbuf(0);
	CHECK(pvm_setsbuf(bufid) > 0);
	CHECK_INT(pvm_send(mytid, 6), 0);
	CHECK_INT(pvm_getminfo(pvm_recv(mytid, 6), &info), 0);
	CHECK_INT(info.wid, 77);
	pvm_freebuf(bufid);
}

int main(int argc, char **argv)
{
	int mytid;

	check_start();
	if (argc > 1)
		return child();
	mytid = pvm_mytid();
	CHECK(mytid > 0);
	parameters(mytid);
	to_myself(mytid);
	matching(mytid);
	timed(mytid);
	whole_arrays(mytid);
	match_function(mytid);
	careless_match_function(mytid);
	odd_times(mytid);
	forwarded_before_received(mytid);
	contexts(mytid);
	multicast(argv, mytid);
	wait_id_travels(mytid);
	pvm_exit();
	return check_done();
}
