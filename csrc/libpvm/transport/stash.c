/* SPDX-License-Identifier: MIT */
/*
 * The stash of a stream: bytes as they come, without a look at what they are but where each fragment
 * ends. A task that is to move reads so at any instant; the stream takes them in later, before those
 * of its socket.
 */
#define _GNU_SOURCE 1 /* mremap, POLLRDHUP */
#include "transport/transport.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>

enum {
	STASH_FIRST = 128 << 10, /* bytes at first */
	STASH_READ = 64 << 10,   /* bytes of room for a read */
	NAP_MS = 1,              /* while a header is not whole */
};

/* ---- memory ------------------------------------------------------------------------ */

/* Have room for so many bytes more. */
static bool make_room(struct stash *k, size_t room)
{
	size_t size = k->size ? k->size : STASH_FIRST;
	void *bytes;

	if (k->bytes && k->size - k->end >= room)
		return true;
	while (size - k->end < room)
		size *= 2;
	bytes = k->bytes ?
		mremap(k->bytes, k->size, size, MREMAP_MAYMOVE) :
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (bytes == MAP_FAILED)
		return false;
	k->bytes = bytes;
	k->size = size;
	return true;
}

void pvm__stash_end(struct stream *s)
{
	if (s->stash.bytes)
		munmap(s->stash.bytes, s->stash.size);
	s->stash = (struct stash){ 0 };
}

/* What was read ahead comes before what the stash has. */
static bool gather(struct stream *s)
{
	struct stash *k = &s->stash;
	size_t ahead = s->end - s->at, rest = k->end - k->at;

	if (!make_room(k, ahead))
		return false;
	memmove(k->bytes + ahead, k->bytes + k->at, rest);
	memcpy(k->bytes, s->buf + s->at, ahead);
	k->at = 0;
	k->end = ahead + rest;
	s->at = s->end = 0;
	return true;
}

ssize_t pvm__stash_take(struct stream *s, const struct msghdr *h, bool *more)
{
	struct stash *k = &s->stash;
	size_t taken = 0;

	for (size_t i = 0; i < h->msg_iovlen && k->at < k->end; i++) {
		size_t n = h->msg_iov[i].iov_len;

		n = n < k->end - k->at ? n : k->end - k->at;
		memcpy(h->msg_iov[i].iov_base, k->bytes + k->at, n);
		k->at += n;
		taken += n;
	}
	if (k->at == k->end)
		pvm__stash_end(s);
	*more = true;
	return (ssize_t)taken;
}

/* ---- orders ------------------------------------------------------------------------ */

/* Tags of orders that are looked for; 0: there is no such. */
struct wanted {
	int tag, or_tag;
};

static bool is_wanted(const struct wanted *w, int tag)
{
	return tag && (tag == w->tag || tag == w->or_tag);
}

/* Does a fragment begin, of which there are the two headers, that is such an order? */
static bool is_order(const unsigned char *p, const struct wanted *w)
{
	uint32_t length = wire_get32(p + WIRE_FRAG_LENGTH);

	return (p[WIRE_FRAG_FLAGS] & (FFSOM | FFEOM)) == (FFSOM | FFEOM) && length >= MSGHDRLEN &&
		length <= MSGHDRLEN + WIRE_MOVE_FRAGMENT &&
		wire_is_daemon(wire_get32(p + WIRE_FRAG_SRC)) &&
		is_wanted(w, (int)wire_get32(p + TDFRAGHDR + WIRE_MSG_TAG));
}

/* Look at the fragments from *at on, which then is where the first one begins that is not whole. */
static bool find(const struct stash *k, size_t *at, const struct wanted *w)
{
	while (*at + WIRE_HEADROOM <= k->end) {
		const unsigned char *p = k->bytes + *at;
		size_t whole = TDFRAGHDR + wire_get32(p + WIRE_FRAG_LENGTH);

		if (is_order(p, w))
			return *at + whole <= k->end;
		*at += whole;
	}
	return false;
}

/* Take the body out of the order at `p`. Returns the bytes of the whole fragment. */
static size_t take_body(const unsigned char *p, struct move_order *order)
{
	order->tag = (int)wire_get32(p + TDFRAGHDR + WIRE_MSG_TAG);
	order->length = wire_get32(p + WIRE_FRAG_LENGTH) - MSGHDRLEN;
	memcpy(order->body, p + WIRE_HEADROOM, order->length);
	return WIRE_HEADROOM + order->length;
}

/* Cut the order at `at` out of the stash. */
static void cut(struct stream *s, size_t at, struct move_order *order)
{
	struct stash *k = &s->stash;
	size_t length = take_body(k->bytes + at, order);

	memmove(k->bytes + at, k->bytes + at + length, k->end - at - length);
	k->end -= length;
	if (k->at == k->end)
		pvm__stash_end(s);
}

/* ---- waiting ----------------------------------------------------------------------- */

/* Wait until there is something to read, at most `ms`. 1, 0: there is nothing, -1 for an error. */
static int await(const struct stream *s, int ms)
{
	struct pollfd p = { .fd = s->way.source.fd, .events = POLLIN };

	return (int)UNINTERRUPTED(poll(&p, 1, ms));
}

/* What reading what there is comes to, besides bytes. */
enum { READ_NOTHING = 0, READ_END = -1, READ_NO_MEMORY = -2 };

/* Read what there is. 1, or one of these. */
static int read_more(struct stream *s)
{
	struct stash *k = &s->stash;
	struct iovec iov;
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };
	bool more;
	ssize_t n;

	if (!make_room(k, STASH_READ))
		return READ_NO_MEMORY;
	iov = (struct iovec){ k->bytes + k->end, k->size - k->end };
	n = pvm__stream_receive(s, &h, &more);
	if (n > 0)
		k->end += (size_t)n;
	else if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
		return READ_END;
	return n > 0;
}

/* The usual case: anything may be read. */
static int stash_until(struct stream *s, const struct wanted *w, struct move_order *order, int ms)
{
	size_t at = s->inside ? s->left : 0;
	int n;

	/* A part of it has been read as a message: the rest is, too. */
	if (s->inside && s->msg && is_wanted(w, s->msg->tag) &&
		wire_is_daemon((uint32_t)s->msg->src))
		return 0;
	n = gather(s) ? 1 : -1;
	while (n > 0) {
		if (find(&s->stash, &at, w)) {
			cut(s, at, order);
			return 1;
		}
		n = await(s, ms);
		if (n > 0 && read_more(s) < 0)
			n = -1;
	}
	if (s->stash.at == s->stash.end)
		pvm__stash_end(s);
	return n;
}

int pvm__stash_rest(struct stream *s)
{
	int n = gather(s) ? 1 : READ_NO_MEMORY;

	while (n > 0)
		n = read_more(s);
	if (s->stash.at == s->stash.end)
		pvm__stash_end(s);
	return n == READ_END ? 1 : n;
}

/* ---- exactly ----------------------------------------------------------------------- */

/* Wait a moment for more than there is. False: no more comes. */
static bool nap(const struct stream *s)
{
	struct pollfd p = { .fd = s->way.source.fd, .events = POLLRDHUP };

	return poll(&p, 1, NAP_MS) <= 0;
}

/* Look at the headers that are next, when they are whole. 1, 0: there is nothing, -1: none come. */
static int peek_heads(const struct stream *s, unsigned char *to, int ms)
{
	bool over = false;
	ssize_t n;

	for (;;) {
		if (await(s, ms) <= 0)
			return 0;
		n = UNINTERRUPTED(recv(s->way.source.fd, to, WIRE_HEADROOM,
			MSG_PEEK | MSG_DONTWAIT));
		if (n <= 0)
			return n < 0 && errno == EAGAIN ? 0 : -1;
		if (n == WIRE_HEADROOM)
			return 1;
		if (over)
			return -1;
		over = !nap(s);
	}
}

/* Read so many bytes; they have come, or are about to. */
static bool read_whole(const struct stream *s, unsigned char *to, size_t length)
{
	while (length) {
		ssize_t n = await(s, -1) > 0 ?
			UNINTERRUPTED(recv(s->way.source.fd, to, length, MSG_DONTWAIT)) :
			-1;

		if (n <= 0 && !(n < 0 && errno == EAGAIN))
			return false;
		to += n > 0 ? n : 0;
		length -= n > 0 ? (size_t)n : 0;
	}
	return true;
}

/*
 * Nothing may be read but the order: it is there, or will be when what comes before it has been
 * taken in.
 */
static int take_next(const struct stream *s, const struct wanted *w, struct move_order *order,
	int ms)
{
	unsigned char fragment[WIRE_HEADROOM + WIRE_MOVE_FRAGMENT];
	size_t length;
	int n;

	if (s->inside || s->at < s->end)
		return 0;
	n = peek_heads(s, fragment, ms);
	if (n <= 0)
		return n;
	if (!is_order(fragment, w))
		return 0;
	length = TDFRAGHDR + wire_get32(fragment + WIRE_FRAG_LENGTH);
	if (!read_whole(s, fragment, length))
		return -1;
	take_body(fragment, order);
	return 1;
}

int pvm__stash_until(struct stream *s, int tag, int or_tag, struct move_order *order, int ms)
{
	const struct wanted wanted = { tag, or_tag };
	int n;

	if (!pvm__task.transport.exact)
		return stash_until(s, &wanted, order, ms);
	while (!(n = take_next(s, &wanted, order, ms)) && ms < 0)
		poll(NULL, 0, NAP_MS);
	return n;
}
