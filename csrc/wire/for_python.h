/* SPDX-License-Identifier: MIT */
/* What the archive of libpvm3 has for the Python interface. (csrc/libpvm/calls/recv.c) */
#ifndef PVM3PY_FOR_PYTHON_H
#define PVM3PY_FOR_PYTHON_H

/*
 * As pvm_getfds, for a caller that takes in until there is nothing more; so the task may go on
 * reading ahead. 0: something was read that is not taken in, as by pvm_probe, so do not wait.
 */
int pvmnewsfds(int **fds);

#endif
