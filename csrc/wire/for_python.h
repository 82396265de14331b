/* SPDX-License-Identifier: MIT */
/* What the Python interface has of libpvm3 beside pvm3.h. (csrc/libpvm/engine/wait.c, calls/) */
#ifndef PVM3PY_FOR_PYTHON_H
#define PVM3PY_FOR_PYTHON_H

/*
 * Have `given_up` called in each thread whose call waits for messages or answers: when a signal
 * has come, and once a second. The lock is free then. If it returns non-zero the wait ends, and
 * the call, with PvmSysErr. An answer that comes later is dropped. NULL: nobody is asked.
 */
void pvmaskwaiting(int (*given_up)(void));

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
