/* SPDX-License-Identifier: MIT */
/*
 * Stand-ins for sockets of which something was read ahead. A program's select does not see that;
 * it sees a stand-in: an epoll of the socket and of a sign, which is readable while it is up.
 */
#include "transport/transport.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct stand_in {
	int epoll_fd;
	int sign; /* eventfd; -1: it is down */
};

void pvm__stand_in_lower(struct stand_in *in)
{
	if (in->sign >= 0)
		close(in->sign);
	in->sign = -1;
}

void pvm__stand_in_free(struct stand_in *in)
{
	if (!in)
		return;
	pvm__stand_in_lower(in);
	if (in->epoll_fd >= 0)
		close(in->epoll_fd);
	free(in);
}

void pvm__stand_in_close(const struct stand_in *in)
{
	if (in)
		close(in->epoll_fd);
	if (in && in->sign >= 0)
		close(in->sign);
}

static int add(const struct stand_in *in, int fd)
{
	struct epoll_event e = { .events = EPOLLIN };

	return epoll_ctl(in->epoll_fd, EPOLL_CTL_ADD, fd, &e);
}

struct stand_in *pvm__stand_in_new(int fd)
{
	struct stand_in *in = malloc(sizeof *in);

	if (!in)
		return NULL;
	in->epoll_fd = pvm__off_stdio(epoll_create1(EPOLL_CLOEXEC));
	in->sign = pvm__off_stdio(eventfd(1, EFD_CLOEXEC));
	if (in->epoll_fd >= 0 && in->sign >= 0 && add(in, fd) == 0 && add(in, in->sign) == 0)
		return in;
	pvm__stand_in_free(in);
	return NULL;
}

void pvm__stand_in_descriptors(const struct stand_in *in, int fds[2])
{
	fds[0] = in ? in->epoll_fd : -1;
	fds[1] = in ? in->sign : -1;
}

bool pvm__stand_in_renew(const struct stand_in *in, int fd)
{
	if (!in)
		return true;
	if (!pvm__renumber(epoll_create1(EPOLL_CLOEXEC), in->epoll_fd) || add(in, fd) < 0)
		return false;
	return in->sign < 0 ||
		(pvm__renumber(eventfd(1, EFD_CLOEXEC), in->sign) && add(in, in->sign) == 0);
}

int pvm__stand_in_fd(const struct stand_in *in)
{
	return in->sign >= 0 ? in->epoll_fd : -1;
}
