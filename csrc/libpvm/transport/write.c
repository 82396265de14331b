/* SPDX-License-Identifier: MIT */
/* Messages out by a stream: gathering writes of headers and fragments. */
#include "transport/transport.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum { BATCH = 64 }; /* fragments per gathering write */

/* Headers and data of some fragments, ready for one write. */
struct batch {
	struct iovec iov[2 * BATCH];
	int niov, nfrags;
	const int *fds; /* that go with the first byte; NULL: none */
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

/* Have the batch's descriptors go with the next byte. */
static void attach(struct msghdr *h, union descriptors *d, const int *fds)
{
	if (!fds)
		return;
	memset(d, 0, sizeof *d);
	h->msg_control = d->room;
	h->msg_controllen = CMSG_SPACE(2 * sizeof(int));
	d->head.cmsg_level = SOL_SOCKET;
	d->head.cmsg_type = SCM_RIGHTS;
	d->head.cmsg_len = CMSG_LEN(2 * sizeof(int));
	memcpy(CMSG_DATA(&d->head), fds, 2 * sizeof(int));
}

/* Write the batch, which is empty then. */
static bool write_batch(struct stream *s, struct batch *b)
{
	struct msghdr h = { .msg_iov = b->iov, .msg_iovlen = (size_t)b->niov };
	union descriptors d;

	attach(&h, &d, b->fds);
	b->niov = b->nfrags = 0;
	b->fds = NULL;
	while (h.msg_iovlen) {
		ssize_t n = s->lost ? -1 :
				      sendmsg(s->way.source.fd, &h, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n >= 0) {
			advance(&h, (size_t)n);
			h.msg_controllen = 0;
		} else if (s->lost)
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
	b.fds = parcels->fds;
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
