/* SPDX-License-Identifier: MIT */
/*
 * Requests in one line: a format says what a message consists of.
 *
 *   i  int             reading: int *
 *   s  char *          reading: char **, malloc'ed; NULL is written as ""
 *   v  int *, int n    that many ints
 *   m  struct message *, as pvm_pkmesg; not for reading
 */
#ifndef PVM3PY_ASK_H
#define PVM3PY_ASK_H

#include "internal.h"

/* New XDR message made of the arguments; NULL: out of memory. */
struct message *pvm__compose(const char *format, ...);
/* Append to a message. 0 or an error code. */
int pvm__put(struct message *, const char *format, ...);
/* Read from a message. 0 or an error code; strings read before it are the caller's. */
int pvm__get(struct message *, const char *format, ...);

/*
 * Send the request (consumed; NULL counts as out of memory) to the daemon.
 * pvm__ask_code returns the int that is the reply, or an error code; the others
 * leave the reply to the caller, to read and unref.
 */
int pvm__ask(int tag, struct message *req, struct message **reply);
int pvm__ask_code(int tag, struct message *req);
/* The same for requests that a resource manager serves if there is one. */
int pvm__ask_sched(int tm_tag, int sm_tag, struct message *req, struct message **reply);

/* Read a host as TM_CONFIG describes it (hosts.c). Names are the caller's to free. */
int pvm__get_host(struct message *, struct pvmhostinfo *);

#endif
