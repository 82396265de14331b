/* SPDX-License-Identifier: MIT */
#include <stddef.h>
#include "pvm3.h"
#include "session.h"

static struct {
	int tid, context, number;
} session;

void hpvm__enter(struct setting *s)
{
	s->send = pvm_setsbuf(0);
	s->receive = pvm_setrbuf(0);
	s->context = pvm_setcontext(session.context);
	s->match = pvm_recvf(NULL);
	s->autoerr = pvm_setopt(PvmAutoErr, 0);
}

void hpvm__leave(const struct setting *s)
{
	pvm_freebuf(pvm_setsbuf(s->send));
	pvm_freebuf(pvm_setrbuf(s->receive));
	pvm_setcontext(s->context);
	pvm_recvf(s->match);
	pvm_setopt(PvmAutoErr, s->autoerr);
}

static int enrol(void)
{
	int tid = pvm_mytid();

	if (tid < 0)
		return tid;
	if (tid != session.tid) {
		int context = pvm_newcontext();

		if (context < 0)
			return context;
		session.tid = tid;
		session.context = context;
		session.number++;
	}
	return session.number;
}

int hpvm__enrol(void)
{
	int autoerr = pvm_setopt(PvmAutoErr, 0);
	int result = enrol();

	pvm_setopt(PvmAutoErr, autoerr);
	return result;
}
