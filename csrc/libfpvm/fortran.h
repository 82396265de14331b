/* SPDX-License-Identifier: MIT */
/*
 * What the files of libfpvm share.  Conventions of gfortran, f77 and relatives on Unix: names are
 * lower case with one underscore behind; all arguments are pointers; for each CHARACTER
 * argument its length follows at the end of the list, by value.
 */
#ifndef PVM3PY_FORTRAN_H
#define PVM3PY_FORTRAN_H

#include <stdio.h>
#include <sys/time.h>

/* Everything is compiled hidden (-fvisibility=hidden) but what includes this declares or defines. */
#pragma GCC visibility push(default)
#include "pvm3.h"
#pragma GCC visibility pop

/* In front of each entry point. */
#define ENTRY __attribute__((visibility("default"))) void

/* Copy of a CHARACTER argument without the blanks at its end, malloc'ed; NULL: out of memory. */
char *fpvm__text(const char *text, int length);
/* For variables of TEXT. */
void fpvm__release(char **text);

/* Declare `c_NAME`, the C string of argument `name`; without memory the call ends in PvmNoMem. */
#define TEXT(name, result) \
	__attribute__((cleanup(fpvm__release))) char *c_##name = fpvm__text(name, name##_length); \
	if (!c_##name) { \
		*(result) = PvmNoMem; \
		return; \
	}

/* Store a C string (NULL: empty) in a CHARACTER argument: cut to its length, or padded with blanks. */
void fpvm__store(char *text, int length, const char *string);

#endif
