/* SPDX-License-Identifier: MIT */
/*
 * Moving tasks to other hosts. PVM 3.4.6 has no such functions, and a program may have some of these
 * names: so they give way to it.
 */
#include "calls/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#pragma weak pvm_migrate
#pragma weak pvm_canmigrate
#pragma weak pvm_onmigrate

int pvm__ask_mover(int tag, struct message *req, struct message **reply)
{
	int code = pvm__connect();

	if (code == 0 && !(pvm__task.capabilities & WIRE_EXT_MOVES))
		code = PvmNotImpl;
	if (code == 0)
		return pvm__request(tag, req, reply);
	if (req)
		pvm__message_unref(req);
	return code;
}

/* Read an answer, with the bytes that the one to a question has. Its code. */
static int read_answer(struct message *reply, bool sized, struct pvmverdict *verdict)
{
	char *text = NULL;
	int code, high = 0, low = 0, n = pvm__get(reply, "iis", &code, &verdict->reason, &text);

	if (n == 0) {
		strncpy(verdict->text, text, sizeof verdict->text - 1);
		if (sized && pvm__get(reply, "ii", &high, &low) == 0)
			verdict->bytes = (long long)high << 31 | low;
	}
	free(text);
	pvm__message_unref(reply);
	return n < 0 ? n : code;
}

static int migrate(int tid, const char *host, int flags, struct pvmverdict *verdict)
{
	struct message *reply;
	int code;

	if (!wire_is_task((uint32_t)tid) || tid <= 0 || flags & ~PvmLive)
		return pvm__refuse(PvmBadParam);
	code = pvm__ask_mover(TM_MIGRATE, pvm__compose("isi", tid, host ? host : "", flags),
		&reply);
	return code < 0 ? code : read_answer(reply, false, verdict);
}

int pvmmove(int tid, const char *host, int flags, struct pvmverdict *verdict)
{
	API_LOCK();
	*verdict = (struct pvmverdict){ 0 };
	return pvm__result("pvm_migrate", migrate(tid, host, flags, verdict));
}

int pvm_migrate(int tid, char *host, int flags)
{
	struct pvmverdict verdict = { 0 };

	API_LOCK();
	return pvm__result("pvm_migrate", migrate(tid, host, flags, &verdict));
}

static int can_migrate(int tid, const char *host, struct pvmverdict *verdict)
{
	struct message *reply;
	int code;

	if (!wire_is_task((uint32_t)tid) || tid <= 0)
		return pvm__refuse(PvmBadParam);
	code = pvm__ask_mover(TM_CANMIGRATE, pvm__compose("is", tid, host ? host : ""), &reply);
	return code < 0 ? code : read_answer(reply, true, verdict);
}

/* What a question is answered with; that a task cannot be moved is no error. */
static int answered(int code)
{
	return code == PvmNotMovable || code == PvmBusy ? pvm__quiet(code) :
							  pvm__result("pvm_canmigrate", code);
}

int pvmmovable(int tid, const char *host, struct pvmverdict *verdict)
{
	API_LOCK();
	*verdict = (struct pvmverdict){ 0 };
	return answered(can_migrate(tid, host, verdict));
}

int pvm_canmigrate(int tid, char *host, char *why, int size)
{
	struct pvmverdict verdict = { 0 };
	int code;

	API_LOCK();
	code = size < 0 ? pvm__refuse(PvmBadParam) : can_migrate(tid, host, &verdict);
	if (why && size > 0)
		snprintf(why, (size_t)size, "%s", verdict.text);
	return answered(code);
}

int pvm_onmigrate(int when, int (*f)(void *), void *arg)
{
	API_LOCK();
	bool right = (when == PvmBeforeImage || when == PvmAfterResume) && f;

	return pvm__result("pvm_onmigrate", right ? pvm__hook_add(when, f, arg) : PvmBadParam);
}
