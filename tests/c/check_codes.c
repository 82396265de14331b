/* SPDX-License-Identifier: MIT */
/* Error codes and options of every function that the other checks do not come by. */
#include "check.h"
#include "pvmtev.h"

enum { TAG = 5, TAG_READY = 6, TAG_GO = 7 };

static char bytes[8] = "abc", text[64];
static short shorts[8];
static unsigned short ushorts[8];
static int ints[8];
static unsigned uints[8];
static long longs[8];
static unsigned long ulongs[8];
static float floats[16];
static double doubles[16];

/* Make a new receive buffer that holds nothing, by a message to the task itself. */
static void receive_nothing(void)
{
	pvm_initsend(PvmDataDefault);
	pvm_send(pvm_mytid(), TAG);
	pvm_recv(-1, TAG);
}

/* Make a receive buffer that cannot be unpacked: its data are not in it. */
static void receive_unreadable(void)
{
	pvm_setrbuf(pvm_mkbuf(PvmDataInPlace));
}

#define PACKING(name, items) \
	do { \
		pvm_setsbuf(0); \
		CHECK_INT(pvm_pk##name(items, 1, 1), PvmNoBuf); \
		pvm_initsend(PvmDataDefault); \
		CHECK_INT(pvm_pk##name(items, -1, 1), PvmBadParam); \
		CHECK_INT(pvm_pk##name(items, 4, 2), 0); \
		pvm_initsend(PvmDataInPlace); \
		CHECK_INT(pvm_pk##name(items, 4, 2), PvmNotImpl); \
		CHECK_INT(pvm_pk##name(items, 4, 1), 0); \
		pvm_setrbuf(0); \
		CHECK_INT(pvm_upk##name(items, 1, 1), PvmNoBuf); \
		receive_nothing(); \
		CHECK_INT(pvm_upk##name(items, -1, 1), PvmBadParam); \
		CHECK_INT(pvm_upk##name(items, 1, 1), PvmNoData); \
		CHECK_INT(pvm_upk##name(items, 0, 1), 0); \
		receive_unreadable(); \
		CHECK_INT(pvm_upk##name(items, 1, 1), PvmBadMsg); \
	} while (0)

static void packing(void)
{
	PACKING(byte, bytes);
	PACKING(short, shorts);
	PACKING(ushort, ushorts);
	PACKING(int, ints);
	PACKING(uint, uints);
	PACKING(long, longs);
	PACKING(ulong, ulongs);
	PACKING(float, floats);
	PACKING(double, doubles);
	PACKING(cplx, floats);
	PACKING(dcplx, doubles);
	CHECK_INT(pvm_upkstr(text), PvmBadMsg);
	CHECK_INT(pvm_unpackf("%d", ints), PvmBadMsg);
	CHECK_INT(pvm_unpackf("%q", ints), PvmBadParam);
	CHECK_INT(pvm_upkmesg(), PvmBadMsg);
	pvm_setrbuf(0);
	CHECK_INT(pvm_unpackf("%d", ints), PvmNoBuf);
	CHECK_INT(pvm_upkmesg(), PvmNoBuf);
	pvm_initsend(PvmDataInPlace);
	CHECK_INT(pvm_pkstr("x"), PvmNotImpl);
	if (check_ours("library"))
		CHECK_INT(pvm_packf("%d", 1), PvmNotImpl);
}

static void nesting(void)
{
	int inner = pvm_mkbuf(PvmDataRaw), outer;

	outer = pvm_initsend(PvmDataDefault);
	CHECK_INT(pvm_pkmesgbody(inner), PvmMismatch);
	CHECK_INT(pvm_pkmesgbody(outer), PvmBadParam);
	CHECK_INT(pvm_pkmesgbody(4711), PvmNoSuchBuf);
	CHECK_INT(pvm_pkmesg(inner), 0);
	pvm_send(pvm_mytid(), TAG);
	pvm_recv(-1, TAG);
	CHECK(pvm_upkmesg() > 0);
	pvm_setsbuf(0);
	CHECK_INT(pvm_pkmesgbody(inner), PvmNoBuf);
	pvm_freebuf(inner);
	pvm_freebuf(outer);
}

static void buffers(void)
{
	struct pvmminfo info = { 0 };
	int id;

	CHECK(pvm_initsend(PvmDataDefault) > 0);
	CHECK(pvm_initsend(PvmDataRaw) > 0);
	CHECK(pvm_initsend(PvmDataInPlace) > 0);
	CHECK(pvm_initsend(PvmDataTrace) > 0);
	CHECK((id = pvm_mkbuf(PvmDataDefault)) > 0);
	pvm_freebuf(id);
	CHECK(pvm_mkbuf(PvmDataDefault) > 0);
	CHECK(pvm_mkbuf(PvmDataRaw) > 0);
	CHECK(pvm_mkbuf(PvmDataInPlace) > 0);
	CHECK(pvm_mkbuf(PvmDataTrace) > 0);
	CHECK_INT(pvm_setminfo(0, &info), PvmBadParam);
}

#define SENDING(type) \
	do { \
		int from = 0, tag = 0, length = 0; \
\
		CHECK_INT(pvm_psend(pvm_mytid(), TAG, doubles, 2, PVM_##type), 0); \
		CHECK_INT(pvm_precv(-1, TAG, doubles, 2, PVM_##type, &from, &tag, &length), 0); \
		CHECK(from == pvm_mytid() && tag == TAG); \
	} while (0)

static int blocking_results[3];

/* What would wait inside a handler is refused. */
static int handler(int id)
{
	(void)id;
	blocking_results[0] = pvm_recv(-1, 999);
	blocking_results[1] = pvm_trecv(-1, 999, NULL);
	blocking_results[2] = pvm_precv(-1, 999, ints, 1, PVM_INT, NULL, NULL, NULL);
	return 0;
}

static int first_of_any(int id, int tid, int tag)
{
	(void)id, (void)tid, (void)tag;
	return 1;
}

static void sending(void)
{
	int me = pvm_mytid(), id;

	SENDING(BYTE);
	SENDING(SHORT);
	SENDING(INT);
	SENDING(FLOAT);
	SENDING(CPLX);
	SENDING(DOUBLE);
	SENDING(DCPLX);
	SENDING(LONG);
	SENDING(USHORT);
	SENDING(UINT);
	SENDING(ULONG);
	pvm_setsbuf(0);
	CHECK_INT(pvm_mcast(&me, 1, TAG), PvmNoBuf);
	id = pvm_addmhf(me, TAG, 0, handler);
	pvm_initsend(PvmDataDefault);
	pvm_send(me, TAG);
	pvm_send(me, TAG + 1);
	pvm_recv(me, TAG + 1);
	CHECK_CODE("pvm_recv(-1, 999) in a handler", blocking_results[0], PvmNotImpl);
	CHECK_CODE("pvm_trecv(-1, 999, NULL) in a handler", blocking_results[1], PvmNotImpl);
	CHECK_CODE("pvm_precv() in a handler", blocking_results[2], PvmNotImpl);
	pvm_delmhf(id);
	CHECK((void *)pvm_recvf(first_of_any) != (void *)first_of_any);
	CHECK_CODE("pvm_recvf(NULL)", (void *)pvm_recvf(NULL) == (void *)first_of_any, 1);
}

/* The value read back is the one set, and the old one comes with setting. */
#define OPTION(name, value, old) \
	do { \
		CHECK_INT(pvm_setopt(Pvm##name, value), old); \
		CHECK_INT(pvm_getopt(Pvm##name), value); \
		CHECK_INT(pvm_setopt(Pvm##name, old), value); \
	} while (0)

static void options(int me)
{
	CHECK_INT(pvm_setopt(PvmRoute, PvmDontRoute), PvmAllowDirect);
	CHECK_INT(pvm_setopt(PvmRoute, PvmRouteDirect), PvmDontRoute);
	CHECK_INT(pvm_setopt(PvmRoute, PvmAllowDirect), PvmRouteDirect);
	OPTION(DebugMask, 0, 0);
	OPTION(AutoErr, 0, 0);
	OPTION(TraceBuffer, 77, 0);
	OPTION(SelfTraceBuffer, 78, 0);
	CHECK_INT(pvm_setopt(PvmTraceOptions, PvmTraceFull), 0);
	CHECK_INT(pvm_setopt(PvmTraceOptions, PvmTraceTime), PvmTraceFull);
	CHECK_INT(pvm_setopt(PvmTraceOptions, PvmTraceCount), PvmTraceTime);
	OPTION(TraceOptions, PvmTraceFull, PvmTraceCount);
	CHECK_INT(pvm_setopt(PvmSelfTraceOptions, PvmTraceFull), 0);
	OPTION(SelfTraceOptions, PvmTraceTime, PvmTraceFull);
	OPTION(SelfTraceOptions, PvmTraceCount, PvmTraceFull);
	CHECK_INT(pvm_setopt(PvmSelfTraceOptions, 4), PvmBadParam);
	OPTION(ResvTids, 1, 0);
	OPTION(ShowTids, 0, 1);
	OPTION(OutputContext, 5, 0);
	OPTION(TraceContext, 6, 0);
	OPTION(OutputCode, 7, 0);
	OPTION(TraceCode, 8, 0);
	OPTION(SelfOutputTid, me, 0);
	OPTION(SelfTraceTid, me, 0);
	CHECK_INT(pvm_setopt(PvmSelfOutputTid, me), 0);
	OPTION(SelfOutputCode, 9, 0);
	CHECK_INT(pvm_setopt(PvmSelfOutputTid, 0), me);
	CHECK_INT(pvm_setopt(PvmSelfTraceTid, me), 0);
	OPTION(SelfTraceCode, 10, 0);
	CHECK_INT(pvm_setopt(PvmSelfTraceTid, 0), me);
	CHECK_INT(pvm_setopt(PvmSelfOutputContext, 1), PvmNotImpl);
	CHECK_INT(pvm_setopt(PvmSelfTraceContext, 1), PvmNotImpl);
	CHECK_INT(pvm_getopt(PvmSelfOutputContext), 0);
	CHECK_INT(pvm_getopt(PvmSelfTraceContext), 0);
#ifdef PvmThreadBuffers
	OPTION(ThreadBuffers, 1, 0);
	CHECK_INT(pvm_setopt(PvmThreadBuffers, 2), PvmBadParam);
#endif
	CHECK_INT(pvm_setopt(PvmPollTime, 1), PvmNotImpl);
	CHECK_INT(pvm_getopt(PvmPollTime), PvmBadParam);
}

static void masks(void)
{
	Pvmtmask mask;

	TEV_MASK_INIT(mask);
	CHECK_INT(pvm_settmask(PvmTaskSelf, mask), 0);
	CHECK_INT(pvm_settmask(PvmTaskChild, mask), 0);
	CHECK_INT(pvm_gettmask(PvmTaskSelf, mask), 0);
	CHECK_INT(pvm_gettmask(PvmTaskChild, mask), 0);
}

/* Holds what the parent may not touch, until told to end. */
static int owner(void)
{
	int id = pvm_initsend(PvmDataDefault), parent;
	Pvmtmask mask;

	TEV_MASK_INIT(mask);
	pvm_putinfo("codes locked", id, PvmMboxDefault);
	pvm_reg_hoster();
	pvm_reg_tasker();
	pvm_reg_tracer(0, 1, 0, 2, mask, 0, PvmTraceFull);
	parent = pvm_parent();
	check_send_int(parent, TAG_READY, parent);
	pvm_recv(parent, TAG_GO);
	pvm_exit();
	return 0;
}

/* In every form of the events, given up again each time. */
static void tracers(void)
{
	Pvmtmask mask;

	TEV_MASK_INIT(mask);
	CHECK_INT(pvm_reg_tracer(0, 1, 0, 2, mask, 0, PvmTraceFull), 0);
	CHECK_INT(pvm_reg_tracer(0, 1, 0, 2, mask, 0, PvmTraceFull), 0);
	CHECK_INT(pvm_reg_tracer(0, 1, 0, 2, mask, 0, PvmTraceTime), 0);
	CHECK_INT(pvm_reg_tracer(0, 1, 0, 2, mask, 0, PvmTraceTime), 0);
	CHECK_INT(pvm_reg_tracer(0, 1, 0, 2, mask, 0, PvmTraceCount), 0);
	CHECK_INT(pvm_reg_tracer(0, 1, 0, 2, mask, 0, PvmTraceCount), 0);
}

static void roles(void)
{
	Pvmtmask mask;

	TEV_MASK_INIT(mask);
	CHECK_INT(pvm_reg_hoster(), PvmAlready);
	CHECK_INT(pvm_reg_tasker(), PvmAlready);
	CHECK_INT(pvm_reg_tracer(0, 1, 0, 2, mask, 0, PvmTraceFull), PvmAlready);
	if (check_ours("library"))
		CHECK_INT(pvm_reg_tracer(0, 1, 0, 2, NULL, 0, PvmTraceFull), PvmBadParam);
}

static void mailbox(void)
{
	int id = pvm_initsend(PvmDataDefault), value;

	CHECK_INT(pvm_putinfo("codes", id, PvmMboxDefault), 0);
	CHECK(pvm_recvinfo("codes", 0, PvmMboxDefault) > 0);
	CHECK(pvm_recvinfo("codes", 0, PvmMboxFirstAvail) > 0);
	CHECK(pvm_recvinfo("codes", 0, PvmMboxWaitForInfo) > 0);
	CHECK(pvm_recvinfo("codes", 0, PvmMboxReadAndDelete) > 0);
	CHECK_INT(pvm_recvinfo("codes", 0, PvmMboxDefault), PvmNotFound);
	CHECK_INT(pvm_recvinfo("codes", -1, PvmMboxDefault), PvmBadParam);
	CHECK_INT(pvm_putinfo("codes", id, PvmMboxPersistent), 0);
	CHECK_INT(pvm_delinfo("codes", 0, PvmMboxDefault), 0);
	CHECK_INT(pvm_putinfo("codes", id, PvmMboxMultiInstance), 0);
	CHECK_INT(pvm_putinfo("codes", id, PvmMboxMultiInstance | PvmMboxOverWritable), 1);
	CHECK_INT(pvm_putinfo("codes", id, PvmMboxDirectIndex(7)), 7);
	CHECK_INT(pvm_delinfo("codes", 7, PvmMboxDefault), 7);
	CHECK_INT(pvm_delinfo("codes", 1, PvmMboxDefault), 1);
	CHECK_INT(pvm_delinfo("codes", 0, PvmMboxDefault), 0);
	CHECK_INT(pvm_putinfo("codes locked", id, PvmMboxDefault), PvmDenied);
	CHECK_INT(pvm_recvinfo("codes locked", 0, PvmMboxReadAndDelete), PvmDenied);
	CHECK_INT(pvm_delinfo("codes locked", 0, PvmMboxDefault), PvmDenied);
	CHECK_INT(pvm_lookup("codes", -2, &value), PvmBadParam);
	if (check_ours("library"))
		CHECK_INT(pvm_putinfo(NULL, id, PvmMboxDefault), PvmBadParam);
}

static void machine(char **argv, int me)
{
	char *role[] = { "owner", NULL }, *orphan[] = { "orphan", text, NULL };
	char *nowhere[] = { "no.such.host." };
	int tids[2], count, status = 0;
	struct pvmtaskinfo *tasks;
	struct timeval none = { 0, 0 };

	CHECK_INT(pvm_spawn(argv[0], role, PvmTaskDefault, "", 1, tids), 1);
	CHECK_CODE("pvm_parent() of a child", check_recv_int(tids[0], TAG_READY), me);
	mailbox();
	/* While it holds the roles of tasker and hoster nothing can be started. */
	roles();
	check_send_int(tids[0], TAG_GO, 0);
	pvm_notify(PvmTaskExit, TAG, 1, tids);
	pvm_recv(-1, TAG);
	CHECK_CODE("pvm_spawn() of no program",
		(pvm_spawn("/no/such", NULL, PvmTaskDefault, "", 1, tids), tids[0]), PvmNoFile);
	CHECK_CODE("pvm_spawn() on no host",
		(pvm_spawn("/bin/true", NULL, PvmTaskHost, "nohost", 1, tids), tids[0]), PvmNoHost);
	CHECK_INT(pvm_spawn("/bin/true", NULL, PvmTaskTrace, "", 1, tids), 1);
	CHECK_INT(pvm_spawn("/bin/true", NULL, PvmMppFront, "", 1, tids), 1);
	snprintf(text, sizeof text, "%d", me);
	CHECK_INT(pvm_spawn(argv[0], orphan, PvmNoSpawnParent, "", 1, tids), 1);
	CHECK_CODE("pvm_parent() of an orphan", check_recv_int(tids[0], TAG_READY),
		PvmParentNotSet);
	CHECK_INT(pvm_tasks(-1, &count, &tasks), PvmNoHost);
	CHECK_CODE("pvm_delhosts() of no host", (pvm_delhosts(nowhere, 1, &status), status),
		PvmNoHost);
	CHECK_INT(pvm_trecv(me, 4711, &none), 0);
	CHECK(pvm_newcontext() > 0);
	if (check_ours("library"))
		CHECK_INT(pvm_perror("code"), 0);
}

int main(int argc, char **argv)
{
	int me;

	check_start();
	me = pvm_mytid();
	CHECK(me > 0);
	if (argc > 1 && strcmp(argv[1], "owner") == 0)
		return owner();
	if (argc > 1) {
		check_send_int(atoi(argv[2]), TAG_READY, pvm_parent());
		pvm_exit();
		return 0;
	}
	buffers();
	packing();
	nesting();
	sending();
	options(me);
	masks();
	tracers();
	CHECK_INT(pvm_freecontext(-1), PvmNotFound);
	machine(argv, me);
	pvm_exit();
	return check_done();
}
