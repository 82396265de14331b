/* SPDX-License-Identifier: MIT */
/* Starting tasks. */
#include "calls/api.h"

#include <stdlib.h>
#include <string.h>

/* ---- environment of the children ----------------------------------------- */

/* Strings for the request, one behind the other. */
struct environment {
	char *text;
	size_t length, room;
	int n;
};

enum { ROOM_FIRST = 256 };

/* Have room for so many bytes more. 0 or PvmNoMem. */
static int make_room(struct environment *e, size_t bytes)
{
	size_t room = e->room ? e->room : ROOM_FIRST;
	char *text;

	if (bytes <= e->room - e->length)
		return 0;
	while (room - e->length < bytes)
		room *= 2;
	text = realloc(e->text, room);
	if (!text)
		return PvmNoMem;
	e->text = text;
	e->room = room;
	return 0;
}

/* Add "name=value". 0 or PvmNoMem. */
static int add_variable(struct environment *e, const char *name, size_t len, const char *value)
{
	size_t size = strlen(value) + 1;
	char *end;

	if (make_room(e, len + 1 + size) < 0)
		return PvmNoMem;
	end = e->text + e->length;
	memcpy(end, name, len);
	end[len] = '=';
	memcpy(end + len + 1, value, size);
	e->length += len + 1 + size;
	e->n++;
	return 0;
}

static int add_number(struct environment *e, const char *name, const char *format, int value)
{
	char text[16];

	snprintf(text, sizeof text, format, value);
	return add_variable(e, name, strlen(name), text);
}

/* PVM_EXPORT and the variables it names. */
static int add_exports(struct environment *e)
{
	const char *names = getenv("PVM_EXPORT");
	int code;

	if (!names)
		return 0;
	code = add_variable(e, "PVM_EXPORT", strlen("PVM_EXPORT"), names);
	while (*names && code == 0) {
		size_t len = strcspn(names, ":");
		char *name = strndup(names, len);
		const char *value = name ? getenv(name) : NULL;

		if (!name)
			code = PvmNoMem;
		else if (value)
			code = add_variable(e, names, len, value);
		free(name);
		names += len + (names[len] == ':');
	}
	return code;
}

/* Strings NAME=value, up to NULL. */
static int add_strings(struct environment *e, char **strings)
{
	int code = 0;

	for (; strings && *strings && code == 0; strings++) {
		size_t len = strcspn(*strings, "=");

		if ((*strings)[len])
			code = add_variable(e, *strings, len, *strings + len + 1);
	}
	return code;
}

/* Everything the children get from this task, then `more`. */
static int make_environment(struct environment *e, char **more)
{
	int code = add_variable(e, "PVMTMASK", strlen("PVMTMASK"), pvmctrc.tmask);

	if (code == 0)
		code = add_number(e, "PVMTRCBUF", "%d", pvmctrc.trcbuf);
	if (code == 0)
		code = add_number(e, "PVMTRCOPT", "%d", pvmctrc.trcopt);
	if (code == 0)
		code = add_number(e, "PVMCTX", "0x%x", pvmmyctx);
	if (code == 0)
		code = add_exports(e);
	return code ? code : add_strings(e, more);
}

/* ---- request and reply --------------------------------------------------- */

static int put_strings(struct message *m, char **strings, int n)
{
	int code = pvm__put_int(m, n);

	for (int i = 0; i < n && code == 0; i++)
		code = pvm__put_str(m, strings[i]);
	return code;
}

static int put_environment(struct message *m, const struct environment *e)
{
	int code = pvm__put_int(m, e->n);

	for (const char *s = e->text; s < e->text + e->length && code == 0; s += strlen(s) + 1)
		code = pvm__put_str(m, s);
	return code;
}

static int count_strings(char **strings)
{
	int n = 0;

	while (strings && strings[n])
		n++;
	return n;
}

/*
 * What is to be started: `argv` and `env` end with NULL or are it; `output` is task, context and
 * tag that get what the tasks print, NULL for those that are set once this process is a task.
 */
struct order {
	const char *file, *where;
	char **argv, **env;
	int flags, n;
	const int *output;
};

static int fill_request(struct message *m, const struct order *o)
{
	const int set[] = { pvmctrc.outtid, pvmctrc.outctx, pvmctrc.outtag };
	const int *output = o->output ? o->output : set;
	struct environment e = { 0 };
	int code = make_environment(&e, o->env);

	if (code == 0)
		code = pvm__put(m, "sisi", o->file, o->flags, o->where, o->n);
	if (code == 0)
		code = put_strings(m, o->argv, count_strings(o->argv));
	if (code == 0)
		code = pvm__put(m, "iiiiii", output[0], output[1], output[2], pvmctrc.trctid,
			pvmctrc.trcctx, pvmctrc.trctag);
	if (code == 0)
		code = put_environment(m, &e);
	free(e.text);
	return code;
}

/* Ask for the tasks; `results` gets their tids or error codes. 0 and the reply, or an error code. */
static int ask_spawn(const struct order *o, int *results, struct message **reply)
{
	struct message *req = pvm__message_new(WIRE_ENC_XDR);
	int code = req ? fill_request(req, o) : PvmNoMem;
	int answered, n = o->n;

	if (code) {
		pvm__message_unref(req);
		return code;
	}
	code = pvm__ask_sched(TM_SPAWN, SM_SPAWN, req, reply);
	if (code)
		return code;
	code = pvm__get_int(*reply, &answered);
	if (code == 0 && answered < 0)
		code = answered;
	for (int i = 0; i < n; i++)
		results[i] = PvmDSysErr;
	if (code == 0)
		code = pvm__get_ints(*reply, results, answered < n ? answered : n);
	if (code)
		pvm__message_unref(*reply);
	return code;
}

/* Move the tids in front of the error codes, each in the order they had. */
static int tids_first(int *results, int n)
{
	int *errors = malloc((size_t)n * sizeof *errors);
	int ntids = 0, nerrors = 0;

	if (!errors)
		return PvmNoMem;
	for (int i = 0; i < n; i++) {
		if (results[i] > 0)
			results[ntids++] = results[i];
		else
			errors[nerrors++] = results[i];
	}
	memcpy(results + ntids, errors, (size_t)nerrors * sizeof *errors);
	free(errors);
	return ntids;
}

/* Tell the started tasks about each other. */
static int send_siblings(const int *tids, int n)
{
	struct message *m = pvm__compose("iv", n, tids, n);
	int *to = malloc((size_t)n * sizeof *to);
	int code = PvmNoMem;

	if (m && to) {
		memcpy(to, tids, (size_t)n * sizeof *to);
		m->tag = TC_SIBLINGS;
		m->ctx = SYSCTX_TC;
		pvm__keep(m, pvm__message_end);
		pvm__keep(to, free);
		code = pvm__multicast(m, to, n);
		pvm__kept(to);
		pvm__kept(m);
	}
	free(to);
	pvm__message_unref(m);
	return code;
}

/* What a daemon of ours says in the reply about what it could not start, else "". */
static void copy_reasons(struct message *reply, char *reasons, size_t room)
{
	char *text = NULL;

	if (room && pvm__get_str(reply, &text) == 0)
		snprintf(reasons, room, "%s", text);
	else if (room)
		*reasons = 0;
	free(text);
}

static int spawn(struct order *o, int *results, char *reasons, size_t room)
{
	char *more = getenv("PVMTASK");
	struct message *reply;
	int ntids, code;

	if (!o->file || o->n < 1)
		return pvm__refuse(PvmBadParam);
	if (more)
		o->flags |= pvmstrtoi(more);
	code = pvm__connect();
	if (!(pvm__task.capabilities & WIRE_EXT_MOVES))
		o->flags &= ~PvmTaskFixed;
	if (code == 0)
		code = ask_spawn(o, results, &reply);
	if (code)
		return code;
	copy_reasons(reply, reasons, room);
	pvm__message_unref(reply);
	ntids = tids_first(results, o->n);
	if (ntids > 0)
		code = send_siblings(results, ntids);
	return code < 0 ? code : ntids;
}

/*
 * Start `count` copies of an executable. argv (may be NULL) has no argv[0] and
 * ends with NULL; `where` (may be NULL) is a host or architecture if flags say so,
 * ":dir" behind it is the directory to start in. tids (may be NULL) gets the tids
 * of the started tasks, then an error code for each of the rest. Returns the
 * number started. PvmBadParam, PvmOutOfRes.
 */
int pvm_spawn(char *file, char **argv, int flags, char *where, int count, int *tids)
{
	struct order o = { file, where, argv, NULL, flags, count, NULL };
	int *results = tids;
	int code = PvmNoMem;

	API_ENTER(TEV_SPAWN, TEV_DID_SE, file, TEV_DID_SW, where, TEV_DID_SF, flags, TEV_DID_SC,
		count);
	if (!tids)
		results = malloc((size_t)(count > 0 ? count : 1) * sizeof *results);
	pvm__keep(tids ? NULL : results, free);
	if (results)
		code = spawn(&o, results, NULL, 0);
	pvm__kept(results);
	API_END(TEV_SPAWN, TEV_DID_CC, code, TEV_DID_STL, results, code);
	if (!tids)
		free(results);
	return pvm__result("pvm_spawn", code);
}

int pvmspawn(char *file, char **argv, int flags, char *where, int count, char **env,
	const int output[3], int *tids, char *reasons, size_t room)
{
	struct order o = { file, where, argv, env, flags, count, output };
	int code;

	API_ENTER(TEV_SPAWN, TEV_DID_SE, file, TEV_DID_SW, where, TEV_DID_SF, flags, TEV_DID_SC,
		count);
	code = spawn(&o, tids, reasons, room);
	API_END(TEV_SPAWN, TEV_DID_CC, code, TEV_DID_STL, tids, code);
	return pvm__result("pvm_spawn", code);
}
