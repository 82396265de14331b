/* SPDX-License-Identifier: MIT */
/* The state of the library, and what each call does with libpvm3 first and last. */
#include "group.h"

struct groups gs__state;

void gs__enter(struct setting *s)
{
	if (pvmviewbegin) {
		pvmviewbegin(&s->view, SYSCTX_DG);
		return;
	}
	s->sbuf = pvm_setsbuf(0);
	s->rbuf = pvm_setrbuf(0);
	s->context = pvm_setcontext(SYSCTX_DG);
	s->match = pvm_recvf(NULL);
}

void gs__leave(struct setting *s)
{
	if (pvmviewend) {
		pvmviewend(&s->view);
		return;
	}
	pvm_freebuf(pvm_setsbuf(s->sbuf));
	pvm_freebuf(pvm_setrbuf(s->rbuf));
	pvm_setcontext(s->context);
	pvm_recvf(s->match);
}

int gs__receive(int (*match)(int, int, int), int tid, int tag, struct timeval *timeout)
{
	int mid;

	if (pvmtrecvf)
		return pvmtrecvf(match, tid, tag, timeout);
	pvm_recvf(match);
	mid = pvm_trecv(tid, tag, timeout);
	pvm_recvf(NULL);
	return mid;
}
