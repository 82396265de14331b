/* SPDX-License-Identifier: MIT */
/* The functions of libpvm3 as steps of a script: names are those of pvm3.h without prefix. */
#include <stdlib.h>
#include <string.h>

#include "differ.h"

/* Declared in pvmtev.h. */
int pvm_gettmask(int who, char *mask);
int pvm_settmask(int who, char *mask);

/* ---- the task itself ------------------------------------------------------------- */

static int siblings(const struct step *s)
{
	int *tids = NULL, count = pvm_siblings(N(0) ? NULL : &tids);

	for (int i = 0; tids && i < count; i++)
		differ_note("%d", tids[i]);
	return count;
}

/* pvm_strerror and pvm_perror speak of an earlier error, which the step names. */
static int perror_of(const struct step *s)
{
	pvm_errno = N(0);
	return pvm_perror(P(1));
}

static int strerror_of(const struct step *s)
{
	pvm_errno = N(0);
	return differ_note_text(pvm_strerror());
}

CALL(mytid, TASK, pvm_mytid())
CALL(parent, TASK, pvm_parent())
CALL(siblings, PLAIN, siblings(s))
CALL(exit, PLAIN, pvm_exit())
CALL(version, PLAIN, differ_note_text(pvm_version()))
CALL(perror, PLAIN, perror_of(s))
CALL(strerror, PLAIN, strerror_of(s))

/* ---- tasks ----------------------------------------------------------------------- */

/* spawn FILE FLAGS WHERE COUNT TIDS; the file 'self is the interpreter itself. */
static int spawn(const struct step *s)
{
	char *self[] = { differ_socket, NULL };

	if (P(0) && !strcmp(P(0), "self"))
		return pvm_spawn(differ_program, self, N(1), P(2), N(3), P(4));
	return pvm_spawn(P(0), NULL, N(1), P(2), N(3), P(4));
}

/* tasks WHERE HOW: bit 1 of HOW withholds the count's place, bit 2 the table's. */
static int tasks(const struct step *s)
{
	struct pvmtaskinfo *table = NULL;
	int count = -99,
	    value = pvm_tasks(N(0), N(1) & 1 ? NULL : &count, N(1) & 2 ? NULL : &table);

	differ_note("n %d", count);
	for (int i = 0; table && i < count; i++)
		differ_note("(%d %d %d %d %s)", table[i].ti_tid, table[i].ti_ptid, table[i].ti_host,
			table[i].ti_flag, table[i].ti_a_out ? table[i].ti_a_out : "null");
	return value;
}

CALL(spawn, PLAIN, spawn(s))
CALL(kill, PLAIN, pvm_kill(N(0)))
CALL(sendsig, PLAIN, pvm_sendsig(N(0), N(1)))
CALL(pstat, PLAIN, pvm_pstat(N(0)))
CALL(tasks, PLAIN, tasks(s))
CALL(tidtohost, PLAIN, pvm_tidtohost(N(0)))
CALL(notify, PLAIN, pvm_notify(N(0), N(1), N(2), P(3)))
CALL(catchout, PLAIN, pvm_catchout(N(0) ? stdout : NULL))

static int note_exported(int value)
{
	differ_note_text(getenv("PVM_EXPORT"));
	return value;
}

CALL(export, PLAIN, note_exported(pvm_export(P(0))))
CALL(unexport, PLAIN, note_exported(pvm_unexport(P(0))))

/* ---- hosts ----------------------------------------------------------------------- */

static void note_host(const struct pvmhostinfo *h)
{
	differ_note("(%d %s %d %d)", h->hi_tid, h->hi_arch, h->hi_speed, h->hi_dsig);
}

/* config HOW: bits of HOW withhold the places of hosts, architectures, table. */
static int config(const struct step *s)
{
	struct pvmhostinfo *table = NULL;
	int hosts = -99, archs = -99, how = N(0);
	int value = pvm_config(how & 1 ? NULL : &hosts, how & 2 ? NULL : &archs,
		how & 4 ? NULL : &table);

	differ_note("hosts %d archs %d", hosts, archs);
	for (int i = 0; table && i < hosts; i++)
		note_host(&table[i]);
	return value;
}

/* The names of a step as the table that addhosts and delhosts take. */
static char **names_of(const struct step *s)
{
	static char *names[1];

	names[0] = P(0);
	return names[0] ? names : NULL;
}

/* hostsync HOST HOW: times differ, so that only whether they are stored is reported. */
static int hostsync(const struct step *s)
{
	struct timeval clock = { 0 }, delta = { 0, -77 };
	int value = pvm_hostsync(N(0), N(1) & 1 ? NULL : &clock, N(1) & 2 ? NULL : &delta);

	differ_note("clock %d delta %d", clock.tv_sec != 0, delta.tv_usec != -77);
	return value;
}

CALL(config, PLAIN, config(s))
CALL(addhosts, PLAIN, pvm_addhosts(names_of(s), N(1), P(2)))
CALL(delhosts, PLAIN, pvm_delhosts(names_of(s), N(1), P(2)))
CALL(mstat, PLAIN, pvm_mstat(P(0)))
CALL(archcode, PLAIN, pvm_archcode(P(0)))
CALL(hostsync, PLAIN, hostsync(s))
CALL(start_pvmd, PLAIN, pvm_start_pvmd(N(0), NULL, N(1)))
CALL(halt, PLAIN, pvm_halt())
CALL(tickle, PLAIN, pvm_tickle(N(0), P(1), P(2), P(3)))

/* ---- buffers --------------------------------------------------------------------- */

CALL(initsend, BUFFER, pvm_initsend(N(0)))
CALL(mkbuf, BUFFER, pvm_mkbuf(N(0)))
CALL(freebuf, PLAIN, pvm_freebuf(N(0)))
CALL(getsbuf, BUFFER, pvm_getsbuf())
CALL(setsbuf, BUFFER, pvm_setsbuf(N(0)))
CALL(getrbuf, BUFFER, pvm_getrbuf())
CALL(setrbuf, BUFFER, pvm_setrbuf(N(0)))
CALL(bufinfo, PLAIN, pvm_bufinfo(N(0), P(1), P(2), P(3)))
CALL(getminfo, PLAIN, pvm_getminfo(N(0), P(1)))
CALL(setminfo, PLAIN, pvm_setminfo(N(0), P(1)))

CALL(pkbyte, PLAIN, pvm_pkbyte(P(0), N(1), N(2)))
CALL(pkshort, PLAIN, pvm_pkshort(P(0), N(1), N(2)))
CALL(pkushort, PLAIN, pvm_pkushort(P(0), N(1), N(2)))
CALL(pkint, PLAIN, pvm_pkint(P(0), N(1), N(2)))
CALL(pkuint, PLAIN, pvm_pkuint(P(0), N(1), N(2)))
CALL(pklong, PLAIN, pvm_pklong(P(0), N(1), N(2)))
CALL(pkulong, PLAIN, pvm_pkulong(P(0), N(1), N(2)))
CALL(pkfloat, PLAIN, pvm_pkfloat(P(0), N(1), N(2)))
CALL(pkdouble, PLAIN, pvm_pkdouble(P(0), N(1), N(2)))
CALL(pkcplx, PLAIN, pvm_pkcplx(P(0), N(1), N(2)))
CALL(pkdcplx, PLAIN, pvm_pkdcplx(P(0), N(1), N(2)))
CALL(pkstr, PLAIN, pvm_pkstr(P(0)))
CALL(packf, PLAIN, pvm_packf(P(0), W(1), W(2), W(3)))
CALL(pkmesg, PLAIN, pvm_pkmesg(N(0)))
CALL(pkmesgbody, PLAIN, pvm_pkmesgbody(N(0)))

CALL(upkbyte, PLAIN, pvm_upkbyte(P(0), N(1), N(2)))
CALL(upkshort, PLAIN, pvm_upkshort(P(0), N(1), N(2)))
CALL(upkushort, PLAIN, pvm_upkushort(P(0), N(1), N(2)))
CALL(upkint, PLAIN, pvm_upkint(P(0), N(1), N(2)))
CALL(upkuint, PLAIN, pvm_upkuint(P(0), N(1), N(2)))
CALL(upklong, PLAIN, pvm_upklong(P(0), N(1), N(2)))
CALL(upkulong, PLAIN, pvm_upkulong(P(0), N(1), N(2)))
CALL(upkfloat, PLAIN, pvm_upkfloat(P(0), N(1), N(2)))
CALL(upkdouble, PLAIN, pvm_upkdouble(P(0), N(1), N(2)))
CALL(upkcplx, PLAIN, pvm_upkcplx(P(0), N(1), N(2)))
CALL(upkdcplx, PLAIN, pvm_upkdcplx(P(0), N(1), N(2)))
CALL(upkstr, PLAIN, pvm_upkstr(P(0)))
CALL(unpackf, PLAIN, pvm_unpackf(P(0), W(1), W(2), W(3)))
CALL(upkmesg, BUFFER, pvm_upkmesg())

/* ---- sending and receiving ------------------------------------------------------- */

/* trecv TID TAG SECONDS MICROSECONDS, or TID TAG null. */
static int trecv(const struct step *s)
{
	struct timeval limit = { N(2), N(3) };

	return pvm_trecv(N(0), N(1), s->count > 3 ? &limit : NULL);
}

static int note_descriptors(const struct step *s)
{
	int *fds = NULL, count = pvm_getfds(N(0) ? NULL : &fds);

	differ_note("table %d", fds != NULL);
	return count;
}

static int always(int buffer, int tid, int tag)
{
	(void)buffer;
	(void)tid;
	(void)tag;
	return 1;
}

static int never(int buffer, int tid, int tag)
{
	(void)buffer;
	(void)tid;
	(void)tag;
	return 0;
}

static int fails(int buffer, int tid, int tag)
{
	(void)buffer;
	(void)tid;
	(void)tag;
	return -7;
}

/* Chooses as the library does, and runs the steps kept under 1 when tag 8 is wanted and found. */
static int runs_steps(int buffer, int tid, int tag)
{
	static int running;
	int its_tag, sender, wanted;

	pvm_bufinfo(buffer, NULL, &its_tag, &sender);
	wanted = (tid == -1 || tid == sender) && (tag == -1 || tag == its_tag);
	if (wanted && tag == 8 && !running) {
		running = 1;
		differ_run_handler(1, buffer);
		running = 0;
	}
	return wanted;
}

/* recvf 0..4: the library's function, or one of the above; which it was before is noted. */
static int recvf(const struct step *s)
{
	static int (*functions[])(int, int, int) = { NULL, always, never, fails, runs_steps };
	int count = sizeof(functions) / sizeof(*functions);
	int (*old)(int, int, int) = pvm_recvf(functions[N(0) % count]);

	for (int i = 0; i < count; i++)
		if (old == functions[i])
			return i;
	return -1;
}

CALL(send, PLAIN, pvm_send(N(0), N(1)))
CALL(mcast, PLAIN, pvm_mcast(P(0), N(1), N(2)))
CALL(psend, PLAIN, pvm_psend(N(0), N(1), P(2), N(3), N(4)))
CALL(recv, BUFFER, pvm_recv(N(0), N(1)))
CALL(nrecv, BUFFER, pvm_nrecv(N(0), N(1)))
CALL(trecv, BUFFER, trecv(s))
CALL(precv, PLAIN, pvm_precv(N(0), N(1), P(2), N(3), N(4), P(5), P(6), P(7)))
CALL(probe, BUFFER, pvm_probe(N(0), N(1)))
CALL(recvf, PLAIN, recvf(s))
CALL(getfds, PLAIN, note_descriptors(s))

/* ---- handlers, contexts, options ------------------------------------------------- */

static int handler_0(int message)
{
	return differ_run_handler(0, message);
}

static int handler_1(int message)
{
	return differ_run_handler(1, message);
}

/* addmhf SOURCE TAG CONTEXT HANDLER: the number of kept steps, -1 for a null pointer. */
static int addmhf(const struct step *s)
{
	return pvm_addmhf(N(0), N(1), N(2), N(3) < 0 ? NULL : N(3) ? handler_1 : handler_0);
}

CALL(addmhf, PLAIN, addmhf(s))
CALL(delmhf, PLAIN, pvm_delmhf(N(0)))
CALL(newcontext, CONTEXT, pvm_newcontext())
CALL(freecontext, CONTEXT, pvm_freecontext(N(0)))
CALL(getcontext, CONTEXT, pvm_getcontext())
CALL(setcontext, CONTEXT, pvm_setcontext(N(0)))
CALL(getopt, TASK, pvm_getopt(N(0)))
CALL(setopt, TASK, pvm_setopt(N(0), N(1)))
CALL(gettmask, PLAIN, pvm_gettmask(N(0), P(1)))
CALL(settmask, PLAIN, pvm_settmask(N(0), P(1)))

/* ---- mailbox and offices --------------------------------------------------------- */

static int getmboxinfo(const struct step *s)
{
	struct pvmmboxinfo *table = NULL;
	int count = -99;
	int value = pvm_getmboxinfo(P(0), N(1) & 1 ? NULL : &count, N(1) & 2 ? NULL : &table);

	differ_note("n %d", count);
	for (int i = 0; table && i < count; i++)
		for (int k = 0; k < table[i].mi_nentries; k++)
			differ_note("(%s %d %d %d)", table[i].mi_name, table[i].mi_indices[k],
				table[i].mi_owners[k], table[i].mi_flags[k]);
	return value;
}

static int reg_rm(const struct step *s)
{
	struct pvmhostinfo *host = NULL;
	int value = pvm_reg_rm(N(0) ? NULL : &host);

	if (host)
		note_host(host);
	return value;
}

static int getnoresets(const struct step *s)
{
	int *tids = NULL, count = -99;
	int value = pvm_getnoresets(N(0) & 1 ? NULL : &tids, N(0) & 2 ? NULL : &count);

	differ_note("n %d", count);
	for (int i = 0; tids && i < count; i++)
		differ_note("%d", tids[i]);
	return value;
}

CALL(putinfo, PLAIN, pvm_putinfo(P(0), N(1), N(2)))
CALL(recvinfo, BUFFER, pvm_recvinfo(P(0), N(1), N(2)))
CALL(delinfo, PLAIN, pvm_delinfo(P(0), N(1), N(2)))
CALL(getmboxinfo, PLAIN, getmboxinfo(s))
CALL(insert, PLAIN, pvm_insert(P(0), N(1), N(2)))
CALL(lookup, PLAIN, pvm_lookup(P(0), N(1), P(2)))
CALL(delete, PLAIN, pvm_delete(P(0), N(1)))
CALL(reg_hoster, PLAIN, pvm_reg_hoster())
CALL(reg_tasker, PLAIN, pvm_reg_tasker())
CALL(reg_rm, PLAIN, reg_rm(s))
CALL(reg_tracer, PLAIN, pvm_reg_tracer(N(0), N(1), N(2), N(3), P(4), N(5), N(6)))
CALL(getnoresets, PLAIN, getnoresets(s))

/* ---- no calls of PVM ------------------------------------------------------------- */

/*
 * A round trip to the daemon, and not only to its switch: what others sent before, and what the
 * daemon itself sends for it, has arrived when it returns.
 */
CALL(settle, PLAIN, pvmmytid > 0 ? pvm_tasks(pvmmytid, NULL, NULL) : 0)
/* A buffer for another variable. */
CALL(value, BUFFER, N(0))
