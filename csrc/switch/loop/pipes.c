/* SPDX-License-Identifier: MIT */
/* Pipes that the caller reads. Each is told of once, until the caller waits for it again. */
#include "loop/loop.h"

#include <errno.h>
#include <sys/epoll.h>

void pipe_note(struct sw *sw, uint32_t fd, uint32_t events)
{
	struct sw_event *e = events_add(sw, SW_READABLE, 0);

	e->dst = fd;
	e->reason = SW_DATA;
	if (events & EPOLLIN)
		return;
	/* Usually its writer ends, too, which the caller is told of at once. */
	e->reason = SW_EOF;
	events_quiet(sw);
}

int sw_await_pipe(struct sw *sw, int fd)
{
	struct epoll_event ev = {
		.events = EPOLLIN | EPOLLONESHOT,
		.data.u64 = ID_PIPE | (uint32_t)fd,
	};
	int rc = epoll_ctl(sw->epoll_fd, EPOLL_CTL_ADD, fd, &ev);

	if (rc && errno == EEXIST)
		rc = epoll_ctl(sw->epoll_fd, EPOLL_CTL_MOD, fd, &ev);
	return rc ? -errno : 0;
}
