/* SPDX-License-Identifier: MIT */
/* A runner: a process, forked by the client, that loads the kernel and runs tasks one by one. */
#ifndef HPVMC_RUNNER_H
#define HPVMC_RUNNER_H

#include <stdbool.h>
#include <stdint.h>

/* What a runner does until it is killed: load the kernel in this memory file, then run tasks. */
_Noreturn void runner_main(uint32_t number, int kernel);

/* The log of merges of this runner: room for so many bytes more of the task at work, NULL if there
 * is none. What is written there is part of the log after log_grow. */
void *log_room(uint64_t bytes);
void log_grow(uint64_t bytes);

/* The task at work, counted, so that what is known of it can be told from what was known of an
 * earlier one. */
uint32_t runner_task(void);

#endif
