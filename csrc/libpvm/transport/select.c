/* SPDX-License-Identifier: MIT */
/*
 * What a program's select sees. A socket is readable as long as something in it is not read.
 * So a task that asks for descriptors reads no more than it takes in from then on. What a
 * stream had read ahead before gets a stand-in: a descriptor that is readable until that is
 * taken in, and then as long as the socket is.
 */
#include "transport/transport.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct stand_in {
	int epoll_fd; /* of the socket and the sign */
	int sign;     /* eventfd that is readable; -1: what was read ahead is taken in */
};

static void lower_sign(struct stand_in *in)
{
	if (in->sign >= 0)
		close(in->sign);
	in->sign = -1;
}

void pvm__stand_in_free(struct stream *s)
{
	if (!s->stand_in)
		return;
	lower_sign(s->stand_in);
	if (s->stand_in->epoll_fd >= 0)
		close(s->stand_in->epoll_fd);
	free(s->stand_in);
	s->stand_in = NULL;
}

void pvm__stand_in_update(struct stream *s)
{
	if (s->stand_in && s->stand_in->sign >= 0 && !pvm__stream_ahead(s))
		lower_sign(s->stand_in);
}

static int add(const struct stand_in *in, int fd)
{
	struct epoll_event e = { .events = EPOLLIN };

	return epoll_ctl(in->epoll_fd, EPOLL_CTL_ADD, fd, &e);
}

/* Make the stream's. 0 or PvmSysErr. */
static int make_stand_in(struct stream *s)
{
	struct stand_in *in = malloc(sizeof *in);

	if (!in)
		return PvmSysErr;
	s->stand_in = in;
	in->epoll_fd = pvm__off_stdio(epoll_create1(EPOLL_CLOEXEC));
	in->sign = pvm__off_stdio(eventfd(1, EFD_CLOEXEC));
	if (in->epoll_fd >= 0 && in->sign >= 0 && add(in, s->way.source.fd) == 0 &&
		add(in, in->sign) == 0)
		return 0;
	pvm__stand_in_free(s);
	return PvmSysErr;
}

int pvm__stream_select_fd(struct stream *s)
{
	pvm__task.transport.exact = true;
	if (s->stand_in)
		return s->stand_in->sign >= 0 ? s->stand_in->epoll_fd : s->way.source.fd;
	if (!pvm__stream_ahead(s))
		return s->way.source.fd;
	return make_stand_in(s) < 0 ? PvmSysErr : s->stand_in->epoll_fd;
}
