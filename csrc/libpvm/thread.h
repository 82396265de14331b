/* SPDX-License-Identifier: MIT */
/*
 * Threads in the library (docs/threads.md).
 *
 * One lock protects everything. A thread holds it from the begin of its outermost public
 * call to the end, except while it waits or runs a handler of the program's.
 *
 * Some of the task's state belongs to a thread: a few numbers, and its view, which is the
 * active buffers and the context. It stands in the usual variables (pvm__task.sbuf,
 * pvmmyctx, pvmtoplvl, ...) as long as its owner was the last that had the lock; another
 * thread that takes the lock puts it aside and brings its own.
 */
#ifndef PVM3PY_LIBPVM_THREAD_H
#define PVM3PY_LIBPVM_THREAD_H

#include "base/base.h"

/* ---- waiting -------------------------------------------------------------------- */

/* A wait of this thread; may be inside another one (of a handler's). */
struct wait {
	struct interest outer;
	bool outer_waiting;
};

/* Wait for `interest` from now on: pvm__woken tells whether it has come. */
void pvm__wait_begin(struct wait *, const struct interest *);
bool pvm__woken(void);
void pvm__wait_end(const struct wait *);
/* Sleep until woken or nudged, at most until the deadline (as pvm__engine_wait_until). */
void pvm__sleep(int64_t deadline);
/* Sleep until somebody calls pvm__wake with WAKE_STATE, or the connection ends. */
void pvm__await_change(void);
/* Wake whoever waits for one of these. */
void pvm__wake(int wakes);
void pvm__wake_all(void);
/* Wake who waits for such a message; any that has a function to choose. */
void pvm__wake_receivers(const struct message *);
/* Wake who waits for this reply. */
void pvm__wake_asker(const struct pending *);
/* Wake a thread that can read the sockets, which nobody does now. */
void pvm__wake_reader(void);

#endif
