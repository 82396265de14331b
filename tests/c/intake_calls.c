/* SPDX-License-Identifier: MIT */
/* Commands of tests/c/intake.c that ask the daemon, the group server or nobody. */
#include <limits.h>
#include <string.h>
#include <sys/time.h>

#include "intake.h"

static void do_mytid(char **word)
{
	(void)word;
	answer(pvm_mytid());
}

static void do_exit(char **word)
{
	(void)word;
	answer(pvm_exit());
}

/* setcontext CONTEXT */
static void do_setcontext(char **word)
{
	answer(pvm_setcontext(number(word[0])));
}

/* setopt OPTION VALUE */
static void do_setopt(char **word)
{
	answer(pvm_setopt(number(word[0]), number(word[1])));
}

/* getopt OPTION */
static void do_getopt(char **word)
{
	answer(pvm_getopt(number(word[0])));
}

/* pstat TID */
static void do_pstat(char **word)
{
	answer(pvm_pstat(number(word[0])));
}

/* config, hostsync and others that ask the daemon: ask NAME */
static void do_ask(char **word)
{
	struct timeval clock, difference;
	int n, formats;
	struct pvmhostinfo *hosts;
	struct pvmtaskinfo *tasks;

	if (strcmp(word[0], "config") == 0)
		answer(pvm_config(&n, &formats, &hosts));
	else if (strcmp(word[0], "tasks") == 0)
		answer(pvm_tasks(pvm_mytid(), &n, &tasks));
	else if (strcmp(word[0], "hostsync") == 0)
		answer(pvm_hostsync(pvm_tidtohost(pvm_mytid()), &clock, &difference));
	else if (strcmp(word[0], "newcontext") == 0)
		answer(pvm_newcontext() > 0 ? 0 : -1);
	else
		answer(INT_MIN);
}

/* putinfo NAME; the message is empty */
static void do_putinfo(char **word)
{
	pvm_initsend(PvmDataDefault);
	answer(pvm_putinfo(word[0], pvm_mkbuf(PvmDataDefault), PvmMboxDefault));
}

/* recvinfo NAME FLAGS */
static void do_recvinfo(char **word)
{
	answer(pvm_recvinfo(word[0], 0, number(word[1])) < 0 ? -1 : 0);
}

/* spawn PROGRAM COUNT WORD...; the first new tid */
static void do_spawn(char **word)
{
	int tids[MAX_WORDS], started;

	started = pvm_spawn(word[0], word + 2, PvmTaskDefault, "", number(word[1]), tids);
	answer(started > 0 ? tids[0] : started);
}

/* join GROUP; barrier GROUP COUNT; group NAME GROUP */
static void do_join(char **word)
{
	answer(pvm_joingroup(word[0]));
}

static void do_barrier(char **word)
{
	answer(pvm_barrier(word[0], number(word[1])));
}

static void do_group(char **word)
{
	if (strcmp(word[0], "gsize") == 0)
		answer(pvm_gsize(word[1]));
	else if (strcmp(word[0], "getinst") == 0)
		answer(pvm_getinst(word[1], pvm_mytid()));
	else if (strcmp(word[0], "lvgroup") == 0)
		answer(pvm_lvgroup(word[1]));
	else
		answer(INT_MIN);
}

/* precv TID TAG: the tag */
static void do_precv(char **word)
{
	char data[8];
	int tag, code;

	code = pvm_precv(number(word[0]), number(word[1]), data, sizeof data, PVM_BYTE, NULL, &tag,
		NULL);
	answer(code < 0 ? code : tag);
}

static int ignore(int bufid)
{
	(void)bufid;
	return 0;
}

/* local: every call that asks nobody; the number of those that failed */
static void do_local(char **word)
{
	int value = 1, tid = pvm_mytid(), buffer = pvm_mkbuf(PvmDataDefault), failed = 0, id, *tids;
	struct pvmminfo info;

	(void)word;
	failed += pvm_initsend(PvmDataDefault) < 0;
	failed += pvm_pkint(&value, 1, 1) < 0;
	failed += pvm_bufinfo(pvm_getsbuf(), NULL, NULL, NULL) < 0;
	failed += pvm_getminfo(pvm_getsbuf(), &info) < 0;
	failed += pvm_freebuf(buffer) < 0;
	failed += pvm_getrbuf() < 0;
	failed += pvm_setcontext(pvm_getcontext()) < 0;
	failed += pvm_setopt(PvmRoute, pvm_getopt(PvmRoute)) < 0;
	failed += pvm_setopt(PvmResvTids, 0) < 0;
	failed += pvm_parent() != PvmNoParent;
	failed += pvm_siblings(&tids) < PvmNoParent;
	failed += pvm_tidtohost(tid) < 0;
	failed += pvm_export("INTAKE") < 0;
	failed += pvm_notify(PvmRouteDelete, 61, 1, &tid) < 0;
	failed += (id = pvm_addmhf(-1, 990, 0, ignore)) < 0;
	failed += pvm_delmhf(id) < 0;
	pvm_recvf(NULL);
	answer(failed);
}

const struct command other_commands[] = {
	{ "ask", do_ask },
	{ "barrier", do_barrier },
	{ "exit", do_exit },
	{ "getopt", do_getopt },
	{ "group", do_group },
	{ "join", do_join },
	{ "local", do_local },
	{ "mytid", do_mytid },
	{ "precv", do_precv },
	{ "pstat", do_pstat },
	{ "putinfo", do_putinfo },
	{ "recvinfo", do_recvinfo },
	{ "setcontext", do_setcontext },
	{ "setopt", do_setopt },
	{ "spawn", do_spawn },
	{ NULL, NULL },
};
