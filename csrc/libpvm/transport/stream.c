/* SPDX-License-Identifier: MIT */
/*
 * One connected stream socket: messages out as gathering writes of headers and
 * fragments, messages in through a buffer, long fragments past the buffer.
 */
#include "transport/transport.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	BATCH = 64,          /* fragments per gathering write */
	DIRECT_MIN = 4096,   /* rest of a fragment that is worth reading past the buffer */
	READ_AHEAD = 4096,   /* bytes of what follows read along with it */
	PIECE_MAX = 1 << 20, /* memory taken for announced bytes before they are there */
	READS_PER_TURN = 16, /* buffers read from one stream before the others' turn */
	LAST_READS = 256,    /* buffers read at most from one that is lost */
};

static void stream_ready(struct source *source)
{
	struct stream *s = (struct stream *)source;

	for (int i = 0; i < READS_PER_TURN && pvm__stream_read(s, MSG_DONTWAIT); i++)
		;
}

struct stream *pvm__stream_new(int fd, int peer)
{
	struct stream *s = malloc(sizeof *s);

	if (!s)
		return NULL;
	memset(s, 0, offsetof(struct stream, buf));
	s->source = (struct source){ fd, stream_ready };
	s->peer = peer;
	return s;
}

void pvm__stream_free(struct stream *s)
{
	struct message *m;

	while ((m = s->open)) {
		s->open = m->next;
		pvm__message_unref(m);
	}
	if (!s->lost)
		pvm__unwatch(&s->source);
	s->lost = true;
	if (s->users) {
		/* A writer that waits for room finds that there is no use in waiting. */
		s->orphan = true;
		shutdown(s->source.fd, SHUT_RDWR);
		pvm__wake(WAKE_STATE);
		return;
	}
	close(s->source.fd);
	free(s);
}

static void leave(struct stream *s)
{
	if (--s->users == 0 && s->orphan)
		pvm__stream_free(s);
}

bool pvm__stream_claim(struct stream *s)
{
	s->users++;
	while (!s->lost && s->writer && s->writer != &pvm__self)
		pvm__above.turn();
	if (s->lost) {
		leave(s);
		return false;
	}
	s->writer = &pvm__self;
	s->claims++;
	return true;
}

void pvm__stream_release(struct stream *s)
{
	if (--s->claims == 0) {
		s->writer = NULL;
		if (s->users > 1)
			pvm__wake(WAKE_STATE);
	}
	leave(s);
}

void pvm__stream_lose(struct stream *s)
{
	if (s->lost)
		return;
	s->lost = true;
	pvm__unwatch(&s->source);
	if (s->peer != TIDPVMD)
		pvm__task.transport.route_lost = true;
}

void pvm__stream_end(struct stream *s)
{
	for (int i = 0; i < LAST_READS && !s->lost && pvm__stream_read(s, MSG_DONTWAIT); i++)
		;
	pvm__stream_lose(s);
}

void pvm__stream_abandon(struct stream *s)
{
	close(s->source.fd);
	s->source.fd = -1;
	s->lost = true;
	s->users = s->claims = 0;
	s->writer = NULL;
}

/* ---- out ----------------------------------------------------------------- */

/* Headers and data of some fragments, ready for one write. */
struct batch {
	struct iovec iov[2 * BATCH];
	int niov, nfrags;
	unsigned char headers[BATCH][WIRE_HEADROOM];
};

static void put_message_header(unsigned char *p, const struct message *m)
{
	memset(p, 0, MSGHDRLEN);
	wire_put32(p + WIRE_MSG_ENC, m->enc == WIRE_ENC_INPLACE ? pvm__dsig() : m->enc);
	wire_put32(p + WIRE_MSG_TAG, (uint32_t)m->tag);
	wire_put32(p + WIRE_MSG_CTX, (uint32_t)m->ctx);
	wire_put32(p + WIRE_MSG_WID, (uint32_t)m->wid);
}

/* Build the header of fragment `i` (one that does not exist: no data) in `p`; returns its size. */
static size_t put_headers(unsigned char *p, const struct message *m, unsigned i, int dst)
{
	uint32_t length = i < m->nfrags ? m->frags[i].len : 0;
	int flags = (i == 0 ? FFSOM : 0) | (i + 1 >= m->nfrags ? FFEOM : 0);
	size_t size = TDFRAGHDR;

	if (i == 0) {
		put_message_header(p + TDFRAGHDR, m);
		length += MSGHDRLEN;
		size += MSGHDRLEN;
	}
	wire_put32(p + WIRE_FRAG_DST, (uint32_t)dst);
	wire_put32(p + WIRE_FRAG_SRC, (uint32_t)pvmmytid);
	wire_put32(p + WIRE_FRAG_LENGTH, length);
	wire_put32(p + WIRE_FRAG_FLAGS, (uint32_t)flags << 24);
	return size;
}

/* Append a fragment (one that does not exist: no data) to a batch that has room. */
static void gather(struct batch *b, const struct message *m, unsigned i, int dst)
{
	unsigned char *headers = b->headers[b->nfrags++];

	b->iov[b->niov].iov_base = headers;
	b->iov[b->niov++].iov_len = put_headers(headers, m, i, dst);
	if (i < m->nfrags && m->frags[i].len) {
		b->iov[b->niov].iov_base = m->frags[i].data;
		b->iov[b->niov++].iov_len = m->frags[i].len;
	}
}

/* Step over `n` bytes that have been written. */
static void advance(struct msghdr *h, size_t n)
{
	while (h->msg_iovlen && n >= h->msg_iov->iov_len) {
		n -= h->msg_iov->iov_len;
		h->msg_iov++;
		h->msg_iovlen--;
	}
	if (n) {
		h->msg_iov->iov_base = (char *)h->msg_iov->iov_base + n;
		h->msg_iov->iov_len -= n;
	}
}

/* Write the batch, which is empty then. */
static bool write_batch(struct stream *s, struct batch *b)
{
	struct msghdr h = { .msg_iov = b->iov, .msg_iovlen = (size_t)b->niov };

	b->niov = b->nfrags = 0;
	while (h.msg_iovlen) {
		ssize_t n = s->lost ? -1 : sendmsg(s->source.fd, &h, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n >= 0)
			advance(&h, (size_t)n);
		else if (s->lost)
			return false;
		else if (errno == EAGAIN || errno == EWOULDBLOCK)
			pvm__above.full(s);
		else if (errno != EINTR) {
			pvm__stream_end(s);
			return false;
		}
	}
	return true;
}

bool pvm__stream_write(struct stream *s, const struct parcel *parcels, int n)
{
	struct batch b;
	bool written = true;

	if (!pvm__stream_claim(s))
		return false;
	b.niov = b.nfrags = 0;
	for (const struct parcel *p = parcels; written && p < parcels + n; p++) {
		unsigned i = 0;

		do {
			if (b.nfrags == BATCH)
				written = write_batch(s, &b);
			if (written)
				gather(&b, p->message, i, p->dst);
		} while (written && ++i < p->message->nfrags);
	}
	written = written && write_batch(s, &b);
	pvm__stream_release(s);
	return written;
}

/* ---- in ------------------------------------------------------------------ */

/* The unfinished message from `src`, or NULL. */
static struct message *find_open(const struct stream *s, int src)
{
	struct message *m = s->open;

	while (m && m->src != src)
		m = m->next;
	return m;
}

static void unlink_open(struct stream *s, struct message *m)
{
	struct message **p = &s->open;

	while (*p != m)
		p = &(*p)->next;
	*p = m->next;
	m->next = NULL;
}

/* Give up the message being read, skip the rest of this fragment. */
static void discard(struct stream *s)
{
	unlink_open(s, s->msg);
	pvm__message_unref(s->msg);
	s->msg = NULL;
}

/* The same for a fault of the sender. */
static void refuse(struct stream *s, const char *why)
{
	pvm__log("message from t%x dropped: %s", (unsigned)s->msg->src, why);
	discard(s);
}

/* Start a message whose headers are at `p`; NULL: skip the fragment. */
static struct message *open_message(struct stream *s, const unsigned char *p)
{
	int src = (int)wire_get32(p + WIRE_FRAG_SRC);
	const unsigned char *h = p + TDFRAGHDR;
	struct message *m = find_open(s, src);

	if (m) {
		s->msg = m;
		refuse(s, "another one begins before its end");
	}
	m = pvm__message_new(wire_get32(h + WIRE_MSG_ENC));
	if (!m) {
		pvm__lost_for_memory(src);
		return NULL;
	}
	m->src = src;
	m->dst = (int)wire_get32(p + WIRE_FRAG_DST);
	m->tag = (int)wire_get32(h + WIRE_MSG_TAG);
	m->ctx = (int)wire_get32(h + WIRE_MSG_CTX);
	m->wid = (int)wire_get32(h + WIRE_MSG_WID);
	m->total = 0;
	m->next = s->open;
	s->open = m;
	return m;
}

/* Take the header of a fragment from the buffer; false: it is not all there. */
static bool begin_fragment(struct stream *s)
{
	const unsigned char *p = s->buf + s->at;
	size_t have = s->end - s->at;
	bool first;
	int src;

	if (have < TDFRAGHDR)
		return false;
	first = p[WIRE_FRAG_FLAGS] & FFSOM;
	src = (int)wire_get32(p + WIRE_FRAG_SRC);
	s->left = wire_get32(p + WIRE_FRAG_LENGTH);
	if (first && s->left >= MSGHDRLEN && have < TDFRAGHDR + MSGHDRLEN)
		return false;
	s->inside = true;
	s->fresh = true;
	s->last = p[WIRE_FRAG_FLAGS] & FFEOM;
	s->msg = NULL;
	s->at += TDFRAGHDR;
	if (s->peer != TIDPVMD && src != s->peer)
		pvm__log("fragment from t%x on the route to t%x dropped", (unsigned)src,
			(unsigned)s->peer);
	else if (!first) {
		if (!(s->msg = find_open(s, src)))
			pvm__log("fragment from t%x without a message dropped", (unsigned)src);
	} else if (s->left < MSGHDRLEN)
		pvm__log("fragment from t%x without a message header dropped", (unsigned)src);
	else {
		s->msg = open_message(s, p);
		s->at += MSGHDRLEN;
		s->left -= MSGHDRLEN;
	}
	return true;
}

/* Where the next bytes of the body go, with room for at least one; NULL: nowhere. */
static struct fragment *body_room(struct stream *s)
{
	struct message *m = s->msg;
	struct fragment *f = m->nfrags ? &m->frags[m->nfrags - 1] : NULL;

	if (!f || !f->room || s->fresh)
		f = pvm__message_extend(m, s->left < PIECE_MAX ? s->left : PIECE_MAX);
	s->fresh = false;
	if (!f) {
		pvm__lost_for_memory(m->src);
		discard(s);
	}
	return f;
}

/* `n` bytes of the body are in place at the end of `f`. */
static void body_arrived(struct stream *s, struct fragment *f, size_t n)
{
	f->len += (uint32_t)n;
	f->room -= (uint32_t)n;
	s->left -= (uint32_t)n;
	s->msg->total += n;
}

/* Move or skip bytes of the body that are in the buffer. */
static void take_body(struct stream *s)
{
	while (s->left && s->at < s->end) {
		size_t n = s->end - s->at;
		struct fragment *f = s->msg ? body_room(s) : NULL;

		if (n > s->left)
			n = s->left;
		if (f) {
			if (n > f->room)
				n = f->room;
			memcpy(f->data + f->len, s->buf + s->at, n);
			body_arrived(s, f, n);
		} else
			s->left -= (uint32_t)n;
		s->at += n;
	}
}

static void end_fragment(struct stream *s)
{
	s->inside = false;
	if (s->msg && s->last) {
		unlink_open(s, s->msg);
		pvm__above.complete(s->msg);
	}
	s->msg = NULL;
}

/* Consume the buffer up to a header that is not complete. */
static void parse(struct stream *s)
{
	while (s->inside || begin_fragment(s)) {
		take_body(s);
		if (s->left)
			break;
		end_fragment(s);
	}
	s->end -= s->at;
	memmove(s->buf, s->buf + s->at, s->end);
	s->at = 0;
}

bool pvm__stream_read(struct stream *s, int flags)
{
	struct iovec iov[2] = { { NULL, 0 }, { s->buf + s->end, STREAM_BUFFER - s->end } };
	struct msghdr h = { .msg_iov = iov + 1, .msg_iovlen = 1 };
	struct fragment *f = NULL;
	size_t direct = 0, room;
	ssize_t n;

	if (s->lost)
		return false;
	if (s->inside && s->msg && s->left >= DIRECT_MIN && (f = body_room(s))) {
		direct = f->room < s->left ? f->room : s->left;
		iov[0] = (struct iovec){ f->data + f->len, direct };
		iov[1].iov_len = direct == s->left ? READ_AHEAD : 0;
		h = (struct msghdr){ .msg_iov = iov, .msg_iovlen = 2 };
	}
	room = direct + iov[1].iov_len;
	n = recvmsg(s->source.fd, &h, flags);
	if (n <= 0) {
		if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
			pvm__stream_lose(s);
		return false;
	}
	if (f) {
		size_t in_place = (size_t)n < direct ? (size_t)n : direct;

		body_arrived(s, f, in_place);
		s->end = (size_t)n - in_place;
	} else
		s->end += (size_t)n;
	parse(s);
	return (size_t)n == room;
}
