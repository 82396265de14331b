/* SPDX-License-Identifier: MIT */
/* How engine.c waits for the sources of watch.c. */
#ifndef PVM3PY_LIBPVM_WATCH_H
#define PVM3PY_LIBPVM_WATCH_H

#include "engine.h"

/*
 * The sources as an epoll. A thread that waits for it does so without the lock, so that it
 * is closed only when nobody does.
 */
struct watcher {
	unsigned users; /* the task itself, and threads that wait */
	int epoll_fd;
	int watched;        /* sources besides the daemon */
	unsigned forgotten; /* changes when a source is no longer watched */
	struct source wake; /* eventfd that interrupts the waiting, fd -1: none is needed */
};

/* A user less; the last one closes it. */
void pvm__watcher_release(struct watcher *);
/* See that a thread that waits can be woken by others. False: that is not possible. */
bool pvm__interruptible(void);

#endif
