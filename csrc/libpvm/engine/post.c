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

/* Notices that the daemon keeps in this session without being asked whether it does. */
static struct {
	unsigned session;
	int room;
} notices;

bool pvm__notices_fit(int n)
{
	if (notices.session != pvm__task.session)
		pvm__notices_granted(WIRE_NOTICES_MAX);
	if (n > notices.room)
		return false;
	notices.room -= n;
	return true;
}

void pvm__notices_granted(int room)
{
	notices.session = pvm__task.session;
	notices.room = room;
}

int pvm__ask_notice(int what, int tid, int tag)
{
	pvm__notices_fit(1);
	return pvm__post(pvm__compose("iiiii", what, SYSCTX_TC, tag, 1, tid), TM_NOTIFY, SYSCTX_TM,
		TIDPVMD);
}
