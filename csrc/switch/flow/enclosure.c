/* SPDX-License-Identifier: MIT */
/*
 * Descriptors that go out with a byte of a queue. The system hands them over with the first byte
 * of a call, so the bytes before it go out by a call of their own.
 */
#include "flow/flow.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct offer *offer_new(const int fds[OFFER_FDS])
{
	struct offer *o = mem_new(sizeof *o);

	o->refs = 1;
	memcpy(o->fds, fds, sizeof o->fds);
	return o;
}

void offer_unref(struct offer *o)
{
	if (--o->refs)
		return;
	for (int i = 0; i < OFFER_FDS; i++)
		close(o->fds[i]);
	free(o);
}

void enclosure_add(struct queue *q, struct offer *o)
{
	struct enclosure *e = mem_new(sizeof *e), **end;

	o->refs++;
	*e = (struct enclosure){ .offer = o, .behind = q->load.bytes };
	for (end = &q->enclosures; *end; end = &(*end)->next)
		e->behind -= (*end)->behind;
	*end = e;
}

uint32_t enclosure_count(const struct queue *q)
{
	uint32_t n = 0;

	for (const struct enclosure *e = q->enclosures; e; e = e->next)
		n++;
	return n;
}

static void drop_first(struct queue *q)
{
	struct enclosure *e = q->enclosures;

	q->enclosures = e->next;
	offer_unref(e->offer);
	free(e);
}

void enclosure_drop(struct queue *q)
{
	while (q->enclosures)
		drop_first(q);
}

uint64_t enclosure_cut(const struct queue *q, struct msghdr *msg)
{
	const struct enclosure *e = q->enclosures;
	uint64_t most = e->behind ? e->behind : e->next ? e->next->behind : UINT64_MAX, sum = 0;

	for (size_t i = 0; i < msg->msg_iovlen; i++) {
		struct iovec *v = &msg->msg_iov[i];

		if (v->iov_len >= most - sum) {
			v->iov_len = most - sum;
			msg->msg_iovlen = i + 1;
			return most;
		}
		sum += v->iov_len;
	}
	return sum;
}

/* Send with descriptors. If the system has too many of them on their way, go without. */
static ssize_t send_with(int fd, struct msghdr *msg, const struct offer *o)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof o->fds)];
	} control = { 0 };
	ssize_t n;

	msg->msg_control = &control;
	msg->msg_controllen = sizeof control.room;
	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(sizeof o->fds);
	memcpy(CMSG_DATA(&control.head), o->fds, sizeof o->fds);
	n = sendmsg(fd, msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	msg->msg_control = NULL;
	msg->msg_controllen = 0;
	if (n < 0 && errno == ETOOMANYREFS)
		n = sendmsg(fd, msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	return n;
}

ssize_t enclosure_send(struct queue *q, struct msghdr *msg)
{
	struct enclosure *e = q->enclosures;
	bool with = !e->behind;
	ssize_t n = with ? send_with(q->peer->fd, msg, e->offer) :
			   sendmsg(q->peer->fd, msg, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n <= 0)
		return n;
	if (with) {
		drop_first(q);
		e = q->enclosures;
	}
	if (e)
		e->behind -= (uint64_t)n;
	return n;
}
