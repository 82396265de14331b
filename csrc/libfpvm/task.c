/* SPDX-License-Identifier: MIT */
/* Fortran calls for tasks: the own one, starting, ending and watching others. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fortran.h"

ENTRY pvmfmytid_(int *tid) { *tid = pvm_mytid(); }
ENTRY pvmfparent_(int *tid) { *tid = pvm_parent(); }
ENTRY pvmfexit_(int *info) { *info = pvm_exit(); }
ENTRY pvmfkill_(int *tid, int *info) { *info = pvm_kill(*tid); }
ENTRY pvmfsendsig_(int *tid, int *signum, int *info) { *info = pvm_sendsig(*tid, *signum); }
ENTRY pvmfpstat_(int *tid, int *info) { *info = pvm_pstat(*tid); }
ENTRY pvmftidtohost_(int *tid, int *host) { *host = pvm_tidtohost(*tid); }
/* Sleep for a number of seconds. */
ENTRY pvmfsleep_(int *seconds) { sleep(*seconds > 0 ? (unsigned)*seconds : 0); }

/* Number of siblings, and the tid of one of them (0 is the first); PvmNoTask: not so many. */
ENTRY pvmfsiblings_(int *count, int *index, int *tid)
{
	int *tids;

	*count = pvm_siblings(&tids);
	if (*count < 0)
		*tid = *count;
	else
		*tid = *index >= 0 && *index < *count ? tids[*index] : PvmNoTask;
}

/* A place that begins with `*` is any. */
ENTRY pvmfspawn_(char *task, int *flag, char *where, int *count, int *tids, int *started,
	int task_length, int where_length)
{
	TEXT(task, started)
	TEXT(where, started)

	*started = pvm_spawn(c_task, NULL, *flag, *c_where == '*' ? NULL : c_where, *count, tids);
}

/*
 * One task a call, in turn; then the table is read again, and only then `where` is looked
 * at. info is 1, 0 if there is none, or an error code.
 */
ENTRY pvmftasks_(int *where, int *count, int *tid, int *parent, int *host, int *flag, char *program,
	int *info, int program_length)
{
	static __thread struct pvmtaskinfo *table;
	static __thread int known, next;

	*info = 0;
	if (next >= known) {
		next = known = 0;
		*info = pvm_tasks(*where, &known, &table);
	}
	if (*info < 0)
		return;
	*count = known;
	if (next >= known)
		return;
	*tid = table[next].ti_tid;
	*parent = table[next].ti_ptid;
	*host = table[next].ti_host;
	*flag = table[next].ti_flag;
	fpvm__store(program, program_length, table[next].ti_a_out);
	next++;
	*info = 1;
}

ENTRY pvmfnotify_(int *event, int *tag, int *count, int *tids, int *info)
{
	*info = pvm_notify(*event, *tag, *count, tids);
}

/* The output of children appears on that of C; it is not mixed line by line with Fortran's. */
ENTRY pvmfcatchout_(int *on, int *info) { *info = pvm_catchout(*on ? stdout : NULL); }

/* The text keeps the blanks at its end. */
ENTRY pvmfperror_(char *text, int *info, int text_length)
{
	char *copy = strndup(text, text_length > 0 ? (size_t)text_length : 0);

	*info = copy ? pvm_perror(copy) : PvmNoMem;
	free(copy);
}
