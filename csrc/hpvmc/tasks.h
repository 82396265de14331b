/* SPDX-License-Identifier: MIT */
/* Tasks of this host: from the parent's message to the report of what became of them. */
#ifndef HPVMC_TASKS_H
#define HPVMC_TASKS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A spawn begins, whose tasks have arguments of this type. */
void tasks_begin(int argtype);

/* The spawn is over: no task is left. Runners must have ended. */
void tasks_end(void);

/* Tasks of a message, for the runners. False if the message makes no sense. */
bool tasks_take(void);

/* Report all that is done. True if there was something. */
bool tasks_report(int parent);

/* The runner with this process id has ended: its task, if it had one, has failed for the reason
 * given. True if it had one. */
bool tasks_crashed(int parent, pid_t pid, const char *why);

#endif
