/* SPDX-License-Identifier: MIT */
/* What the archive of libpvm3 has for the Python interface. (csrc/libpvm/engine/wait.c) */
#ifndef PVM3PY_FOR_PYTHON_H
#define PVM3PY_FOR_PYTHON_H

/*
 * Have `given_up` called in each thread whose call waits for messages or answers: when a signal
 * has come, and once a second. The lock is free then. If it returns non-zero the wait ends, and
 * the call, with PvmSysErr. An answer that comes later is dropped. NULL: nobody is asked.
 */
void pvmaskwaiting(int (*given_up)(void));

#endif
