/* SPDX-License-Identifier: MIT */
/* What the archive of libpvm3 has for the Python interface. (csrc/libpvm/calls/recv.c) */
#ifndef PVM3PY_FOR_PYTHON_H
#define PVM3PY_FOR_PYTHON_H

struct timeval;

/*
 * Wait as pvm_trecv does, and leave the message where it is. Its id; 0: the time is over, or a
 * signal came. PvmNotImpl in a handler, PvmNoMem, PvmSysErr.
 */
int pvmawait(int tid, int tag, const struct timeval *timeout);

#endif
