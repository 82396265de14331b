/* SPDX-License-Identifier: MIT */
/* Connections whose tasks may share memory: the descriptors that come in, and who is paired. */
#include "tasks/tasks.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

void sharing_begin(struct conn *c)
{
	struct sharing *s = mem_new(sizeof *s);

	memset(s, 0, sizeof *s);
	list_init(&s->pairs);
	c->sharing = s;
}

void sharing_end(struct conn *c)
{
	struct sharing *s = c->sharing;

	while (!list_empty(&s->pairs))
		pair_end(CONTAINER(s->pairs.next, struct pair_side, place)->pair);
	if (s->arrived)
		offer_unref(s->arrived);
	if (s->offer) {
		offer_unref(s->offer);
		c->sw->stats.offers--;
	}
	free(s);
	c->sharing = NULL;
}

bool sharing_offer(struct conn *c)
{
	struct sharing *s = c->sharing;

	if (!s->arrived)
		return false;
	if (s->offer)
		offer_unref(s->offer);
	else
		c->sw->stats.offers++;
	s->offer = s->arrived;
	s->arrived = NULL;
	return true;
}

/*
 * Are descriptors scarce? The system gives the lowest free numbers, so one in the upper half says
 * that half of all are in use; the other half is for connections, pipes and files.
 */
static bool scarce(int fd)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) || (rlim_t)fd >= limit.rlim_cur / 2;
}

/* Keep descriptors that have come if they are a whole set and the only one; else close them. */
static void keep(struct sharing *s, const int *fds, size_t count, bool whole)
{
	if (whole && count == OFFER_FDS && !s->arrived && !scarce(fds[0]) && !scarce(fds[1])) {
		s->arrived = offer_new(fds);
		return;
	}
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
}

ssize_t sharing_read(struct conn *c, char *to, size_t room)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int[OFFER_FDS]))];
	} control;
	struct iovec iov = { .iov_base = to, .iov_len = room };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof control.room,
	};
	ssize_t n = recvmsg(c->peer.fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	bool cut = msg.msg_flags & MSG_CTRUNC;
	int fds[OFFER_FDS];
	size_t size;

	c->eager &= EAGER_HANGUP;
	if (n <= 0 || !(cut || msg.msg_controllen))
		return n;
	c->eager |= EAGER_DESCRIPTORS;
	if (!msg.msg_controllen)
		return n;
	size = control.head.cmsg_len - CMSG_LEN(0);
	if (control.head.cmsg_level != SOL_SOCKET || control.head.cmsg_type != SCM_RIGHTS ||
		size > sizeof fds)
		return n;
	memcpy(fds, CMSG_DATA(&control.head), size);
	keep(c->sharing, fds, size / sizeof *fds, !cut);
	return n;
}

struct pair_side *pair_find(const struct conn *c, uint32_t tid)
{
	const struct link *pairs = &c->sharing->pairs;

	for (const struct link *l = pairs->next; l != pairs; l = l->next) {
		struct pair_side *side = CONTAINER(l, struct pair_side, place);

		if (pair_other(side)->conn->tid == tid)
			return side;
	}
	return NULL;
}

static void join(struct pair *p, struct pair_side *side, struct conn *c)
{
	side->pair = p;
	side->conn = c;
	list_append(&c->sharing->pairs, &side->place);
	c->sharing->count++;
}

void pair_begin(struct conn *asker, struct conn *asked)
{
	struct pair *p = mem_new(sizeof *p);

	memset(p, 0, sizeof *p);
	join(p, &p->asker, asker);
	join(p, &p->asked, asked);
}

void pair_link(struct pair *p)
{
	p->linked = true;
	p->asker.conn->sw->stats.links++;
}

void pair_end(struct pair *p)
{
	if (p->linked)
		p->asker.conn->sw->stats.links--;
	list_remove(&p->asker.place);
	list_remove(&p->asked.place);
	p->asker.conn->sharing->count--;
	p->asked.conn->sharing->count--;
	free(p);
}
