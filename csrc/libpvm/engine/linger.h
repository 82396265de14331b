/* SPDX-License-Identifier: MIT */
/* Looking for news for a while before a wait sleeps. (linger.c) */
#ifndef PVM3PY_LIBPVM_LINGER_H
#define PVM3PY_LIBPVM_LINGER_H

#include "engine/engine.h"

#include <sys/epoll.h>

enum { EVENTS = 32 }; /* sources with news per look */

/* What a look at the sockets has found. */
struct news {
	int n, error;
	struct epoll_event events[EVENTS];
};

/* Look at a watcher, or, if it is NULL, at the daemon's descriptor, without waiting. */
void pvm__look(struct news *, const struct watcher *, int daemon_fd);
/* A call that looks has set `n`, and errno: what was its error, and are these news? */
void pvm__looked(struct news *, const struct watcher *);

/* How long a wait has lingered, and what became of that. */
struct lingered {
	int64_t start;  /* of the wait, monotonic ns */
	unsigned looks; /* that it may take, 0: it sleeps at once */
	int64_t yield; /* ns that giving way has taken at last; 0: it has not, or peers took them */
	int64_t end;   /* of looking at the rings, monotonic ns */
	unsigned turns; /* yields that peers took */
	bool shared;    /* many others may wait for the same */
	bool found;     /* there were news */
};

/*
 * A wait begins at `now`, monotonic ns: how often may it look before it sleeps? `pace` is that of
 * the answer that is waited for; NULL: a message is.
 */
struct lingered pvm__linger_begin(struct pace *, int64_t now);
/* Look for news as long as that is worth while, without the lock. True: there are some. */
bool pvm__linger(struct lingered *, struct news *, const struct lookout *, const struct watcher *,
	int daemon_fd);
/* The wait has ended at `now`: learn from it for the next ones. */
void pvm__linger_end(const struct lingered *, struct pace *, int64_t now);
/* Do others want the processor, so that who waits sleeps rather than give way? */
bool pvm__others_compute(int64_t now);

#endif
