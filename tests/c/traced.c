/* SPDX-License-Identifier: MIT */
/*
 * A traced task that makes nearly every call that is an event, good and refused ones,
 * in the same order each time: a collector sees the same whichever library and
 * daemon it has, but for times, tids, buffer ids and addresses.  (pvm_siblings is
 * missing: traced, it crashes 3.4.6.)
 */
#include <pvm3.h>
#include <pvmtev.h>
#include <stdlib.h>
#include <string.h>

static char bytes[4] = "abc";
static short shorts[3] = { 1, -2, 3 };
static unsigned short ushorts[3] = { 1, 2, 3 };
static int ints[3] = { 1, -2, 3 };
static unsigned uints[3] = { 1, 2, 3 };
static long longs[3] = { 1, -2, 3 };
static unsigned long ulongs[3] = { 1, 2, 3 };
static float floats[6] = { 1, 2, 3, 4, 5, 6 };
static double doubles[6] = { 1, 2, 3, 4, 5, 6 };
static char text[64] = "text";

static int ignore(int mid)
{
	(void)mid;
	return 0;
}

static void pack_all(void)
{
	pvm_pkbyte(bytes, 3, 1);
	pvm_pkshort(shorts, 3, 1);
	pvm_pkushort(ushorts, 3, 1);
	pvm_pkint(ints, 2, 2);
	pvm_pkuint(uints, 3, 1);
	pvm_pklong(longs, 3, 1);
	pvm_pkulong(ulongs, 3, 1);
	pvm_pkfloat(floats, 3, 1);
	pvm_pkdouble(doubles, 3, 1);
	pvm_pkcplx(floats, 3, 1);
	pvm_pkdcplx(doubles, 3, 1);
	pvm_pkstr(text);
	pvm_packf("%d %s", 7, "format");
}

static void unpack_all(void)
{
	int number;

	pvm_upkbyte(bytes, 3, 1);
	pvm_upkshort(shorts, 3, 1);
	pvm_upkushort(ushorts, 3, 1);
	pvm_upkint(ints, 2, 2);
	pvm_upkuint(uints, 3, 1);
	pvm_upklong(longs, 3, 1);
	pvm_upkulong(ulongs, 3, 1);
	pvm_upkfloat(floats, 3, 1);
	pvm_upkdouble(doubles, 3, 1);
	pvm_upkcplx(floats, 3, 1);
	pvm_upkdcplx(doubles, 3, 1);
	pvm_upkstr(text);
	pvm_unpackf("%d %s", &number, text);
	pvm_upkint(&number, 1, 1); /* refused: the message is at its end */
}

static void messages(int me)
{
	struct timeval none = { 0, 0 };
	struct pvmminfo info;
	int length, tag, source, buffer, old;

	pvm_initsend(PvmDataDefault);
	pack_all();
	pvm_send(me, 5);
	pvm_send(-5, 5); /* refused */
	pvm_probe(me, 4);
	buffer = pvm_recv(me, 5);
	pvm_bufinfo(buffer, &length, &tag, &source);
	unpack_all();
	pvm_nrecv(-1, 99);
	pvm_trecv(-1, 99, &none);
	pvm_psend(me, 6, ints, 3, PVM_INT);
	pvm_precv(me, 6, ints, 3, PVM_INT, &source, &tag, &length);
	pvm_mcast(&me, 1, 7);
	buffer = pvm_mkbuf(PvmDataRaw);
	old = pvm_setsbuf(buffer);
	pvm_getsbuf();
	pvm_setsbuf(old);
	old = pvm_setrbuf(0);
	pvm_getrbuf();
	pvm_setrbuf(old);
	pvm_getminfo(buffer, &info);
	pvm_setminfo(buffer, &info);
	pvm_freebuf(buffer);
	pvm_freebuf(999); /* refused */
	pvm_recvf((int (*)(int, int, int))pvm_recvf(NULL));
}

static void handlers(int me)
{
	int id = pvm_addmhf(me, 8, 0, ignore);

	pvm_initsend(PvmDataDefault);
	pvm_send(me, 8);
	pvm_send(me, 10);
	pvm_recv(me, 10); /* by then the handler has run */
	pvm_delmhf(id);
	pvm_delmhf(id); /* refused */
}

static void machine(int me)
{
	struct pvmhostinfo *hosts;
	struct pvmtaskinfo *tasks;
	char *names[] = { "/bad", "/worse" };
	char *arguments[] = { "-x" };
	int nhosts, narch, ntasks, codes[2], tickle[2] = { 6, 0 }, answer[10], nanswer, *fds;

	pvm_config(&nhosts, &narch, &hosts);
	pvm_tasks(me, &ntasks, &tasks);
	pvm_mstat("nowhere");
	pvm_pstat(me);
	pvm_archcode("LINUX64");
	pvm_addhosts(names, 0, codes);   /* refused */
	pvm_delhosts(names, 0, codes);   /* refused */
	pvm_start_pvmd(1, arguments, 0); /* refused */
	pvm_spawn("/no/such/program", NULL, PvmTaskDefault, "", 2, codes);
	pvm_tickle(1, tickle, &nanswer, answer);
	pvm_sendsig(-1, 0); /* refused */
	pvm_kill(-1);       /* refused */
	pvm_notify(PvmTaskExit, 9, 1, &me);
	pvm_getfds(&fds);
	pvm_parent();
}

static void mailbox(void)
{
	struct pvmmboxinfo *classes;
	int n, context;

	pvm_initsend(PvmDataDefault);
	pvm_pkint(ints, 1, 1);
	pvm_putinfo("class", pvm_getsbuf(), PvmMboxDefault);
	pvm_recvinfo("class", 0, PvmMboxDefault);
	pvm_getmboxinfo("class", &n, &classes);
	pvm_delinfo("class", 0, PvmMboxDefault);
	pvm_delinfo("class", 0, PvmMboxDefault); /* refused */
	pvm_insert("old", -1, 4711);
	pvm_lookup("old", -1, &n);
	pvm_delete("old", -1);
	context = pvm_newcontext();
	context = pvm_setcontext(context);
	pvm_getcontext();
	context = pvm_setcontext(context);
	pvm_freecontext(context);
	pvm_setopt(PvmAutoErr, 0);
	pvm_getopt(PvmRoute);
}

static void user_event(void)
{
	pvm_initsend(PvmDataTrace);
	pvm_pkint(ints, 1, 1);
	pvm_pkdouble(doubles, 2, 1);
	pvm_pkstr("user");
	pvm_pkbyte("x", 1, 1);
	pvm_send(PVM_TRACE_TID, PVM_TRACE_CODE);
}

/* Arguments: option (1 full, 2 time, 3 count), buffer bytes, how often. */
int main(int argc, char **argv)
{
	int rounds = argc > 3 ? atoi(argv[3]) : 2;
	int me = pvm_mytid();
	Pvmtmask all;

	if (me < 0)
		return 1;
	memset(all, 'O', sizeof all - 1);
	all[sizeof all - 1] = 0;
	pvm_settmask(PvmTaskSelf, all);
	if (argc > 1)
		pvm_setopt(PvmSelfTraceOptions, atoi(argv[1]));
	if (argc > 2)
		pvm_setopt(PvmSelfTraceBuffer, atoi(argv[2]));
	pvm_setopt(PvmAutoErr, 0);
	while (rounds-- > 0) {
		messages(me);
		handlers(me);
		machine(me);
		mailbox();
		user_event();
	}
	pvm_exit();
	return 0;
}
