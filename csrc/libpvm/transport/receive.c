/* SPDX-License-Identifier: MIT */
/* Reading a stream's socket: bytes, and descriptors that come with them. */
#include "transport/link.h"

#include <string.h>
#include <sys/socket.h>

/* The daemon may send descriptors, if it shares memory at all. */
static void expect(const struct stream *s, struct msghdr *h, union descriptors *d)
{
	if (!(pvm__task.capabilities & WIRE_EXT_MEMORY) || s->way.turn != (int)TIDPVMD)
		return;
	h->msg_control = d->room;
	h->msg_controllen = sizeof d->room;
}

/* True: some came, or were lost on the way. */
static bool take_descriptors(struct msghdr *h)
{
	int fds[DESCRIPTORS_MAX];
	bool any = false;
	unsigned n;

	if (!h->msg_control || !(h->msg_controllen || h->msg_flags & MSG_CTRUNC))
		return false;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fds, CMSG_DATA(c), n * sizeof(int));
		for (unsigned i = 0; i < n; i++)
			fds[i] = pvm__off_stdio(fds[i]);
		pvm__share_descriptors(fds, n);
		any = true;
	}
	if (!any) /* there was no room for any of them in this process */
		pvm__share_descriptors(NULL, 0);
	return true;
}

ssize_t pvm__stream_receive(struct stream *s, struct msghdr *h, bool *more)
{
	union descriptors d;
	ssize_t n;

	expect(s, h, &d);
	n = recvmsg(s->way.source.fd, h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	*more = n > 0 && take_descriptors(h);
	return n;
}
