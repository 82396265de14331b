/* SPDX-License-Identifier: MIT */
/*
 * Costs of finding messages among many that wait, and of handlers.
 *
 * What waits has been sent by this task itself, and is in the receive list, not in a socket.
 */
#include "cost.h"

enum {
	TAG_MARK = 100, /* taken at once: what was sent before it is in the list */
	TAG_OTHER,
	TAG_LAST, /* behind them */
	TAG_ABSENT,
	TAG_HANDLED = 1000, /* and so many numbers from there on as there are handlers */
};

#define AT_ONCE 100 /* messages on their way to this task */
#define BATCH 64

static int handled;

/* Have everything that was sent to this task in its list. */
static void take_in(void)
{
	send_to_self(TAG_MARK);
	CHECK(pvm_recv(-1, TAG_MARK) > 0);
}

static void put(int tag, int n)
{
	for (int i = 1; i <= n; i++) {
		send_to_self(tag);
		if (i % AT_ONCE == 0)
			take_in();
	}
	take_in();
}

static void begin_1000(void)
{
	put(TAG_OTHER, 1000);
}

static void begin_20000(void)
{
	put(TAG_OTHER, 20000);
}

static void begin_last_of_1(void)
{
	put(TAG_LAST, 1);
}

static void begin_last_of_1000(void)
{
	put(TAG_OTHER, 1000);
	put(TAG_LAST, 1);
}

static void begin_last_of_20000(void)
{
	put(TAG_OTHER, 20000);
	put(TAG_LAST, 1);
}

static void ready_other(int n)
{
	put(TAG_OTHER, n);
}

static void ready_last(int n)
{
	put(TAG_LAST, n);
}

static void recv_any(void)
{
	CHECK(pvm_recv(-1, -1) > 0);
}

static void recv_other(void)
{
	CHECK(pvm_recv(-1, TAG_OTHER) > 0);
}

static void recv_by_source(void)
{
	CHECK(pvm_recv(cost_tid, -1) > 0);
}

static void recv_last(void)
{
	CHECK(pvm_recv(-1, TAG_LAST) > 0);
}

static void nrecv_any(void)
{
	CHECK(pvm_nrecv(-1, -1) > 0);
}

static void nrecv_last(void)
{
	CHECK(pvm_nrecv(-1, TAG_LAST) > 0);
}

static void trecv_any(void)
{
	struct timeval second = { 1, 0 };

	CHECK(pvm_trecv(-1, -1, &second) > 0);
}

static void precv_any(void)
{
	int item, tid, tag, length;

	CHECK(pvm_precv(-1, -1, &item, 1, PVM_INT, &tid, &tag, &length) == 0);
}

static void nrecv_absent(void)
{
	CHECK(pvm_nrecv(-1, TAG_ABSENT) == 0);
}

static void nrecv_other_source(void)
{
	CHECK(pvm_nrecv(cost_tid + 1, -1) == 0);
}

static void trecv_absent(void)
{
	struct timeval none = { 0, 0 };

	CHECK(pvm_trecv(-1, TAG_ABSENT, &none) == 0);
}

static void probe_any(void)
{
	CHECK(pvm_probe(-1, -1) > 0);
}

static void probe_last(void)
{
	CHECK(pvm_probe(-1, TAG_LAST) > 0);
}

static void probe_absent(void)
{
	CHECK(pvm_probe(-1, TAG_ABSENT) == 0);
}

/* ---- sending to oneself, and handlers ---- */

static void round_to_self(void)
{
	send_to_self(TAG_PING);
	CHECK(pvm_recv(-1, TAG_PING) > 0);
}

static void round_typed(void)
{
	int item = 1;

	CHECK(pvm_psend(cost_tid, TAG_PING, &item, 1, PVM_INT) == 0);
	CHECK(pvm_precv(-1, TAG_PING, &item, 1, PVM_INT, NULL, NULL, NULL) == 0);
}

static void mcast_to_self(void)
{
	CHECK(pvm_mcast(&cost_tid, 1, TAG_PING) == 0);
}

static void begin_buffer(void)
{
	CHECK(pvm_initsend(PvmDataRaw) > 0);
}

static int handle(int bufid)
{
	(void)bufid;
	handled++;
	return 0;
}

static void add_handlers(int n)
{
	for (int i = 0; i < n; i++)
		CHECK(pvm_addmhf(-1, TAG_HANDLED + i, 0, handle) >= 0);
}

static void begin_1_handler(void)
{
	add_handlers(1);
}

static void begin_100_handlers(void)
{
	add_handlers(100);
}

/* A message that a handler gets, and one that the task waits for. */
static void dispatch(void)
{
	int before = handled;

	send_to_self(TAG_HANDLED);
	round_to_self();
	CHECK(handled == before + 1);
}

/* Prefer nothing: the list is rated to its end. */
static int match_none(int bufid, int tid, int tag)
{
	(void)bufid;
	(void)tid;
	(void)tag;
	return 0;
}

static void begin_match_1000(void)
{
	put(TAG_OTHER, 1000);
	pvm_recvf(match_none);
}

const struct cost_case cost_receives[] = {
	{ "recv-any-of-1", NULL, ready_other, recv_any, BATCH, NULL },
	{ "recv-any-of-1000", begin_1000, ready_other, recv_any, BATCH, NULL },
	{ "recv-any-of-20000", begin_20000, ready_other, recv_any, BATCH, NULL },
	{ "recv-tag-of-20000", begin_20000, ready_other, recv_other, BATCH, NULL },
	{ "recv-source-of-20000", begin_20000, ready_other, recv_by_source, BATCH, NULL },
	{ "recv-last-of-1", NULL, ready_last, recv_last, BATCH, NULL },
	{ "recv-last-of-1000", begin_1000, ready_last, recv_last, BATCH, NULL },
	{ "recv-last-of-20000", begin_20000, ready_last, recv_last, BATCH, NULL },
	{ "nrecv-any-of-1", NULL, ready_other, nrecv_any, BATCH, NULL },
	{ "nrecv-any-of-20000", begin_20000, ready_other, nrecv_any, BATCH, NULL },
	{ "nrecv-last-of-1000", begin_1000, ready_last, nrecv_last, BATCH, NULL },
	{ "nrecv-last-of-20000", begin_20000, ready_last, nrecv_last, BATCH, NULL },
	{ "trecv-any-of-1", NULL, ready_other, trecv_any, BATCH, NULL },
	{ "trecv-any-of-20000", begin_20000, ready_other, trecv_any, BATCH, NULL },
	{ "precv-any-of-1", NULL, ready_other, precv_any, BATCH, NULL },
	{ "precv-any-of-20000", begin_20000, ready_other, precv_any, BATCH, NULL },
	{ "nrecv-absent", NULL, NULL, nrecv_absent, 0, NULL },
	{ "nrecv-absent-of-1000", begin_1000, NULL, nrecv_absent, 0, NULL },
	{ "nrecv-absent-of-20000", begin_20000, NULL, nrecv_absent, 0, NULL },
	{ "nrecv-other-source-of-20000", begin_20000, NULL, nrecv_other_source, 0, NULL },
	{ "trecv-absent", NULL, NULL, trecv_absent, 0, NULL },
	{ "trecv-absent-of-20000", begin_20000, NULL, trecv_absent, 0, NULL },
	{ "probe-absent", NULL, NULL, probe_absent, 0, NULL },
	{ "probe-absent-of-1000", begin_1000, NULL, probe_absent, 0, NULL },
	{ "probe-absent-of-20000", begin_20000, NULL, probe_absent, 0, NULL },
	{ "probe-first-of-1", begin_last_of_1, NULL, probe_any, 0, NULL },
	{ "probe-first-of-20000", begin_20000, NULL, probe_any, 0, NULL },
	{ "probe-last-of-1", begin_last_of_1, NULL, probe_last, 0, NULL },
	{ "probe-last-of-1000", begin_last_of_1000, NULL, probe_last, 0, NULL },
	{ "probe-last-of-20000", begin_last_of_20000, NULL, probe_last, 0, NULL },
	{ "nrecv-rated-of-1000", begin_match_1000, NULL, nrecv_absent, 0, NULL },
	{ "send-recv-self", NULL, NULL, round_to_self, 0, NULL },
	{ "psend-precv-self", NULL, NULL, round_typed, 0, NULL },
	{ "mcast-self", begin_buffer, NULL, mcast_to_self, 0, NULL },
	{ "handler-of-1", begin_1_handler, NULL, dispatch, 0, NULL },
	{ "handler-of-100", begin_100_handlers, NULL, dispatch, 0, NULL },
	{ 0 },
};
