/* SPDX-License-Identifier: MIT */
/* Messages of the library itself to the daemon, and through it to other tasks. */
#include "engine/engine.h"

int pvm__send_daemon(struct message *m, int dst)
{
	int code;

	if (pvm__task.sending) {
		pvm__message_unref(m);
		return PvmNotImpl;
	}
	pvm__task.sending++;
	code = pvm__write_daemon(&(struct parcel){ .message = m, .dst = dst }, 1);
	pvm__task.sending--;
	pvm__message_unref(m);
	pvm__settle();
	pvm__pay();
	return code;
}

int pvm__post(struct message *m, int tag, int ctx, int dst)
{
	if (!m)
		return PvmNoMem;
	m->tag = tag;
	m->ctx = ctx;
	return pvm__send_daemon(m, dst);
}

int pvm__ask_notice(int what, int tid, int tag)
{
	return pvm__post(pvm__compose("iiiii", what, SYSCTX_TC, tag, 1, tid), TM_NOTIFY, SYSCTX_TM,
		TIDPVMD);
}
