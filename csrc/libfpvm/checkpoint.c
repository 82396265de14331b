/* SPDX-License-Identifier: MIT */
/* Images of tasks in files; in an object of their own for the reason that move.c gives. */
#include "fortran.h"

/* The program may have entry points of these names. */
#pragma weak pvmfcheckpoint_
#pragma weak pvmfrestart_

/* A directory that begins with `*` is the usual one. */
ENTRY pvmfcheckpoint_(char *dir, int *tids, int *n, int *flags, int *info, int dir_length)
{
	TEXT(dir, info)

	*info = pvm_checkpoint(*c_dir == '*' ? NULL : c_dir, tids, *n, *flags);
}

/* On all hosts. */
ENTRY pvmfrestart_(char *dir, int *number, int *info, int dir_length)
{
	TEXT(dir, info)

	*info = pvm_restart(*c_dir == '*' ? NULL : c_dir, *number, NULL, 0);
}
