/* SPDX-License-Identifier: MIT */
/* Costs of calls about groups: cheap look-ups, with few members and with a hundred. */
#include "../groups.h"
#include "cost.h"

#define PEERS 99

static int peers[PEERS];
static char group[32]; /* of this task alone: a group that is frozen stays so */

static void begin(void)
{
	snprintf(group, sizeof group, "cost%x", (unsigned)cost_tid);
}

static void begin_alone(void)
{
	begin();
	CHECK(pvm_joingroup(group) == 0);
}

/* A group that the server need not be asked about. */
static void begin_static(void)
{
	begin_alone();
	CHECK(pvm_freezegroup(group, 1) >= 0);
}

static void begin_hundred(void)
{
	char *args[] = { (char *)"member", (char *)"barrier", (char *)"100", NULL };

	snprintf(group, sizeof group, "%s", bench_group);
	CHECK(pvm_joingroup(group) == 0);
	CHECK(pvm_spawn(cost_peer, args, PvmTaskDefault, (char *)"", PEERS, peers) == PEERS);
	for (int i = 0; i < PEERS; i++)
		CHECK(pvm_recv(-1, TAG_HELLO) > 0);
}

static void end_hundred(void)
{
	CHECK(pvm_notify(PvmTaskExit, TAG_GONE, PEERS, peers) == 0);
	pvm_initsend(PvmDataDefault);
	CHECK(pvm_mcast(peers, PEERS, TAG_STOP) == 0);
	for (int i = 0; i < PEERS; i++)
		CHECK(pvm_recv(-1, TAG_GONE) > 0);
	/* The server learns of it apart. */
	while (pvm_gsize(group) > 1)
		continue;
	CHECK(pvm_lvgroup(group) >= 0);
}

static void join_and_leave(void)
{
	CHECK(pvm_joingroup(group) == 0);
	CHECK(pvm_lvgroup(group) >= 0);
}

static void gsize(void)
{
	CHECK(pvm_gsize(group) > 0);
}

static void gsize_of_none(void)
{
	CHECK(pvm_gsize((char *)"no_such_group") < 0);
}

static void gsize_without_name(void)
{
	CHECK(pvm_gsize(NULL) < 0);
}

static void gettid_first(void)
{
	CHECK(pvm_gettid(group, 0) == cost_tid);
}

static void gettid_last(void)
{
	CHECK(pvm_gettid(group, PEERS) > 0);
}

static void gettid_of_none(void)
{
	CHECK(pvm_gettid(group, PEERS + 1) < 0);
}

static void getinst_first(void)
{
	CHECK(pvm_getinst(group, cost_tid) == 0);
}

static void getinst_last(void)
{
	CHECK(pvm_getinst(group, peers[PEERS - 1]) > 0);
}

static void barrier_alone(void)
{
	CHECK(pvm_barrier(group, 1) >= 0);
}

static void bcast_alone(void)
{
	pvm_initsend(PvmDataDefault);
	pvm_bcast(group, TAG_PING); /* to nobody */
}

const struct cost_case cost_groups[] = {
	{ "joingroup-lvgroup", begin, NULL, join_and_leave, 0, NULL },
	{ "gsize", begin_alone, NULL, gsize, 0, NULL },
	{ "gsize-static", begin_static, NULL, gsize, 0, NULL },
	{ "gsize-of-100", begin_hundred, NULL, gsize, 0, end_hundred },
	{ "gsize-of-none", begin_alone, NULL, gsize_of_none, 0, NULL },
	{ "gsize-without-name", begin_alone, NULL, gsize_without_name, 0, NULL },
	{ "gettid", begin_alone, NULL, gettid_first, 0, NULL },
	{ "gettid-static", begin_static, NULL, gettid_first, 0, NULL },
	{ "gettid-of-100", begin_hundred, NULL, gettid_last, 0, end_hundred },
	{ "gettid-of-none", begin_alone, NULL, gettid_of_none, 0, NULL },
	{ "getinst", begin_alone, NULL, getinst_first, 0, NULL },
	{ "getinst-static", begin_static, NULL, getinst_first, 0, NULL },
	{ "getinst-of-100", begin_hundred, NULL, getinst_last, 0, end_hundred },
	{ "barrier-of-1", begin_alone, NULL, barrier_alone, 0, NULL },
	{ "bcast-of-1", begin_alone, NULL, bcast_alone, 0, NULL },
	{ 0 },
};
