/* SPDX-License-Identifier: MIT */
/* The courses of calls that faulty.c disturbs. */
#define _GNU_SOURCE
#include "faulty.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pvmproto.h"
#include "pvmtev.h"

int pvmsettaskname(char *name);

enum { FEW = 10, MANY = 30000 };

static int numbers[MANY];

static void __attribute__((constructor)) fill_numbers(void)
{
	for (int i = 0; i < MANY; i++)
		numbers[i] = i * 3;
}

/* Name that no other run uses. */
static char *own_name(void)
{
	static char name[32];

	snprintf(name, sizeof name, "f%d", (int)getpid());
	return name;
}

/* ---- enrolling and leaving --------------------------------------------------------- */

static void enrol(void)
{
	pvmsettaskname("faulty");
	TRY(pvm_mytid());
	REFUSED(pvm_parent(), PvmNoParent);
	TRY(pvm_exit());
	TRY(pvm_mytid());
	TRY(pvm_exit());
}

/* ---- packing ------------------------------------------------------------------------ */

struct items {
	char b[3];
	short s[3];
	int i[3];
	long l[3];
	float f[6];
	double d[6];
};

static const struct items model = { "ab", { 1, -2, 3 }, { 4, -5, 6 }, { 7, -8, 9 },
	{ 1, 2, 3, 4, 5, 6 }, { 6, 5, 4, 3, 2, 1 } };

static int pack_items(int stride)
{
	struct items v = model;
	unsigned short us[3] = { 1, 2, 3 };
	unsigned int ui[3] = { 1, 2, 3 };
	unsigned long ul[3] = { 1, 2, 3 };
	int n = stride == 1 ? 3 : 2;

	STEP(pvm_pkbyte(v.b, n, stride));
	STEP(pvm_pkshort(v.s, n, stride));
	STEP(pvm_pkint(v.i, n, stride));
	STEP(pvm_pklong(v.l, n, stride));
	STEP(pvm_pkfloat(v.f, n, stride));
	STEP(pvm_pkdouble(v.d, n, stride));
	STEP(pvm_pkcplx(v.f, n, stride));
	STEP(pvm_pkdcplx(v.d, n, stride));
	STEP(pvm_pkushort(us, n, stride));
	STEP(pvm_pkuint(ui, n, stride));
	STEP(pvm_pkulong(ul, n, stride));
	return 0;
}

static int unpack_items(void)
{
	struct items v;
	unsigned short us[3];
	unsigned int ui[3];
	unsigned long ul[3];
	char text[20];

	memset(&v, 0, sizeof v);
	STEP(pvm_upkbyte(v.b, 3, 1));
	STEP(pvm_upkshort(v.s, 3, 1));
	STEP(pvm_upkint(v.i, 3, 1));
	STEP(pvm_upklong(v.l, 3, 1));
	STEP(pvm_upkfloat(v.f, 3, 1));
	STEP(pvm_upkdouble(v.d, 3, 1));
	RIGHT(memcmp(v.b, model.b, 3) == 0 && memcmp(v.s, model.s, sizeof v.s) == 0);
	RIGHT(memcmp(v.i, model.i, sizeof v.i) == 0 && memcmp(v.l, model.l, sizeof v.l) == 0);
	RIGHT(v.f[2] == 3 && v.d[2] == 4);
	STEP(pvm_upkcplx(v.f, 3, 1));
	STEP(pvm_upkdcplx(v.d, 3, 1));
	RIGHT(v.f[5] == 6 && v.d[5] == 1);
	STEP(pvm_upkushort(us, 3, 1));
	STEP(pvm_upkuint(ui, 3, 1));
	STEP(pvm_upkulong(ul, 3, 1));
	RIGHT(us[2] == 3 && ui[2] == 3 && ul[2] == 3);
	STEP(pvm_unpackf("%s", text));
	RIGHT(strcmp(text, "text") == 0);
	return 0;
}

/* A message within a message, and one message's body behind another's. */
static int nest(int encoding)
{
	int inner = pvm_mkbuf(encoding), outer, found;

	STEP(inner);
	STEP(pvm_setsbuf(inner));
	STEP(pvm_pkint(numbers, FEW, 1));
	outer = pvm_mkbuf(encoding);
	STEP(outer);
	STEP(pvm_setsbuf(outer));
	STEP(pvm_pkmesg(inner));
	STEP(pvm_pkmesgbody(inner));
	STEP(pvm_setrbuf(pvm_setsbuf(0)));
	found = pvm_upkmesg();
	STEP(found);
	STEP(pvm_freebuf(found));
	STEP(pvm_freebuf(inner));
	STEP(pvm_freebuf(outer));
	return 0;
}

static void pack(void)
{
	static const int encodings[] = { PvmDataDefault, PvmDataRaw, PvmDataInPlace };

	for (int k = 0; k < 3; k++) {
		TRY(pvm_initsend(encodings[k]));
		TRY(pack_items(1));
		if (encodings[k] == PvmDataInPlace)
			continue;
		TRY(pvm_pkstr("text"));
		TRY(pack_items(2));
		TRY(pvm_packf("%d %s %3d", 7, "seven", numbers));
		TRY(pvm_pkint(numbers, MANY, 1));
		TRY(pvm_setrbuf(pvm_setsbuf(0)));
		TRY(unpack_items());
		TRY(nest(encodings[k]));
	}
	TRY(pvm_setopt(PvmFragSize, 64));
	TRY(pvm_initsend(PvmDataTrace));
	TRY(pack_items(1));
	TRY(pvm_pkstr("text"));
}

/* ---- messages ------------------------------------------------------------------------ */

/* Send n numbers to a task and get them back. */
static int bounce(int tid, int tag, int encoding, int n)
{
	static int back[MANY];

	STEP(pvm_initsend(encoding));
	STEP(pvm_pkint(numbers, n, 1));
	STEP(pvm_send(tid, tag));
	STEP(receive(tid, REPLY));
	memset(back, 0, sizeof back);
	STEP(pvm_upkint(back, n, 1));
	RIGHT(memcmp(back, numbers, (size_t)n * sizeof *back) == 0);
	return 0;
}

static void messages(void)
{
	int bytes = 0, *fds;
	struct pvmminfo head;

	TRY(bounce(echo_tid, ECHO, PvmDataDefault, FEW));
	TRY(bounce(echo_tid, ECHO, PvmDataRaw, MANY));
	TRY(bounce(echo_tid, ECHO, PvmDataInPlace, MANY));
	TRY(pvm_psend(echo_tid, ECHO, numbers, MANY, PVM_INT));
	TRY(pvm_precv(-1, REPLY, numbers, MANY, PVM_INT, NULL, NULL, &bytes));
	RIGHT(bytes == (int)sizeof numbers && numbers[MANY - 1] == (MANY - 1) * 3);
	TRY(pvm_initsend(PvmDataDefault));
	TRY(pvm_pkint(numbers, FEW, 1));
	TRY(pvm_mcast(&echo_tid, 1, ECHO));
	TRY(pvm_probe(echo_tid, 77));
	TRY(pvm_recv(echo_tid, REPLY));
	TRY(pvm_bufinfo(pvm_getrbuf(), &bytes, NULL, NULL));
	TRY(pvm_getminfo(pvm_getrbuf(), &head));
	TRY(pvm_setminfo(pvm_getrbuf(), &head));
	RIGHT(bytes == FEW * 4 && head.src == echo_tid);
	TRY(pvm_nrecv(-1, 77));
	TRY(pvm_getfds(&fds));
	TRY(pvm_exit());
}

/* Many messages that nobody has asked for yet, in fragments of a small size. */
static void backlog(void)
{
	int tid = pvm_mytid(), got;

	TRY(pvm_setopt(PvmFragSize, 4080));
	for (int i = 0; i < 16; i++) {
		TRY(pvm_initsend(PvmDataRaw));
		TRY(pvm_pkint(&i, 1, 1));
		TRY(pvm_pkint(numbers, i % 4 ? FEW : MANY / 4, 1));
		TRY(pvm_send(tid, i));
	}
	for (int i = 15; i >= 0; i--) {
		TRY(receive(tid, i));
		TRY(pvm_upkint(&got, 1, 1));
		RIGHT(got == i);
	}
}

/* ---- direct routes --------------------------------------------------------------------- */

/* This task asks for a route. */
static void route(void)
{
	TRY(pvm_setopt(PvmRoute, PvmRouteDirect));
	TRY(pvm_notify(PvmRouteAdd, 50, -1, NULL));
	TRY(bounce(echo_tid, ECHO, PvmDataRaw, FEW));
	TRY(bounce(echo_tid, ECHO, PvmDataDefault, MANY));
	TRY(pvm_psend(echo_tid, ECHO, numbers, MANY, PVM_INT));
	TRY(receive(echo_tid, REPLY));
	TRY(pvm_notify(PvmRouteDelete, 51, 1, &echo_tid));
	TRY(pvm_mcast(&echo_tid, 1, ECHO));
	TRY(receive(echo_tid, REPLY));
	TRY(pvm_exit());
}

/* The other task asks. */
static void routed(void)
{
	int *fds;

	TRY(bounce(echo_tid, ECHO_DIRECT, PvmDataRaw, FEW));
	TRY(bounce(echo_tid, ECHO_DIRECT, PvmDataDefault, MANY));
	TRY(pvm_getfds(&fds));
	TRY(bounce(echo_tid, ECHO_DIRECT, PvmDataInPlace, MANY));
	TRY(pvm_exit());
}

/* Short messages, before there is a route and by it. */
static int bounce_some(int tag)
{
	for (int i = 0; i < FEW; i++)
		STEP(bounce(echo_tid, tag, PvmDataRaw, FEW));
	return 0;
}

static void opened(void)
{
	TRY(pvm_setopt(PvmRoute, PvmRouteDirect));
	TRY(bounce_some(ECHO));
	TRY(pvm_exit());
}

static void accepted(void)
{
	TRY(bounce_some(ECHO_DIRECT));
	TRY(pvm_exit());
}

/* ---- tasks -------------------------------------------------------------------------------- */

static void spawn(void)
{
	char *arguments[] = { "one", "two", NULL };
	int tids[3] = { 0 };

	TRY(pvm_export("PATH"));
	TRY(pvm_spawn("/bin/true", arguments, PvmTaskDefault, "", 2, tids));
	RIGHT(tids[0] > 0);
	TRY(pvm_notify(PvmTaskExit, 60, 2, tids));
	TRY(receive(-1, 60));
	TRY(receive(-1, 60));
	TRY(pvm_spawn("/nonexistent/program", NULL, PvmTaskDefault, "", 1, NULL));
	TRY(pvm_unexport("PATH"));
}

static void collect_output(void)
{
	FILE *sink = fopen("/dev/null", "w");
	char *arguments[] = { "a\\nb\\nno end", NULL };

	if (pvm_catchout(sink) >= 0 &&
		went(pvm_spawn("/usr/bin/printf", arguments, PvmTaskDefault, "", 2, NULL), "spawn"))
		went(pvm_exit(), "pvm_exit");
	pvm_catchout(NULL);
	fclose(sink);
}

/* A daemon that another one stands in for: the script of prepare_start prints its address. */
static void start_daemon(void)
{
	char *arguments[] = { "-x", NULL };

	went(pvm_start_pvmd(1, arguments, 1), "pvm_start_pvmd");
	fault_disarm();
	setenv("PVMSOCK", getenv("FAULTY_ADDRESS"), 1);
}

static void prepare_start(void)
{
	setenv("PVM_ROOT", getenv("FAULTY_ROOT"), 1);
	setenv("PVM_TMP", getenv("FAULTY_ROOT"), 1);
	setenv("PATH", getenv("FAULTY_ROOT"), 1);
}

static void siblings(void)
{
	int tids[2] = { pvm_mytid(), echo_tid }, n = 2, *list;

	TRY(pvm_setopt(PvmResvTids, 1));
	TRY(pvm_initsend(PvmDataDefault));
	TRY(pvm_pkint(&n, 1, 1));
	TRY(pvm_pkint(tids, 2, 1));
	pvm_setcontext(SYSCTX_TC);
	n = pvm_send(tids[0], TC_SIBLINGS);
	pvm_setcontext(0);
	TRY(n);
	TRY(pvm_pstat(tids[0]));
	TRY(pvm_siblings(&list));
}

/* ---- notices, mailbox, contexts, options ----------------------------------------------------- */

static void notify(void)
{
	int self = pvm_mytid(), host = pvm_tidtohost(self);

	TRY(pvm_notify(PvmTaskExit, 60, 1, &self));
	TRY(pvm_notify(PvmTaskExit | PvmNotifyCancel, 60, 1, &self));
	TRY(pvm_notify(PvmTaskExit, 62, 1, &echo_tid));
	TRY(pvm_notify(PvmTaskExit | PvmNotifyCancel, 62, 1, &echo_tid));
	TRY(receive(-1, 62));
	TRY(pvm_notify(PvmHostDelete, 63, 1, &host));
	TRY(pvm_notify(PvmHostAdd, 64, 1, NULL));
	TRY(pvm_notify(PvmHostAdd, 64, 0, NULL));
	TRY(pvm_notify(PvmRouteDelete, 65, 1, &echo_tid));
	TRY(pvm_notify(PvmRouteDelete | PvmNotifyCancel, 65, 1, &echo_tid));
	TRY(pvm_notify(PvmTaskExit, 66, 1, &self));
	TRY(pvm_exit());
}

static void mailbox(void)
{
	struct pvmmboxinfo *classes;
	char *name = own_name(), number[40];
	int n, value = 0, index, *tids;

	snprintf(number, sizeof number, "%s n", name);

	TRY(pvm_initsend(PvmDataDefault));
	TRY(pvm_pkint(numbers, 1000, 1));
	TRY(pvm_putinfo(name, pvm_getsbuf(), PvmMboxMultiInstance));
	TRY(pvm_recvinfo(name, 0, PvmMboxDefault));
	TRY(pvm_upkint(&value, 1, 1));
	index = pvm_insert(number, -1, 42);
	TRY(index);
	TRY(pvm_lookup(number, index, &value));
	RIGHT(value == 42);
	TRY(pvm_getmboxinfo(name, &n, &classes));
	RIGHT(n >= 2);
	TRY(pvm_setopt(PvmNoReset, 1));
	TRY(pvm_getnoresets(&tids, &n));
	TRY(pvm_delinfo(name, 0, PvmMboxDefault));
	REFUSED(pvm_recvinfo(name, 0, PvmMboxDefault), PvmNotFound);
	TRY(pvm_delete(number, index));
}

static void contexts(void)
{
	int context = pvm_newcontext(), base;

	TRY(context);
	base = pvm_setcontext(context);
	TRY(bounce(echo_tid, ECHO, PvmDataDefault, FEW));
	pvm_setcontext(base);
	TRY(pvm_freecontext(context));
}

static void options(void)
{
	int self = pvm_mytid();

	TRY(pvm_setopt(PvmSelfOutputTid, self));
	TRY(pvm_setopt(PvmSelfOutputCode, 71));
	TRY(pvm_setopt(PvmSelfTraceTid, self));
	TRY(pvm_setopt(PvmSelfTraceCode, 72));
	TRY(pvm_setopt(PvmSelfTraceTid, 0));
	TRY(pvm_setopt(PvmSelfOutputTid, 0));
	TRY(pvm_setopt(PvmNoReset, 1));
	TRY(pvm_setopt(PvmNoReset, 0));
}

/* ---- questions --------------------------------------------------------------------------------- */

static void questions(void)
{
	int self = pvm_mytid(), host = pvm_tidtohost(self);
	int n, narch, infos[1], hook = 6, answer[10];
	struct pvmhostinfo *hosts;
	struct pvmtaskinfo *tasks;
	struct timeval clock, delta;

	TRY(pvm_config(&n, &narch, &hosts));
	RIGHT(n == 1);
	TRY(pvm_archcode(hosts[0].hi_arch));
	TRY(pvm_mstat(hosts[0].hi_name));
	TRY(pvm_addhosts(&hosts[0].hi_name, 1, infos));
	TRY(pvm_tasks(0, &n, &tasks));
	RIGHT(n >= 1);
	TRY(pvm_tasks(self, &n, NULL));
	TRY(pvm_pstat(echo_tid));
	TRY(pvm_sendsig(echo_tid, 0));
	TRY(pvm_hostsync(host, &clock, &delta));
	TRY(pvm_tickle(1, &hook, &n, answer));
	TRY(pvm_getopt(PvmSelfTraceTid));
}

/* A system task of each kind, and no more. */
static void roles(void)
{
	Pvmtmask mask;

	TEV_MASK_INIT(mask);
	for (int k = 0; k < 2; k++) {
		TRY(pvm_reg_hoster());
		TRY(pvm_reg_tasker());
		TRY(pvm_reg_tracer(0, 81, 0, 82, mask, 0, 0));
	}
}

/* ---- handlers and traces --------------------------------------------------------------------------- */

static int handled;

static int handle(int mid)
{
	int n = 0;

	if (pvm_upkint(&n, 1, 1) < 0 || n != 4711 || mid != pvm_getrbuf())
		wrong("handler got %d", n);
	handled++;
	if (pvm_initsend(PvmDataDefault) >= 0 && pvm_pkint(&n, 1, 1) >= 0)
		pvm_send(pvm_mytid(), 92);
	return 0;
}

static void handlers(void)
{
	int self = pvm_mytid(), id = pvm_addmhf(self, 91, -1, handle), n = 4711;

	TRY(id);
	handled = 0;
	TRY(pvm_initsend(PvmDataDefault));
	TRY(pvm_pkint(&n, 1, 1));
	TRY(pvm_send(self, 91));
	TRY(pvm_pstat(self));
	TRY(bounce(echo_tid, ECHO, PvmDataRaw, FEW));
	RIGHT(handled == 1 || !fault_invisible(fault->class));
	TRY(pvm_delmhf(id));
}

static void traced(void)
{
	Pvmtmask mask;
	int self = pvm_mytid(), kind;

	TEV_MASK_INIT(mask);
	for (kind = 0; kind <= TEV_MAX; kind++)
		TEV_MASK_SET(mask, kind);
	TRY(pvm_settmask(PvmTaskSelf, mask));
	TRY(pvm_setopt(PvmSelfTraceTid, echo_tid));
	TRY(pvm_setopt(PvmSelfTraceCode, 95));
	TRY(bounce(echo_tid, ECHO, PvmDataDefault, FEW));
	TRY(pvm_initsend(PvmDataTrace));
	TRY(pvm_pkint(numbers, FEW, 1));
	TRY(pvm_send(PVM_TRACE_TID, PVM_TRACE_CODE));
	TRY(pvm_setopt(PvmSelfTraceBuffer, 2000));
	TRY(pvm_pstat(self));
	TRY(bounce(echo_tid, ECHO, PvmDataRaw, MANY));
	TRY(pvm_setopt(PvmSelfTraceOptions, PvmTraceTime));
	TRY(pvm_pstat(self));
	TRY(pvm_exit());
}

/* ---- groups ---------------------------------------------------------------------------------------------- */

/* A group of this task alone. */
static void group(void)
{
	char *name = own_name();
	int all[3] = { 0 }, own[3] = { 1, 2, 3 }, *tids;

	TRY(pvm_joingroup(name));
	TRY(pvm_gsize(name));
	TRY(pvm_getinst(name, pvm_mytid()));
	TRY(pvm_gettid(name, 0));
	TRY(pvm_barrier(name, 1));
	REFUSED(pvm_bcast(name, 100), PvmNoInst);
	TRY(pvm_gather(all, own, 3, PVM_INT, 101, name, 0));
	RIGHT(all[2] == 3);
	TRY(pvm_freezegroup(name, 1));
	TRY(pvm_gsize(name));
	TRY(pvm_getfds(&tids));
	TRY(pvm_lvgroup(name));
}

/* The instance that is root of the collective calls: the one with faults is 0. */
static int root(void)
{
	return strcmp(scenario->name, "root") != 0;
}

static char *pair_name(void)
{
	static char name[32];

	snprintf(name, sizeof name, "pair%d", fault->nth);
	return name;
}

/* What both of two members do. */
static int take_part(void)
{
	long sums[FEW] = { 1L << 40, 2 };
	double all[2 * FEW] = { 0 }, part[FEW] = { 0 }, own[FEW] = { 1, 2, 3 };
	char *name = pair_name();

	STEP(pvm_barrier(name, 2));
	STEP(pvm_initsend(PvmDataRaw));
	STEP(pvm_bcast(name, 110));
	STEP(receive(-1, 110));
	STEP(pvm_gather(all, own, FEW, PVM_DOUBLE, 111, name, root()));
	STEP(pvm_scatter(part, all, FEW, PVM_DOUBLE, 112, name, root()));
	STEP(pvm_reduce(PvmSum, sums, FEW, PVM_LONG, 113, name, root()));
	STEP(pvm_barrier(name, 2));
	return 0;
}

static void be_first_member(void)
{
	if (pvm_joingroup(pair_name()) != 0 || pvm_initsend(PvmDataDefault) < 0 ||
		pvm_send(partner_tid, ECHO) < 0)
		wrong("the group cannot be made");
}

static void be_second_member(void)
{
	pvm_recv(-1, ECHO);
	if (pvm_joingroup(pair_name()) == 1)
		take_part();
}

static void member(void)
{
	TRY(take_part());
	TRY(pvm_lvgroup(pair_name()));
}

#define TASK .enrolled = true
#define PAIR TASK, .groups = true, .prepare = be_first_member, .partner = be_second_member

const struct scenario scenarios[] = {
	{ .name = "enrol", .run = enrol },
	{ .name = "pack", .run = pack },
	{ .name = "messages", .run = messages, TASK },
	{ .name = "backlog", .run = backlog, TASK },
	{ .name = "route", .run = route, TASK, .lossy = true, .renewed = true },
	{ .name = "routed", .run = routed, TASK, .lossy = true, .renewed = true },
	{ .name = "opened", .run = opened, TASK, .renewed = true },
	{ .name = "accepted", .run = accepted, TASK, .renewed = true },
	{ .name = "spawn", .run = spawn, TASK },
	{ .name = "output", .run = collect_output, TASK },
	{ .name = "start", .run = start_daemon, .prepare = prepare_start },
	{ .name = "siblings", .run = siblings, TASK },
	{ .name = "notify", .run = notify, TASK },
	{ .name = "mailbox", .run = mailbox, TASK },
	{ .name = "contexts", .run = contexts, TASK },
	{ .name = "options", .run = options, TASK },
	{ .name = "questions", .run = questions, TASK },
	{ .name = "roles", .run = roles, TASK },
	{ .name = "handlers", .run = handlers, TASK },
	{ .name = "traced", .run = traced, TASK },
	{ .name = "group", .run = group, TASK, .groups = true },
	{ .name = "root", .run = member, PAIR },
	{ .name = "leaf", .run = member, PAIR },
	{ .name = "shared", .run = shared, TASK, .partner = share_back, .prepare = share_at_once },
	{ .name = NULL },
};
