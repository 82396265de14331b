/* SPDX-License-Identifier: MIT */
/*
 * Tasks that are stopped for a while, and owners of hosts. PVM 3.4.6 has no such functions, and a
 * program may have one of this name: so it gives way to that.
 */
#include "calls/api.h"

#pragma weak pvm_holdtask

/* Ask; the daemon must have said that it can. What it answers, or an error code. */
static int ask(int tag, struct message *req)
{
	struct message *reply;
	int code = pvm__connect(), answer;

	if (code == 0 && !(pvm__task.capabilities & WIRE_EXT_MOVES))
		code = PvmNotImpl;
	if (code < 0) {
		if (req)
			pvm__message_unref(req);
		return code;
	}
	code = pvm__request(tag, req, &reply);
	if (code < 0)
		return code;
	code = pvm__get_int(reply, &answer);
	pvm__message_unref(reply);
	return code < 0 ? code : answer;
}

static int hold(int tid, int on)
{
	if (!wire_is_task((uint32_t)tid) || tid <= 0 || on < 0 || on > 1)
		return pvm__refuse(PvmBadParam);
	return ask(TM_HOLDTASK, pvm__compose("ii", tid, on));
}

int pvm_holdtask(int tid, int on)
{
	API_LOCK();
	return pvm__result("pvm_holdtask", hold(tid, on));
}

int pvmowner(const char *host, int word)
{
	API_LOCK();
	return pvm__result("pvm_owner", ask(TM_OWNER, pvm__compose("si", host, word)));
}
