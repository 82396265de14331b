/* SPDX-License-Identifier: MIT */
/*
 * Moves of tasks. In an object of their own: programs that call none of these can be linked with a
 * libpvm3 of 3.4.6, which has no such functions.
 */
#include "fortran.h"

/* The program may have entry points of these names. */
#pragma weak pvmfmigrate_
#pragma weak pvmfcanmigrate_
#pragma weak pvmfonmigrate_

/* A place that begins with `*` is any. */
ENTRY pvmfmigrate_(int *tid, char *host, int *flags, int *info, int host_length)
{
	TEXT(host, info)

	*info = pvm_migrate(*tid, *c_host == '*' ? NULL : c_host, *flags);
}

ENTRY pvmfcanmigrate_(int *tid, char *host, char *why, int *info, int host_length, int why_length)
{
	char text[256];
	TEXT(host, info)

	*info = pvm_canmigrate(*tid, *c_host == '*' ? NULL : c_host, text, sizeof text);
	fpvm__store(why, why_length, text);
}

static int call_fortran(void *f)
{
	union {
		void *address;
		int (*function)(void);
	} u = { f };

	return u.function();
}

/* An integer function without arguments. */
ENTRY pvmfonmigrate_(int *when, int (*f)(void), int *info)
{
	union {
		int (*function)(void);
		void *address;
	} u = { f };

	*info = pvm_onmigrate(*when, f ? call_fortran : NULL, u.address);
}
