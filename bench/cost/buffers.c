/* SPDX-License-Identifier: MIT */
/* Costs of calls that only look at or change the task's own state. */
#include "cost.h"

#define MANY 10000

static int ids[MANY];
static int next;
static struct pvmminfo header;

static void begin_buffer(void)
{
	ids[0] = pvm_initsend(PvmDataRaw);
	CHECK(ids[0] > 0 && pvm_pkint(&next, 1, 1) == 0);
}

static void begin_received(void)
{
	send_to_self(TAG_PING);
	ids[0] = pvm_recv(-1, TAG_PING);
	CHECK(ids[0] > 0);
}

static void begin_many(void)
{
	for (int i = 0; i < MANY; i++)
		CHECK((ids[i] = pvm_mkbuf(PvmDataRaw)) > 0);
}

/* The buffers in an order that no cache foresees. */
static int *another(void)
{
	next = (next + 7919) % MANY;
	return &ids[next];
}

static void mytid(void)
{
	pvm_mytid();
}

static void parent_of_none(void)
{
	pvm_parent();
}

static void siblings_of_none(void)
{
	int *tids;

	pvm_siblings(&tids);
}

static void version(void)
{
	pvm_version();
}

static void tidtohost(void)
{
	pvm_tidtohost(cost_tid);
}

static void tidtohost_of_none(void)
{
	pvm_tidtohost(0);
}

static void initsend_default(void)
{
	pvm_initsend(PvmDataDefault);
}

static void initsend_raw(void)
{
	pvm_initsend(PvmDataRaw);
}

static void initsend_in_place(void)
{
	pvm_initsend(PvmDataInPlace);
}

static void initsend_refused(void)
{
	pvm_initsend(77);
}

static void mkbuf_freebuf(void)
{
	pvm_freebuf(pvm_mkbuf(PvmDataDefault));
}

static void mkbuf_refused(void)
{
	pvm_mkbuf(77);
}

static void freebuf_of_none(void)
{
	pvm_freebuf(123456);
}

static void freebuf_of_many(void)
{
	int *id = another();

	pvm_freebuf(*id);
	*id = pvm_mkbuf(PvmDataRaw);
}

static void getsbuf(void)
{
	pvm_getsbuf();
}

static void getrbuf(void)
{
	pvm_getrbuf();
}

static void setsbuf(void)
{
	pvm_setsbuf(ids[0]);
}

static void setsbuf_in_turns(void)
{
	pvm_setsbuf(pvm_setsbuf(0));
}

static void setsbuf_of_many(void)
{
	pvm_setsbuf(*another());
}

static void setsbuf_of_none(void)
{
	pvm_setsbuf(123456);
}

static void setrbuf(void)
{
	pvm_setrbuf(ids[0]);
}

static void setrbuf_in_turns(void)
{
	pvm_setrbuf(pvm_setrbuf(0));
}

static void setrbuf_of_none(void)
{
	pvm_setrbuf(123456);
}

static void bufinfo(void)
{
	int bytes, tag, tid;

	pvm_bufinfo(ids[0], &bytes, &tag, &tid);
}

static void bufinfo_of_many(void)
{
	int bytes, tag, tid;

	pvm_bufinfo(*another(), &bytes, &tag, &tid);
}

static void bufinfo_of_none(void)
{
	pvm_bufinfo(123456, NULL, NULL, NULL);
}

static void getminfo(void)
{
	pvm_getminfo(ids[0], &header);
}

static void setminfo(void)
{
	pvm_setminfo(ids[0], &header);
}

static void getminfo_of_none(void)
{
	pvm_getminfo(123456, &header);
}

static void getopt_route(void)
{
	pvm_getopt(PvmRoute);
}

static void getopt_refused(void)
{
	pvm_getopt(777);
}

static void setopt_autoerr(void)
{
	pvm_setopt(PvmAutoErr, 0);
}

static void setopt_fragsize(void)
{
	pvm_setopt(PvmFragSize, 8192);
}

static void setopt_output(void)
{
	pvm_setopt(PvmOutputTid, 0);
}

static void setopt_refused(void)
{
	pvm_setopt(777, 1);
}

static void getcontext(void)
{
	pvm_getcontext();
}

static void setcontext(void)
{
	pvm_setcontext(pvm_setcontext(5));
}

static void recvf(void)
{
	pvm_recvf(NULL);
}

static void handler_added(void)
{
	pvm_delmhf(pvm_addmhf(cost_tid, 4711, 0, NULL));
}

static void delmhf_of_none(void)
{
	pvm_delmhf(12345);
}

static void error_text(void)
{
	pvm_strerror();
}

static void getfds(void)
{
	int *fds;

	pvm_getfds(&fds);
}

static void temporary(void)
{
	pvmgettmp();
}

static void remote_shell(void)
{
	pvmgetrsh();
}

static void send_without_buffer(void)
{
	pvm_send(cost_tid, 1);
}

static void begin_without_buffer(void)
{
	pvm_setsbuf(0);
}

static void send_refused(void)
{
	pvm_send(-5, 1);
}

static void mcast_refused(void)
{
	pvm_mcast(NULL, -1, 1);
}

static void psend_refused(void)
{
	pvm_psend(cost_tid, 1, &next, 1, 99);
}

const struct cost_case cost_buffers[] = {
	{ "mytid", NULL, NULL, mytid, 0, NULL },
	{ "parent-of-none", NULL, NULL, parent_of_none, 0, NULL },
	{ "siblings-of-none", NULL, NULL, siblings_of_none, 0, NULL },
	{ "version", NULL, NULL, version, 0, NULL },
	{ "tidtohost", NULL, NULL, tidtohost, 0, NULL },
	{ "tidtohost-of-none", NULL, NULL, tidtohost_of_none, 0, NULL },
	{ "initsend-default", NULL, NULL, initsend_default, 0, NULL },
	{ "initsend-raw", NULL, NULL, initsend_raw, 0, NULL },
	{ "initsend-in-place", NULL, NULL, initsend_in_place, 0, NULL },
	{ "initsend-refused", NULL, NULL, initsend_refused, 0, NULL },
	{ "mkbuf-freebuf", NULL, NULL, mkbuf_freebuf, 0, NULL },
	{ "mkbuf-refused", NULL, NULL, mkbuf_refused, 0, NULL },
	{ "freebuf-of-none", NULL, NULL, freebuf_of_none, 0, NULL },
	{ "freebuf-of-10000", begin_many, NULL, freebuf_of_many, 0, NULL },
	{ "getsbuf", begin_buffer, NULL, getsbuf, 0, NULL },
	{ "getrbuf", begin_received, NULL, getrbuf, 0, NULL },
	{ "setsbuf", begin_buffer, NULL, setsbuf, 0, NULL },
	{ "setsbuf-in-turns", begin_buffer, NULL, setsbuf_in_turns, 0, NULL },
	{ "setsbuf-of-10000", begin_many, NULL, setsbuf_of_many, 0, NULL },
	{ "setsbuf-of-none", NULL, NULL, setsbuf_of_none, 0, NULL },
	{ "setrbuf", begin_received, NULL, setrbuf, 0, NULL },
	{ "setrbuf-in-turns", begin_received, NULL, setrbuf_in_turns, 0, NULL },
	{ "setrbuf-of-none", NULL, NULL, setrbuf_of_none, 0, NULL },
	{ "bufinfo", begin_received, NULL, bufinfo, 0, NULL },
	{ "bufinfo-of-10000", begin_many, NULL, bufinfo_of_many, 0, NULL },
	{ "bufinfo-of-none", NULL, NULL, bufinfo_of_none, 0, NULL },
	{ "getminfo", begin_received, NULL, getminfo, 0, NULL },
	{ "setminfo", begin_buffer, NULL, setminfo, 0, NULL },
	{ "getminfo-of-none", NULL, NULL, getminfo_of_none, 0, NULL },
	{ "getopt-route", NULL, NULL, getopt_route, 0, NULL },
	{ "getopt-refused", NULL, NULL, getopt_refused, 0, NULL },
	{ "setopt-autoerr", NULL, NULL, setopt_autoerr, 0, NULL },
	{ "setopt-fragsize", NULL, NULL, setopt_fragsize, 0, NULL },
	{ "setopt-output", NULL, NULL, setopt_output, 0, NULL },
	{ "setopt-refused", NULL, NULL, setopt_refused, 0, NULL },
	{ "getcontext", NULL, NULL, getcontext, 0, NULL },
	{ "setcontext", NULL, NULL, setcontext, 0, NULL },
	{ "recvf", NULL, NULL, recvf, 0, NULL },
	{ "addmhf-delmhf", NULL, NULL, handler_added, 0, NULL },
	{ "delmhf-of-none", NULL, NULL, delmhf_of_none, 0, NULL },
	{ "strerror", NULL, NULL, error_text, 0, NULL },
	{ "getfds", NULL, NULL, getfds, 0, NULL },
	{ "gettmp", NULL, NULL, temporary, 0, NULL },
	{ "getrsh", NULL, NULL, remote_shell, 0, NULL },
	{ "send-without-buffer", begin_without_buffer, NULL, send_without_buffer, 0, NULL },
	{ "send-refused", begin_buffer, NULL, send_refused, 0, NULL },
	{ "mcast-refused", begin_buffer, NULL, mcast_refused, 0, NULL },
	{ "psend-refused", NULL, NULL, psend_refused, 0, NULL },
	{ 0 },
};
