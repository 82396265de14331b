/* SPDX-License-Identifier: MIT */
/*
 * Images of tasks in files. PVM 3.4.6 has no such functions, and a program may have some of these
 * names: so they give way to it.
 */
#include "calls/api.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#pragma weak pvm_checkpoint
#pragma weak pvm_restart

/* ---- asking ---------------------------------------------------------------------------- */

/* The place of a directory whatever the working directory is; "" stays. NULL: no memory, or none. */
static char *whole_path(const char *dir)
{
	char *here, *path;
	size_t size;

	if (!dir || !*dir || *dir == '/')
		return strdup(dir ? dir : "");
	here = getcwd(NULL, 0);
	if (!here)
		return NULL;
	size = strlen(here) + strlen(dir) + 2;
	path = malloc(size);
	if (path) {
		strcpy(path, here);
		strcat(strcat(path, "/"), dir);
	}
	free(here);
	return path;
}

/* Append strings, and their number first. */
static int put_names(struct message *m, char *const *names, int n)
{
	int code = pvm__put_int(m, n);

	for (int i = 0; i < n && code == 0; i++)
		code = pvm__put_str(m, names[i]);
	return code;
}

/* Ask what a request that may not have been filled says. 0, with the answer, or an error code. */
static int ask(int tag, struct message *req, int filled, struct message **reply)
{
	if (req && filled == 0)
		return pvm__ask_mover(tag, req, reply);
	if (req)
		pvm__message_unref(req);
	return req ? filled : PvmNoMem;
}

/* The first items of an answer: its code. */
static int read_verdict(struct message *reply, struct pvmverdict *verdict)
{
	char *text = NULL;
	int code, n = pvm__get(reply, "i", &code);

	if (n == 0 && pvm__get(reply, "is", &verdict->reason, &text) == 0)
		strncpy(verdict->text, text, sizeof verdict->text - 1);
	free(text);
	return n < 0 ? n : code;
}

/* ---- checkpoints ----------------------------------------------------------------------- */

/* What is to be written. */
struct wish {
	const char *dir;
	const int *tids;
	int n, flags, every, keep;
};

static bool is_right(const struct wish *w)
{
	const int known = PvmWholeJobs | PvmIncremental;
	bool right = w->n >= 0 && !(w->flags & ~known) && w->every >= 0 && w->keep >= 0;

	for (int i = 0; right && i < w->n; i++)
		right = w->tids[i] > 0 && wire_is_task((uint32_t)w->tids[i]);
	return right;
}

static int write_checkpoint(const struct wish *w, struct pvmverdict *verdict)
{
	struct message *req, *reply;
	char *path;
	int code;

	if (!is_right(w))
		return pvm__refuse(PvmBadParam);
	path = whole_path(w->dir);
	req = path ? pvm__message_new(WIRE_ENC_XDR) : NULL;
	code = req ?
		pvm__put(req, "siiiiv", path, w->flags, w->every, w->keep, w->n, w->tids, w->n) :
		0;
	free(path);
	code = ask(TM_CKPT, req, code, &reply);
	if (code < 0)
		return code;
	code = read_verdict(reply, verdict);
	pvm__message_unref(reply);
	return code;
}

int pvmcheckpoint(const char *dir, const int *tids, int n, int flags, int every, int keep,
	struct pvmverdict *verdict)
{
	const struct wish wish = { dir, tids, n, flags, every, keep };

	API_LOCK();
	*verdict = (struct pvmverdict){ 0 };
	return pvm__result("pvm_checkpoint", write_checkpoint(&wish, verdict));
}

int pvm_checkpoint(char *dir, int *tids, int n, int flags)
{
	const struct wish wish = { dir, tids, n, flags, 0, 0 };
	struct pvmverdict verdict = { 0 };

	API_LOCK();
	return pvm__result("pvm_checkpoint", write_checkpoint(&wish, &verdict));
}

/* ---- restarts -------------------------------------------------------------------------- */

/* What is to be started; tids: room for `most`. */
struct revival {
	const char *dir;
	int number;
	char *const *hosts;
	int n;
	int *tids, most;
};

static int read_tids(struct message *reply, const struct revival *r)
{
	int n, code = pvm__get(reply, "i", &n);

	if (code == 0 && r->most > 0 && n > 0)
		code = pvm__get_ints(reply, r->tids, n < r->most ? n : r->most);
	return code;
}

static int start_again(const struct revival *r, struct pvmverdict *verdict)
{
	struct message *req, *reply;
	char *path;
	int code;

	if (r->number < 0 || r->n < 0)
		return pvm__refuse(PvmBadParam);
	path = whole_path(r->dir);
	req = path ? pvm__message_new(WIRE_ENC_XDR) : NULL;
	code = req ? pvm__put(req, "siiii", path, r->number, pvmctrc.outtid, pvmctrc.outctx,
			     pvmctrc.outtag) :
		     0;
	if (req && code == 0)
		code = put_names(req, r->hosts, r->n);
	free(path);
	code = ask(TM_RESTART, req, code, &reply);
	if (code < 0)
		return code;
	code = read_verdict(reply, verdict);
	if (code > 0 && read_tids(reply, r) < 0)
		code = PvmDSysErr;
	pvm__message_unref(reply);
	return code;
}

int pvmrevive(const char *dir, int number, char *const *hosts, int n, int *tids, int most,
	struct pvmverdict *verdict)
{
	const struct revival revival = { dir, number, hosts, n, tids, most };

	API_LOCK();
	*verdict = (struct pvmverdict){ 0 };
	return pvm__result("pvm_restart", start_again(&revival, verdict));
}

int pvm_restart(char *dir, int number, char **hosts, int n)
{
	const struct revival revival = { dir, number, hosts, n, NULL, 0 };
	struct pvmverdict verdict = { 0 };

	API_LOCK();
	return pvm__result("pvm_restart", start_again(&revival, &verdict));
}
