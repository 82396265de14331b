/* SPDX-License-Identifier: MIT */
/* The loop that all this runs in, and the switch as a whole. */
#ifndef PVM3PY_SWITCH_LOOP_H
#define PVM3PY_SWITCH_LOOP_H

#include <sys/epoll.h>

#include "routing/routing.h"

/* The whole state of a switch. */
struct loop {
	struct routing routing;
	int watch_fd;               /* the caller's descriptors, an epoll within epoll_fd */
	int wake_fd;                /* eventfd within epoll_fd */
	bool watch_ready;           /* descriptors of the caller may be ready, */
	struct sw_fd fds[PASS_MAX]; /* and those that are */
	uint32_t fd_count;
	bool inside; /* the caller is in sw_run */
	struct children {
		int signal_fd; /* -1: the caller takes their ends itself */
		bool ended;    /* some may have */
	} children;
	/* The standby thread: standby.c alone. */
	struct standby {
		/* armed: the timer is set, or it stands in; waiting: that, in pass_run */
		bool exists, armed, waiting, stop;
		int64_t left;     /* when the caller left sw_run, ns */
		int64_t patience; /* it takes over so much later, ns */
		int64_t woken;    /* when it did last, ns */
		int timer_fd;
		pthread_t helper;
	} standby;
};

static inline struct loop *loop_of(const struct sw *sw)
{
	return CONTAINER(sw, struct loop, routing.links.tasks.flow.sw);
}

static inline struct sw *sw_of(struct loop *loop)
{
	return &loop->routing.links.tasks.flow.sw;
}

/* Have pass_run note when the descriptor can be read. 0; -1: errno says why. */
static inline int loop_watch(const struct sw *sw, int fd, uint32_t id)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET, .data.u64 = id };

	return epoll_ctl(sw->epoll_fd, EPOLL_CTL_ADD, fd, &ev);
}

/* pass.c */

/*
 * Wait at most `ns` (-1: no limit), without the lock, then serve what is ready,
 * as far as one pass goes. helper: on the standby thread, which makes way for
 * the caller. 0 or -errno.
 */
int pass_run(struct sw *, int64_t ns, bool helper);
/* How long a pass may wait, ns: at most `ns` (-1: no limit). */
int64_t pass_patience(struct sw *, int64_t ns);

/* pipes.c */

/* Something happened on a pipe of the caller. */
void pipe_note(struct sw *, uint32_t fd, uint32_t events);

/* children.c */

/* Report the children that have ended, if any can have. */
void children_reap(struct sw *);

/* standby.c */

int standby_start(struct sw *);
void standby_stop(struct sw *);
/* The caller leaves sw_run: let the thread look after a while. */
void standby_arm(struct sw *);

#endif
