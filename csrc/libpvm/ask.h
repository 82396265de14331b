/* SPDX-License-Identifier: MIT */
/* Requests in one line. */
#ifndef PVM3PY_ASK_H
#define PVM3PY_ASK_H

#include "internal.h"

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
