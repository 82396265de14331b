/* SPDX-License-Identifier: MIT */
/*
 * Makes the call whose messages were recorded, with the recorded arguments, and
 * prints what it returned, a value a line:
 *
 *   recorded CALL
 *
 * CALL is one of the names at the end; several use tids of the recording.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "pvm3.h"
#include "pvmtev.h"

static void show(long value)
{
	printf("%ld\n", value);
}

static void show_ints(int count)
{
	int value;

	while (count-- > 0 && pvm_upkint(&value, 1, 1) == 0)
		show(value);
}

/* ---- enrolment and options ---------------------------------------------------- */

static void enrol(void)
{
	show(pvm_mytid());
	show(pvm_parent());
}

static void leave(void)
{
	show(pvm_exit());
}

static void siblings(void)
{
	int *tids, count = pvm_siblings(&tids);

	show(count);
	for (int i = 0; i < count; i++)
		show(tids[i]);
}

static void output_tid(void)
{
	show(pvm_setopt(PvmSelfOutputTid, pvm_mytid()));
}

static void new_context(void)
{
	show(pvm_newcontext());
}

static void free_context(void)
{
	show(pvm_freecontext(0x40001));
}

static void free_bad_context(void)
{
	show(pvm_freecontext(0x3039));
}

/* ---- hosts ------------------------------------------------------------------------ */

static void config(void)
{
	struct pvmhostinfo *hosts;
	int count, architectures;

	if (pvm_config(&count, &architectures, &hosts) < 0)
		return;
	show(count);
	show(architectures);
	for (int i = 0; i < count; i++) {
		show(hosts[i].hi_tid);
		printf("%s\n%s\n", hosts[i].hi_name, hosts[i].hi_arch);
		show(hosts[i].hi_speed);
		show(hosts[i].hi_dsig);
	}
}

static void add_host(char *name)
{
	int info = 0;

	show(pvm_addhosts(&name, 1, &info));
	show(info);
}

static void add_address(void)
{
	add_host("203.0.113.9");
}

static void add_localhost(void)
{
	add_host("localhost");
}

static void delete_localhost(void)
{
	char *name = "localhost";
	int info = 0;

	show(pvm_delhosts(&name, 1, &info));
	show(info);
}

static void host_status(void)
{
	show(pvm_mstat("localhost"));
}

static void unknown_host_status(void)
{
	show(pvm_mstat("zork"));
}

static void host_clock(void)
{
	struct timeval clock = { 0, 0 }, delta;

	show(pvm_hostsync(0x40000, &clock, &delta));
	show(clock.tv_sec);
	show(clock.tv_usec);
}

static void debug_mask(void)
{
	int argument = 5, result[10], count = 0;

	pvm_tickle(1, &argument, &count, result);
	show(count);
	for (int i = 0; i < count; i++)
		show(result[i]);
}

/* ---- tasks ------------------------------------------------------------------------ */

static void tasks(int where)
{
	struct pvmtaskinfo *list;
	int count = 0;

	show(pvm_tasks(where, &count, &list));
	for (int i = 0; i < count; i++) {
		show(list[i].ti_tid);
		show(list[i].ti_ptid);
		show(list[i].ti_host);
		show(list[i].ti_flag);
		puts(list[i].ti_a_out);
		show(list[i].ti_pid);
	}
}

static void all_tasks(void)
{
	tasks(0);
}

static void tasks_nowhere(void)
{
	tasks(0x7c0000);
}

static void own_status(void)
{
	show(pvm_pstat(pvm_mytid()));
}

static void unknown_status(void)
{
	show(pvm_pstat(0x40777));
}

static void signal_self(void)
{
	show(pvm_sendsig(pvm_mytid(), SIGCONT));
}

/* The recording has its output collected, one variable exported and no trace. */
static void spawn(char *file, char **arguments, int flags, char *where, int count)
{
	int tids[2] = { 0, 0 };

	setenv("FOO_VAR", "foo val", 1);
	pvm_export("FOO_VAR");
	pvm_catchout(stdout);
	pvm_spawn(file, arguments, flags, where, count, tids);
	for (int i = 0; i < count; i++)
		show(tids[i]);
	pvm_catchout(NULL);
}

static void spawn_two(void)
{
	char *arguments[] = { "allow", "arg two", NULL };

	spawn("/opt/px/bin/t_child", arguments, PvmTaskDefault, "", 2);
}

static void spawn_no_file(void)
{
	spawn("nonexistent_prog", NULL, PvmTaskDefault, "", 1);
}

static void spawn_no_host(void)
{
	spawn("/opt/px/bin/t_child", NULL, PvmTaskHost, "nohost", 1);
}

/* ---- notices ---------------------------------------------------------------------- */

static void task_exit_notice(void)
{
	int tid = 0x40777;

	pvm_notify(PvmTaskExit, 77, 1, &tid);
	pvm_recv(-1, 77);
	show_ints(1);
}

static void host_delete_notice(void)
{
	int tid = 0x40000;

	show(pvm_notify(PvmHostDelete, 78, 1, &tid));
}

static void host_delete_cancelled(void)
{
	int tid = 0x40000;

	pvm_notify(PvmHostDelete | PvmNotifyCancel, 78, 1, &tid);
	pvm_recv(-1, 78);
	show_ints(1);
}

static void host_add_notice(void)
{
	pvm_notify(PvmHostAdd, 79, -1, NULL);
	pvm_recv(-1, 79);
	show_ints(2);
}

/* ---- mailbox ---------------------------------------------------------------------- */

static void put(void)
{
	int value = 42;

	pvm_initsend(PvmDataDefault);
	pvm_pkint(&value, 1, 1);
	pvm_pkstr("hello");
	show(pvm_putinfo("klass", pvm_getsbuf(), PvmMboxMultiInstance | PvmMboxPersistent));
}

static void get(void)
{
	char text[100] = "";
	int old = pvm_setrbuf(0), message = pvm_recvinfo("klass", 0, PvmMboxDefault);

	pvm_setrbuf(message);
	show_ints(1);
	pvm_upkstr(text);
	puts(text);
	pvm_freebuf(pvm_setrbuf(old));
}

static void get_missing(void)
{
	show(pvm_recvinfo("klass", 7, PvmMboxDefault));
}

static void remove_entry(void)
{
	show(pvm_delinfo("klass", 0, PvmMboxDefault));
}

static void names(void)
{
	struct pvmmboxinfo *classes;
	int count = 0;

	show(pvm_getmboxinfo("*", &count, &classes));
	show(count);
	for (int i = 0; i < count; i++) {
		puts(classes[i].mi_name);
		show(classes[i].mi_nentries);
		for (int k = 0; k < classes[i].mi_nentries; k++) {
			show(classes[i].mi_indices[k]);
			show(classes[i].mi_owners[k]);
			show(classes[i].mi_flags[k]);
		}
	}
}

static void insert_again(void)
{
	show(pvm_insert("old", 0, 99));
}

/* ---- system tasks ------------------------------------------------------------------- */

static void hoster(void)
{
	show(pvm_reg_hoster());
}

static void tasker(void)
{
	show(pvm_reg_tasker());
}

static void tracer(void)
{
	Pvmtmask mask;

	TEV_MASK_INIT(mask);
	show(pvm_reg_tracer(0, 111, 0, 222, mask, 0, 0));
}

/* ---- messages --------------------------------------------------------------------- */

static void send_to_self(void)
{
	int mytid = pvm_mytid();

	pvm_initsend(PvmDataDefault);
	pvm_pkint(&mytid, 1, 1);
	pvm_send(mytid, 5);
	pvm_recv(mytid, 5);
	show_ints(2);
}

static void send_fragments(void)
{
	enum { COUNT = 1500 };
	int values[COUNT];

	for (int i = 0; i < COUNT; i++)
		values[i] = i;
	pvm_setopt(PvmRoute, PvmDontRoute);
	pvm_initsend(PvmDataDefault);
	pvm_pkint(values, COUNT, 1);
	show(pvm_send(0x40003, 11));
}

static void send_in_place(void)
{
	int values[] = { 0, 1, 2 };

	show(pvm_psend(0x40003, 13, values, 3, PVM_INT));
}

static void multicast(void)
{
	int value = 0x01020304, tids[] = { 0x40004, 0x40003 };

	pvm_initsend(PvmDataRaw);
	pvm_pkint(&value, 1, 1);
	show(pvm_mcast(tids, 2, 20));
}

/* ---- direct routes ------------------------------------------------------------------ */

static void send_direct(int tid)
{
	int values[3] = { 0, 0, 0 };
	static char bytes[6000];

	pvm_setopt(PvmRoute, PvmRouteDirect);
	pvm_initsend(PvmDataDefault);
	pvm_pkint(values, 3, 1);
	show(pvm_send(tid, 15));
	show(pvm_psend(tid, 18, bytes, sizeof bytes, PVM_BYTE));
}

static void direct(void)
{
	send_direct(0x40007);
}

static void direct_to_the_dying(void)
{
	send_direct(0x40008);
}

static void direct_elsewhere(void)
{
	send_direct(0x80003);
}

/* A request for a route comes before the answer to the own one. */
static void be_asked(void)
{
	show(pvm_pstat(pvm_mytid()));
	show(pvm_nrecv(-1, -1));
}

static void refuse(void)
{
	pvm_setopt(PvmRoute, PvmDontRoute);
	be_asked();
}

/* ---- output of children ------------------------------------------------------------- */

static void collect(void)
{
	pvm_catchout(stdout);
	pvm_pstat(pvm_mytid());
	pvm_nrecv(-1, -1);
	pvm_catchout(NULL);
}

#define CALL(name) { #name, name }

static const struct {
	const char *name;
	void (*make)(void);
} calls[] = { CALL(enrol), CALL(leave), CALL(siblings), CALL(output_tid), CALL(new_context),
	CALL(free_context), CALL(free_bad_context), CALL(config), CALL(add_address),
	CALL(add_localhost), CALL(delete_localhost), CALL(host_status), CALL(unknown_host_status),
	CALL(host_clock), CALL(debug_mask), CALL(all_tasks), CALL(tasks_nowhere), CALL(own_status),
	CALL(unknown_status), CALL(signal_self), CALL(spawn_two), CALL(spawn_no_file),
	CALL(spawn_no_host), CALL(task_exit_notice), CALL(host_delete_notice),
	CALL(host_delete_cancelled), CALL(host_add_notice), CALL(put), CALL(get), CALL(get_missing),
	CALL(remove_entry), CALL(names), CALL(insert_again), CALL(hoster), CALL(tasker),
	CALL(tracer), CALL(send_to_self), CALL(send_fragments), CALL(send_in_place),
	CALL(multicast), CALL(direct), CALL(direct_to_the_dying), CALL(direct_elsewhere),
	CALL(be_asked), CALL(refuse), CALL(collect) };

int main(int argc, char **argv)
{
	pvm_setopt(PvmAutoErr, 0);
	for (unsigned i = 0; argc == 2 && i < sizeof calls / sizeof *calls; i++)
		if (strcmp(calls[i].name, argv[1]) == 0) {
			pvm_mytid();
			calls[i].make();
			pvm_exit();
			return 0;
		}
	fprintf(stderr, "usage: recorded CALL\n");
	return 2;
}
