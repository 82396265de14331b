/* SPDX-License-Identifier: MIT */
/*
 * Collected output: format of pvm_catchout, own collectors with tag and context, sinks
 * changed while running, output of a task that crashes or never enrols.
 */
#include <signal.h>

#include "check.h"

enum { TAG_MINE = 31, TAG_EXIT = 3, TAG_GO = 4 };

static int child(char *program, const char *role)
{
	if (strcmp(role, "lines") == 0) {
		pvm_mytid();
		printf("first\n\nthird %s", "without end");
		fprintf(stderr, "-");
		pvm_exit();
	} else if (strcmp(role, "silent") == 0) {
		pvm_exit();
	} else if (strcmp(role, "spawner") == 0) {
		char *arguments[] = { "stranger", NULL };
		int tid;

		pvm_spawn(program, arguments, PvmTaskDefault, "", 1, &tid);
		pvm_recv(pvm_parent(), TAG_GO);
	} else if (strcmp(role, "stranger") == 0) {
		printf("never enrolled\n");
	} else if (strcmp(role, "crash") == 0) {
		pvm_mytid();
		for (int i = 0; i < 100; i++)
			dprintf(1, "%03d %060d\n", i, i);
		raise(SIGKILL);
	} else if (strcmp(role, "obedient") == 0) {
		pvm_mytid();
		pvm_recv(pvm_parent(), TAG_GO);
		dprintf(1, "to the new one\n");
		pvm_exit();
	}
	return 0;
}

static void wait_for_exit(int tid)
{
	pvm_notify(PvmTaskExit, TAG_EXIT, 1, &tid);
	CHECK_INT(check_recv_int(-1, TAG_EXIT), tid);
}

/* Collect the output of one child; the text, malloc'ed. */
static char *collect(char **argv, char *role, int *tid)
{
	FILE *file = tmpfile();
	char *text = calloc(1, 20000);

	CHECK_INT(pvm_catchout(file), 0);
	CHECK_INT(check_spawn(argv, role, 1, tid), 1);
	pvm_exit();
	CHECK(pvm_mytid() > 0);
	rewind(file);
	if (fread(text, 1, 19999, file) == 0)
		CHECK(feof(file));
	fclose(file);
	return text;
}

static void formats(char **argv)
{
	char *text, expected[300];
	int tid;

	text = collect(argv, "silent", &tid);
	snprintf(expected, sizeof expected, "[t%x] BEGIN\n[t%x] EOF\n", tid, tid);
	CHECK_TEXT(text, expected);
	free(text);
	text = collect(argv, "lines", &tid);
	snprintf(expected, sizeof expected,
		"[t%x] BEGIN\n[t%x] -first\n[t%x] \n[t%x] third without end\n[t%x] EOF\n", tid, tid,
		tid, tid, tid);
	CHECK_TEXT(text, expected);
	free(text);
	text = collect(argv, "stranger", &tid);
	snprintf(expected, sizeof expected, "[t%x] BEGIN\n[t%x] never enrolled\n[t%x] EOF\n", tid,
		tid, tid);
	CHECK_TEXT(text, expected);
	free(text);
	pvm_setopt(PvmShowTids, 0);
	text = collect(argv, "stranger", &tid);
	CHECK_TEXT(text, "never enrolled\n");
	free(text);
	pvm_setopt(PvmShowTids, 1);
}

/* A task whose first call is a spawn: its children print where it prints. */
static void grandchildren(char **argv)
{
	FILE *file = tmpfile();
	char text[1000] = "";
	int tid;

	CHECK_INT(pvm_catchout(file), 0);
	CHECK_INT(check_spawn(argv, "spawner", 1, &tid), 1);
	while (!strstr(text, "] never enrolled\n")) {
		CHECK_INT(pvm_nrecv(-1, TAG_MINE), 0);
		usleep(1000);
		rewind(file);
		text[fread(text, 1, sizeof text - 1, file)] = 0;
	}
	check_send_int(tid, TAG_GO, 0);
	pvm_exit();
	CHECK(pvm_mytid() > 0);
	fclose(file);
}

static void crash(char **argv)
{
	int tid, lines = 0;
	char *text = collect(argv, "crash", &tid), expected[200], *at;

	for (int i = 0; i < 100; i++) {
		snprintf(expected, sizeof expected, "[t%x] %03d %060d\n", tid, i, i);
		at = strstr(text, expected);
		lines += at != NULL;
	}
	CHECK_INT(lines, 100);
	snprintf(expected, sizeof expected, "[t%x] EOF\n", tid);
	CHECK(strlen(text) > strlen(expected));
	CHECK_TEXT(text + strlen(text) - strlen(expected), expected);
	free(text);
}

/* One record for an own collector: tid and kind or length, text checked. */
static void check_record(int tid, int kind, const char *text)
{
	int id = pvm_recv(-1, TAG_MINE), its_tid = 0, its_kind = 0;
	char buffer[200] = { 0 };

	CHECK(id > 0);
	CHECK_INT(pvm_upkint(&its_tid, 1, 1), 0);
	CHECK_INT(pvm_upkint(&its_kind, 1, 1), 0);
	CHECK_INT(its_tid, tid);
	CHECK_INT(its_kind, kind);
	if (kind > 0) {
		CHECK_INT(pvm_upkbyte(buffer, its_kind, 1), 0);
		CHECK_TEXT(buffer, text);
	}
}

static void own_collector(char **argv)
{
	int mytid = pvm_mytid(), tid, context = pvm_newcontext(), kinds[2] = { 0 }, its_tid, parent;

	CHECK_INT(pvm_setopt(PvmOutputTid, mytid), 0);
	pvm_setopt(PvmOutputCode, TAG_MINE);
	pvm_setopt(PvmOutputContext, context);
	CHECK_INT(pvm_getopt(PvmOutputContext), context);
	CHECK_INT(check_spawn(argv, "obedient", 1, &tid), 1);
	pvm_setcontext(context);
	for (int i = 0; i < 2; i++) {
		CHECK(pvm_recv(-1, TAG_MINE) > 0);
		CHECK_INT(pvm_unpackf("%d %d %d", &its_tid, kinds + i, &parent), 0);
		CHECK_INT(its_tid, tid);
		CHECK_INT(parent, mytid);
	}
	CHECK((kinds[0] == -1 && kinds[1] == -2) || (kinds[0] == -2 && kinds[1] == -1));
	pvm_setcontext(0);
	check_send_int(tid, TAG_GO, 0);
	pvm_setcontext(context);
	check_record(tid, 15, "to the new one\n");
	check_record(tid, 0, "");
	pvm_setcontext(0);
	wait_for_exit(tid);
	CHECK_INT(pvm_setopt(PvmOutputTid, 0), mytid);
	pvm_freecontext(context);
}

static void check_targets(int tid, int code, int context)
{
	pvm_mytid();
	CHECK_INT(pvm_getopt(PvmOutputTid), tid);
	CHECK_INT(pvm_getopt(PvmOutputCode), code);
	CHECK_INT(pvm_getopt(PvmOutputContext), context);
}

/* Who comes back collects no output, and finds nothing of where it was to go. */
static void come_back(void)
{
	enum { CONTEXT = 5 };

	pvm_catchout(stdout);
	pvm_exit();
	check_targets(0, 0, 0);
	pvm_setopt(PvmOutputTid, pvm_mytid());
	pvm_setopt(PvmOutputCode, TAG_MINE);
	pvm_setopt(PvmOutputContext, CONTEXT);
	check_targets(pvm_mytid(), TAG_MINE, CONTEXT);
	pvm_exit();
	check_targets(0, 0, 0);
}

int main(int argc, char **argv)
{
	check_start();
	if (argc > 1)
		return child(argv[0], argv[1]);
	CHECK(pvm_mytid() > 0);
	formats(argv);
	grandchildren(argv);
	crash(argv);
	own_collector(argv);
	come_back();
	pvm_exit();
	return check_done();
}
