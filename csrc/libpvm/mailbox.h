/* SPDX-License-Identifier: MIT */
/*
 * Mailbox entries, without reports of errors, for the library's own use.
 * Arguments as of pvm_putinfo, pvm_recvinfo and pvm_delinfo.
 */
#ifndef PVM3PY_MAILBOX_H
#define PVM3PY_MAILBOX_H

#include "internal.h"

/* Store a record. Index that it got, or an error code. */
int pvm__mailbox_put(const char *name, int index, int flags, struct message *record);
/* The same with a record that is made for the purpose and consumed; NULL: PvmNoMem. */
int pvm__mailbox_put_new(const char *name, int index, int flags, struct message *record);
/* Fetch a record, which the caller unrefs. Its index, or an error code. */
int pvm__mailbox_get(const char *name, int index, int flags, struct message **record);
/* Delete a record. Its index, or an error code. */
int pvm__mailbox_remove(const char *name, int index, int flags);

#endif
