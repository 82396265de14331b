/* SPDX-License-Identifier: MIT */
/*
 * Tasks that are stopped for a while. In an object of its own: programs that do not call it can be
 * linked with a libpvm3 of 3.4.6, which has no such function.
 */
#include "fortran.h"

/* The program may have an entry point of this name. */
#pragma weak pvmfholdtask_

ENTRY pvmfholdtask_(int *tid, int *on, int *info) { *info = pvm_holdtask(*tid, *on); }
