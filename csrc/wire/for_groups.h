/* SPDX-License-Identifier: MIT */
/*
 * What libpvm3 exports beyond 3.4.6, for libgpvm3: the library's lock; begin and end of group calls; buffers and context of a
 * group call; a receive with a choice of its own; turns of threads; the number of the connection; a look whether it is a task.
 * (csrc/libpvm/calls/for_groups.c)
 */
#ifndef PVM3PY_FOR_GROUPS_H
#define PVM3PY_FOR_GROUPS_H

#include <sys/time.h>

/* Storage of a view, struct view in csrc/libpvm/base/base.h. */
struct pvmview {
	void *room[6];
};

/* Storage of a call, struct call there. */
struct pvmcall {
	void *room[1];
};

int pvmgroupbegin(struct pvmcall *call);
void pvmgroupend(void);
void pvmgroupmask(void);
void pvmgroupcount(int *count);
int pvmgrouppause(void);
void pvmgroupresume(int state);

void pvmlock(void);
void pvmunlock(void);
void pvmviewbegin(struct pvmview *view, int context);
void pvmviewend(struct pvmview *view);
int pvmtrecvf(int (*match)(int, int, int), int tid, int tag, struct timeval *timeout);
int pvmturn(int *holder);
void pvmturnend(int *holder);
unsigned pvmsession(void);
int pvmistask(void);

#endif
