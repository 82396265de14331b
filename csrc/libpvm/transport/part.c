/* SPDX-License-Identifier: MIT */
/*
 * Leaving the socket of a direct route for a move, at any instant. What the peer has written lies in
 * the stash then, and the end of the connection takes the socket's place, under its number.
 */
#define _GNU_SOURCE 1 /* SOCK_CLOEXEC */
#include "transport/transport.h"

#include <sys/socket.h>
#include <unistd.h>

void pvm__stream_stop(const struct stream *s, bool reading)
{
	shutdown(s->way.source.fd, reading ? SHUT_RD : SHUT_WR);
}

void pvm__stream_close(const struct stream *s)
{
	pvm__watch_pause(&s->way.source);
	pvm__stand_in_close(s->stand_in);
	close(s->way.source.fd);
}

/* A socket whose other end is closed. */
static int ended_socket(void)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return -1;
	close(fds[1]);
	return fds[0];
}

bool pvm__stream_renew_ended(struct stream *s)
{
	pvm__stream_look(s);
	return pvm__renumber(ended_socket(), s->way.source.fd) &&
		pvm__stand_in_renew(s->stand_in, s->way.source.fd) &&
		pvm__watch_resume(&s->way.source);
}
