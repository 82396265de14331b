/* SPDX-License-Identifier: MIT */
/* What the Python interface has of libpvm3 beside pvm3.h. (csrc/libpvm/calls/) */
#ifndef PVM3PY_FOR_PYTHON_H
#define PVM3PY_FOR_PYTHON_H

struct timeval;

/*
 * Wait as pvm_trecv does, and leave the message where it is. Its id; 0: the time is over, or a
 * signal came. PvmNotImpl in a handler, PvmNoMem, PvmSysErr.
 */
int pvmawait(int tid, int tag, const struct timeval *timeout);

/* Copy the trace mask, 36 bytes, of the own task or of children. 0, PvmBadParam. (pvmtev.h) */
int pvm_gettmask(int who, char mask[36]);
int pvm_settmask(int who, char mask[36]);

/*
 * Reset the machine: end the tasks (if killtasks) other than the caller and those with
 * PvmNoReset, and delete what ended tasks have left in the mailbox, of one class and index (""
 * and -1: all). 0 or an error code. (compat.c)
 */
int pvmreset(int mytid, int killtasks, char *noreset_class, int index);

#endif
