/* SPDX-License-Identifier: MIT */
/* Two tasks that answer each other get a processor each. (spread.c) */
#ifndef PVM3PY_LIBPVM_SPREAD_H
#define PVM3PY_LIBPVM_SPREAD_H

#include "base/base.h"
#include "share.h"

/* A message was put for the peer; one came: whether they are short. */
void pvm__spread_sent(int peer, bool small);
void pvm__spread_came(bool small);
/* Is the last message that was put, or one that came since, a long one? */
bool pvm__spread_is_long(void);
/* A wait begins: say which processor this is. */
void pvm__spread_note(struct share_home *own);
/*
 * How many processors this thread may use, less the threads of the machine that can run at this
 * instant, without linked peers. Negative: too few, or it is not known. With the lock.
 */
int pvm__spare_processors(void);
/*
 * A wait for rings that began at `start`, monotonic ns, was answered at `now` by the peer with that
 * home; crowded: its last yield was long. Moves this thread, if that is good.
 */
void pvm__spread_answered(struct share_home *own, const struct share_home *home, int peer,
	bool crowded, int64_t start, int64_t now);

#endif
