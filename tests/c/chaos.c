/* SPDX-License-Identifier: MIT */
/*
 * Tasks of a machine in which hosts and tasks are killed: each sends numbered messages to all it
 * knows, makes requests, watches everybody, and checks what must hold whatever dies:
 *
 *   - messages of a task come once each, in order, intact, and none after the notice of its end;
 *   - each end of a task or host that is watched is told exactly once;
 *   - every request is answered, with success or an error code that fits.
 *
 *   chaos worker SEED    spawned; ends when its daemon does
 *   chaos lead SEED      by hand; reads commands, a line each:
 *     know TID...          exchange messages with these tasks too (all workers are told)
 *     stop | go            send nothing more; send again (all workers are told)
 *     report TID...        prints for each of them, or for this one if there is none, what it has
 *                          seen: see `report`
 *
 * What is wrong goes to the lead, who prints it in a line that begins with "WRONG".
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <poll.h>

#include "pvm3.h"

enum { TAG_KNOW = 11, TAG_PACE, TAG_REPORT, TAG_REPORTED }; /* of the lead */
enum { TAG_DATA = TAG_REPORTED + 1, TAG_EXIT, TAG_HOST, TAG_WRONG };
enum { PEERS_MAX = 2000, HOSTS_SEEN_MAX = 2000, LINE = 1 << 16 };

/* Another task, and what passed between it and this one. */
struct peer {
	int tid, sent, got, notices;
};

/* Another host that is watched. */
struct host {
	int tid, notices;
};

static struct peer peers[PEERS_MAX];
static struct host hosts[HOSTS_SEEN_MAX];
static int npeers, nhosts, me, lead, requests;
static bool stopped;
static unsigned random_state;

static unsigned chance(unsigned n)
{
	random_state = random_state * 1103515245u + 12345u;
	return (random_state >> 8) % n;
}

/* Say what must not be. */
static void __attribute__((format(printf, 1, 2))) wrong(const char *format, ...)
{
	char text[300];
	va_list list;
	int n = snprintf(text, sizeof text, "t%x: ", (unsigned)me);

	va_start(list, format);
	vsnprintf(text + n, sizeof text - n, format, list);
	va_end(list);
	if (me == lead || !lead) {
		printf("WRONG %s\n", text);
		fflush(stdout);
		return;
	}
	pvm_initsend(PvmDataDefault);
	pvm_pkstr(text);
	pvm_send(lead, TAG_WRONG);
}

static struct peer *find_peer(int tid)
{
	for (int i = 0; i < npeers; i++)
		if (peers[i].tid == tid)
			return &peers[i];
	return NULL;
}

static void watch_host(int tid)
{
	for (int i = 0; i < nhosts; i++)
		if (hosts[i].tid == tid)
			return;
	if (nhosts == HOSTS_SEEN_MAX)
		return;
	hosts[nhosts++] = (struct host){ tid, 0 };
	pvm_notify(PvmHostDelete, TAG_HOST, 1, &tid);
}

/* Watch a task and its host from now on. */
static struct peer *meet(int tid)
{
	struct peer *p = find_peer(tid);

	if (p || tid == me || npeers == PEERS_MAX)
		return p;
	watch_host(tid & ~0x3ffff);
	p = &peers[npeers++];
	*p = (struct peer){ tid, 0, 0, 0 };
	pvm_notify(PvmTaskExit, TAG_EXIT, 1, &tid);
	return p;
}

/* ---- messages ---- */

static unsigned char byte_at(int seq, int i, int from)
{
	return (unsigned char)(seq * 7 + i * 31 + (i >> 8) * 17 + from * 101);
}

static int size_of(int seq)
{
	return seq % 50 == 0 ? 150000 : seq % 7 == 0 ? 9000 : seq % 300;
}

static void send_data(struct peer *p)
{
	static char bytes[150000];
	int seq = p->sent + 1, size = size_of(seq), code;

	for (int i = 0; i < size; i++)
		bytes[i] = (char)byte_at(seq, i, me);
	pvm_initsend(seq % 2 ? PvmDataRaw : PvmDataDefault);
	pvm_pkint(&seq, 1, 1);
	pvm_pkbyte(bytes, size, 1);
	code = pvm_send(p->tid, TAG_DATA);
	if (code < 0)
		wrong("pvm_send to t%x: %d", (unsigned)p->tid, code);
	p->sent = seq;
}

static void take_data(int from)
{
	static char bytes[150000];
	struct peer *p = meet(from);
	int seq = 0, size;

	if (!p)
		return;
	pvm_upkint(&seq, 1, 1);
	size = size_of(seq);
	if (p->notices)
		wrong("message %d of t%x after the notice of its end", seq, (unsigned)from);
	if (seq != p->got + 1)
		wrong("message %d of t%x came after %d", seq, (unsigned)from, p->got);
	p->got = seq;
	if (pvm_upkbyte(bytes, size, 1) < 0)
		wrong("message %d of t%x is too short", seq, (unsigned)from);
	for (int i = 0; i < size; i++)
		if ((unsigned char)bytes[i] != byte_at(seq, i, from)) {
			wrong("message %d of t%x is damaged at %d", seq, (unsigned)from, i);
			return;
		}
}

static void take_exit(void)
{
	struct peer *p;
	int tid = 0;

	pvm_upkint(&tid, 1, 1);
	p = find_peer(tid);
	if (!p || p->notices++)
		wrong("notice of the end of t%x, %s", (unsigned)tid, p ? "again" : "not asked for");
}

static void take_host(void)
{
	int tid = 0;

	pvm_upkint(&tid, 1, 1);
	for (int i = 0; i < nhosts; i++)
		if (hosts[i].tid == tid) {
			if (hosts[i].notices++)
				wrong("notice of the end of host %x again", (unsigned)tid);
			return;
		}
	wrong("notice of the end of host %x, not asked for", (unsigned)tid);
}

/* ---- requests ---- */

static void expect(const char *what, int code, int good)
{
	requests++;
	if (code < 0 && code != PvmHostFail && code != good)
		wrong("%s: %d", what, code);
}

static void make_request(void)
{
	struct peer *p = &peers[chance(npeers)];
	int host = p->tid & ~0x3ffff, n, seq = requests, there;
	struct pvmhostinfo *table;
	struct pvmtaskinfo *tasks;
	struct timeval clock;
	char name[40];

	sprintf(name, "box%x", (unsigned)me);
	switch (chance(6)) {
	case 0: expect("pvm_pstat", pvm_pstat(p->tid), PvmNoTask); break;
	case 1: expect("pvm_tasks", pvm_tasks(chance(2) ? host : 0, &n, &tasks), PvmNoHost); break;
	case 2: expect("pvm_hostsync", pvm_hostsync(host, &clock, NULL), PvmNoHost); break;
	case 3:
		expect("pvm_config", pvm_config(&n, NULL, &table), 0);
		expect("pvm_mstat", pvm_mstat(table[chance(n)].hi_name), PvmNoHost);
		break;
	case 4:
		pvm_setsbuf(pvm_mkbuf(PvmDataDefault));
		pvm_pkint(&seq, 1, 1);
		expect("pvm_putinfo", pvm_putinfo(name, pvm_getsbuf(), PvmMboxOverWritable), 0);
		pvm_freebuf(pvm_setsbuf(0));
		n = pvm_setrbuf(0);
		there = pvm_recvinfo(name, 0, PvmMboxDefault);
		expect("pvm_recvinfo", there, 0);
		if (there > 0 && (pvm_setrbuf(there), pvm_upkint(&n, 1, 1) < 0 || n != seq))
			wrong("mailbox entry is not the one that was put");
		pvm_freebuf(pvm_setrbuf(0));
		break;
	default: expect("pvm_notify", pvm_notify(PvmTaskExit | PvmNotifyCancel, 1, 1, &p->tid), 0);
	}
}

/* ---- what the lead wishes to know ---- */

/*
 * "tid requests hosts...;tid:sent:got:notices ...;host:notices ...;" with the hosts of the table,
 * the tasks and the hosts that were watched.
 */
static void report(char *text)
{
	struct pvmhostinfo *table;
	int n = 0;

	text += sprintf(text, "%d %d", me, requests);
	pvm_config(&n, NULL, &table);
	for (int i = 0; i < n; i++)
		text += sprintf(text, " %d", table[i].hi_tid);
	text += sprintf(text, ";");
	for (int i = 0; i < npeers; i++)
		text += sprintf(text, "%d:%d:%d:%d ", peers[i].tid, peers[i].sent, peers[i].got,
			peers[i].notices);
	text += sprintf(text, ";");
	for (int i = 0; i < nhosts; i++)
		text += sprintf(text, "%d:%d ", hosts[i].tid, hosts[i].notices);
	sprintf(text, ";");
}

/* ---- the loop ---- */

static void take_list(void)
{
	int n = 0, tid;

	pvm_upkint(&lead, 1, 1);
	pvm_upkint(&n, 1, 1);
	while (n-- > 0 && pvm_upkint(&tid, 1, 1) == 0)
		meet(tid);
}

static void take(int buffer)
{
	static char text[LINE];
	int tag, from, on;

	pvm_bufinfo(buffer, NULL, &tag, &from);
	switch (tag) {
	case TAG_KNOW: take_list(); break;
	case TAG_PACE:
		pvm_upkint(&on, 1, 1);
		stopped = !on;
		break;
	case TAG_REPORT:
		report(text);
		pvm_initsend(PvmDataDefault);
		pvm_pkstr(text);
		pvm_send(from, TAG_REPORTED);
		break;
	case TAG_REPORTED:
	case TAG_WRONG:
		pvm_upkstr(text);
		printf("%s%s\n", tag == TAG_WRONG ? "WRONG " : "", text);
		fflush(stdout);
		break;
	case TAG_DATA: take_data(from); break;
	case TAG_EXIT: take_exit(); break;
	case TAG_HOST: take_host(); break;
	default: wrong("message with tag %d", tag);
	}
}

/* Take in what is there, then send or ask something. */
static void turn(void)
{
	struct timeval pause = { 0, 2000 };
	int buffer = pvm_trecv(-1, -1, &pause);
	struct peer *p;

	if (buffer < 0)
		exit(3);
	if (buffer > 0) {
		take(buffer);
		return;
	}
	if (stopped || !npeers)
		return;
	p = &peers[chance(npeers)];
	if (!p->notices)
		send_data(p);
	if (chance(20) == 0)
		make_request();
}

/* ---- the lead ---- */

/* Send the send buffer to all workers that live. */
static void tell_all(int tag)
{
	for (int i = 0; i < npeers; i++)
		if (!peers[i].notices)
			pvm_send(peers[i].tid, tag);
}

static void obey(char *line)
{
	char *word = strtok(line, " \n");
	int tids[PEERS_MAX], n = 0, on;
	char *tid, text[LINE];

	while ((tid = strtok(NULL, " \n")) && n < PEERS_MAX)
		tids[n++] = atoi(tid);
	if (strcmp(word, "know") == 0) {
		for (int i = 0; i < n; i++)
			meet(tids[i]);
		n = 0;
		for (int i = 0; i < npeers; i++)
			if (!peers[i].notices)
				tids[n++] = peers[i].tid;
		pvm_initsend(PvmDataDefault);
		pvm_pkint(&me, 1, 1);
		pvm_pkint(&n, 1, 1);
		pvm_pkint(tids, n, 1);
		tell_all(TAG_KNOW);
	} else if (strcmp(word, "stop") == 0 || strcmp(word, "go") == 0) {
		on = strcmp(word, "go") == 0;
		stopped = !on;
		pvm_initsend(PvmDataDefault);
		pvm_pkint(&on, 1, 1);
		tell_all(TAG_PACE);
	} else {
		pvm_initsend(PvmDataDefault);
		for (int i = 0; i < n; i++)
			pvm_send(tids[i], TAG_REPORT);
		if (n == 0) {
			report(text);
			puts(text);
			fflush(stdout);
		}
	}
}

int main(int argc, char **argv)
{
	static char line[LINE];
	struct pollfd input = { 0, POLLIN, 0 };

	if (argc != 3)
		return 2;
	random_state = (unsigned)atoi(argv[2]);
	pvm_setopt(PvmAutoErr, 0);
	me = pvm_mytid();
	if (me < 0)
		return 2;
	random_state += (unsigned)me;
	if (strcmp(argv[1], "worker") == 0)
		for (;;)
			turn();
	lead = me;
	setvbuf(stdin, NULL, _IONBF, 0);
	for (;;) {
		turn();
		if (poll(&input, 1, 0) <= 0)
			continue;
		if (!fgets(line, sizeof line, stdin))
			break;
		obey(line);
	}
	pvm_exit();
	return 0;
}
