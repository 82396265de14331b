/* SPDX-License-Identifier: MIT */
/*
 * Exported names that neither a public header nor internal.h declares: programs
 * and libraries built for PVM 3.4.6 import them.  Sizes and types of the data must not change, since
 * programs hold copies of them.
 */
#ifndef PVM3PY_COMPAT_H
#define PVM3PY_COMPAT_H

#include <stdarg.h>

#include "internal.h"

#pragma GCC visibility push(default)
#include "for_groups.h"

/* Errors. (error.c) */
int lpvmerr(const char *function, int code);

/* Connection. (connect.c, handler.c) */
int pvmbeatask(void);
int pvmendtask(void);
void pvmdisplaymhfinfo(char *who, char *text, int tid);
int pvmsettaskname(char *name);

/* Packing with an argument list. (packf.c) */
int pvm_vpackf(const char *format, va_list ap);
int pvm_vunpackf(const char *format, va_list ap);

/* Wait ids. (compat.c) */
int pvm_getmwid(int bufid);
int pvm_setmwid(int bufid, int wid);

/* Small helpers. (compat.c) */
int i_dump(int how);
void pvmbailout(int status);
int pvmgetclock(struct timeval *now);
int pvmsleep(int seconds);
char *pvmtmpnam(char *name);
int pvmputenv(char *setting);
int pvmstrtoi(char *text);
char *pvmnametag(int tag, int *found);
int pvmreset(int mytid, int killtasks, char *noreset_class, int index);

/* Tracing: libgpvm3 makes events of its own with these. (trace.c) */
typedef int (*trace_packer)(int did, int array, void *data, int n, int stride);
extern trace_packer *pvmtrccodef; /* packers by item type, then the one for strings */
int tev_begin(int kind, int entry_exit);
int tev_fin(void);

#pragma GCC visibility pop

#endif
