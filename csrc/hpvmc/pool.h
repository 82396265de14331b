/* SPDX-License-Identifier: MIT */
/* The runners of a client. */
#ifndef HPVMC_POOL_H
#define HPVMC_POOL_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

enum pool_news { POOL_NOTHING, POOL_LOADED, POOL_REFUSED };

/* How many processors this process may use: as many as its argument says if that is not 0, as
 * HPVM_PROCESSORS says, or as its affinity and its cgroup allow. */
uint32_t pool_processors(const char *argument);

/* Fork all runners for the kernel in a memory file. False if there is none. */
bool pool_start(int kernel);

/* Kill all runners, and what they have started. */
void pool_stop(void);

/* What the runners say of the kernel since pool_start, once; `why` it cannot be loaded. */
enum pool_news pool_loaded(char *why, size_t room);

/* Replace runners that have ended, of whose tasks the parent is told. False if no runner is left. */
bool pool_reap(int parent);

/* Add what to poll for the end of runners: how many. */
int pool_polled(struct pollfd *fds);

#endif
