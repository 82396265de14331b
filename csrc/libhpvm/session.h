/* SPDX-License-Identifier: MIT */
/* The parent as a task: what its program has set up is as before after each call. */
#ifndef HPVM_SESSION_H
#define HPVM_SESSION_H

/* What the program has set up in libpvm3. */
struct setting {
	int send, receive, context, autoerr;
	int (*match)(int, int, int);
};

/* Begin to use PVM with buffers and a context of our own, and give the program's back. */
void hpvm__enter(struct setting *s);
void hpvm__leave(const struct setting *s);

/*
 * Become a task with a context for HPVM, if need be. The number of the session, which changes when
 * the program has become another task meanwhile; else a negative code of PVM.
 */
int hpvm__enrol(void);

#endif
