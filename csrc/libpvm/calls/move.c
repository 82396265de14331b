/* SPDX-License-Identifier: MIT */
/*
 * Moving tasks to other hosts. PVM 3.4.6 has no such functions, and a program may have some of these
 * names: so they give way to it.
 */
#include "calls/api.h"

#include <stdlib.h>
#include <string.h>

#pragma weak pvm_migrate
#pragma weak pvm_canmigrate
#pragma weak pvm_onmigrate

/* Ask; the daemon must have said that it can. 0, with the answer, or an error code. */
static int ask(int tag, struct message *req, struct message **reply)
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

/* Read the code of an answer, and the words behind it if they are wanted. */
static int read_answer(struct message *reply, char *why, int size)
{
	char *text = NULL;
	int code, reason, n = pvm__get(reply, "iis", &code, &reason, &text);

	if (n == 0 && why && size > 0) {
		strncpy(why, text, (size_t)size - 1);
		why[size - 1] = 0;
	}
	free(text);
	pvm__message_unref(reply);
	return n < 0 ? n : code;
}

static int migrate(int tid, const char *host, int flags)
{
	struct message *reply;
	int code;

	if (!wire_is_task((uint32_t)tid) || tid <= 0 || flags)
		return pvm__refuse(PvmBadParam);
	code = ask(TM_MIGRATE, pvm__compose("isi", tid, host ? host : "", flags), &reply);
	return code < 0 ? code : read_answer(reply, NULL, 0);
}

int pvm_migrate(int tid, char *host, int flags)
{
	API_LOCK();
	return pvm__result("pvm_migrate", migrate(tid, host, flags));
}

static int can_migrate(int tid, const char *host, char *why, int size)
{
	struct message *reply;
	int code;

	if (!wire_is_task((uint32_t)tid) || tid <= 0 || size < 0)
		return pvm__refuse(PvmBadParam);
	code = ask(TM_CANMIGRATE, pvm__compose("is", tid, host ? host : ""), &reply);
	return code < 0 ? code : read_answer(reply, why, size);
}

int pvm_canmigrate(int tid, char *host, char *why, int size)
{
	int code;

	API_LOCK();
	if (why && size > 0)
		why[0] = 0;
	code = can_migrate(tid, host, why, size);
	/* That a task cannot be moved is an answer. */
	return code == PvmNotMovable || code == PvmBusy ? pvm__quiet(code) :
							  pvm__result("pvm_canmigrate", code);
}

int pvm_onmigrate(int when, int (*f)(void *), void *arg)
{
	API_LOCK();
	bool right = (when == PvmBeforeImage || when == PvmAfterResume) && f;

	return pvm__result("pvm_onmigrate", right ? pvm__hook_add(when, f, arg) : PvmBadParam);
}
