/* SPDX-License-Identifier: MIT */
/* What the system knows of the socket of a direct route: its kind, and whether the peer has all. */
#include "transport/transport.h"

#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

enum {
	NAP_MS = 1,
	SETTLE_NS = NS_PER_S, /* the peer's system has that long to take what was written */
};

bool pvm__stream_is_local(const struct stream *s)
{
	int domain = 0;
	socklen_t size = sizeof domain;

	return getsockopt(s->way.source.fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 &&
		domain == AF_UNIX;
}

bool pvm__stream_is_acknowledged(const struct stream *s)
{
	struct tcp_info info;
	socklen_t size = sizeof info;
	int left = 0;

	if (ioctl(s->way.source.fd, SIOCOUTQ, &left) < 0 || left == 0)
		return true;
	return getsockopt(s->way.source.fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
		info.tcpi_state == TCP_CLOSE;
}

void pvm__stream_await_acknowledged(const struct stream *s)
{
	int64_t deadline = pvm__now() + SETTLE_NS;

	while (!pvm__stream_is_acknowledged(s) && pvm__now() < deadline)
		poll(NULL, 0, NAP_MS);
}
