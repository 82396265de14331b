/* SPDX-License-Identifier: MIT */
/*
 * One connected stream socket, and the messages that come by it: through a buffer, long fragments
 * past the buffer.
 */
#include "transport/link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	DIRECT_MIN = 4096,       /* rest of a fragment that is worth reading past the buffer */
	READ_AHEAD = 4096,       /* bytes of what follows read along with it */
	PIECE_MAX = 1 << 20,     /* memory taken for announced bytes before they are there */
	READS_PER_TURN = 16,     /* buffers read from one stream before the others' turn */
	EXACT_READS = 1024,      /* the same if nothing is read ahead */
	LAST_MESSAGES = 1 << 20, /* taken in at most from one that is lost */
};

static bool take(struct way *way);

void pvm__stream_look(struct stream *s)
{
	s->more = true;
	pvm__way_list(&s->way);
}

static void stream_ready(struct source *source)
{
	pvm__stream_look((struct stream *)source);
}

struct stream *pvm__stream_new(int fd, int peer)
{
	struct stream *s = malloc(sizeof *s);

	if (!s)
		return NULL;
	memset(s, 0, offsetof(struct stream, buf));
	s->way = (struct way){
		.source = { .fd = fd, .ready = stream_ready },
		.turn = peer,
		.common = peer == (int)TIDPVMD,
		.take = take,
	};
	return s;
}

void pvm__stream_free(struct stream *s)
{
	struct message *m;

	while ((m = s->open)) {
		s->open = m->next;
		pvm__message_unref(m);
	}
	pvm__message_unref(s->whole);
	s->whole = NULL;
	if (!s->lost)
		pvm__unwatch(&s->way.source);
	s->lost = true;
	pvm__way_unlist(&s->way);
	pvm__stand_in_free(s->stand_in);
	s->stand_in = NULL;
	if (s->users) {
		/* A writer that waits for room finds that there is no use in waiting. */
		s->orphan = true;
		shutdown(s->way.source.fd, SHUT_RDWR);
		pvm__wake(WAKE_STATE);
		return;
	}
	close(s->way.source.fd);
	pvm__stash_end(s);
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

void pvm__stream_left(struct stream *s)
{
	if (s->writer != &pvm__self)
		return;
	s->users -= s->claims;
	s->claims = 0;
	s->writer = NULL;
	pvm__stream_lose(s);
	pvm__wake(WAKE_STATE);
}

void pvm__stream_lose(struct stream *s)
{
	if (s->lost)
		return;
	s->lost = true;
	if (s->settles)
		pvm__stream_await_acknowledged(s);
	pvm__unwatch(&s->way.source);
	if (s->way.turn != TIDPVMD)
		pvm__task.transport.route_lost = true;
}

/* Whose memory comes before the whole message: its sender's, or, on a common way, everybody's. */
static int whose_before(const struct stream *s)
{
	return s->way.common ? (int)TIDPVMD : s->whole->src;
}

bool pvm__stream_drain(struct stream *s)
{
	int taken = 0;

	do {
		if (s->whole)
			pvm__links_take_before(whose_before(s));
		s->more = true;
	} while ((take(&s->way) || s->whole) && ++taken < LAST_MESSAGES);
	return taken;
}

void pvm__stream_end(struct stream *s)
{
	pvm__stream_drain(s);
	pvm__stream_lose(s);
}

void pvm__stream_abandon(struct stream *s)
{
	close(s->way.source.fd);
	s->way.source.fd = -1;
	s->lost = true;
	pvm__way_unlist(&s->way);
	s->users = s->claims = 0;
	s->writer = NULL;
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

/* Does the stream say something about shared memory in this fragment, whose header is at `p`? */
static bool is_talk(const struct stream *s, const unsigned char *p)
{
	return (int)wire_get32(p + TDFRAGHDR + WIRE_MSG_TAG) == TC_SHARE &&
		s->way.turn == (int)TIDPVMD && wire_get32(p + WIRE_FRAG_SRC) == (uint32_t)TIDPVMD &&
		wire_get32(p + WIRE_FRAG_LENGTH) == MSGHDRLEN + SHARE_BODY;
}

/* Bytes at the begin of the next fragment that must be there before it is begun. */
static size_t head_size(const struct stream *s)
{
	const unsigned char *p = s->buf + s->at;
	size_t have = s->end - s->at;

	/* Without an unfinished message the next fragment begins one. */
	if (have < TDFRAGHDR)
		return s->open ? TDFRAGHDR : TDFRAGHDR + MSGHDRLEN;
	if (!(p[WIRE_FRAG_FLAGS] & FFSOM) || wire_get32(p + WIRE_FRAG_LENGTH) < MSGHDRLEN)
		return TDFRAGHDR;
	if (have < TDFRAGHDR + MSGHDRLEN || !is_talk(s, p))
		return TDFRAGHDR + MSGHDRLEN;
	return TDFRAGHDR + MSGHDRLEN + SHARE_BODY;
}

/* Something of a task's has come: what it has sent by a route before comes first. */
static void catch_up(const struct stream *s, int src)
{
	if (s->way.common && pvm__task.engine.routes)
		pvm__above.catch_up(src);
}

/* The message whose header is at `p` concerns shared memory alone, and has been seen to. */
static bool heard(struct stream *s, const unsigned char *p)
{
	int src = (int)wire_get32(p + WIRE_FRAG_SRC);
	int tag = (int)wire_get32(p + TDFRAGHDR + WIRE_MSG_TAG);
	uint32_t number = wire_get32(p + TDFRAGHDR + WIRE_MSG_WID);

	if (tag == TC_MARK || tag == TC_AGAIN)
		catch_up(s, src);
	if (tag == TC_MARK && wire_is_task((uint32_t)src))
		pvm__share_mark(src, number);
	else if (tag == TC_AGAIN && wire_is_task((uint32_t)src))
		pvm__share_again(s, src, number);
	else if (is_talk(s, p))
		pvm__share_heard(p + TDFRAGHDR + MSGHDRLEN);
	else
		return false;
	return true;
}

/* Take the header of a fragment from the buffer; false: it is not all there. */
static bool begin_fragment(struct stream *s)
{
	const unsigned char *p = s->buf + s->at;
	size_t have = s->end - s->at;
	bool first;
	int src;

	if (have < TDFRAGHDR || have < head_size(s))
		return false;
	first = p[WIRE_FRAG_FLAGS] & FFSOM;
	src = (int)wire_get32(p + WIRE_FRAG_SRC);
	s->left = wire_get32(p + WIRE_FRAG_LENGTH);
	s->inside = true;
	s->fresh = true;
	s->last = p[WIRE_FRAG_FLAGS] & FFEOM;
	s->msg = NULL;
	s->at += TDFRAGHDR;
	if (s->way.turn != TIDPVMD && src != s->way.turn)
		pvm__log("fragment from t%x on the route to t%x dropped", (unsigned)src,
			(unsigned)s->way.turn);
	else if (pvm__share_is_copy(s, src, s->last))
		return true;
	else if (!first) {
		if (!(s->msg = find_open(s, src)))
			pvm__log("fragment from t%x without a message dropped", (unsigned)src);
	} else if (s->left < MSGHDRLEN)
		pvm__log("fragment from t%x without a message header dropped", (unsigned)src);
	else {
		s->msg = heard(s, p) ? NULL : open_message(s, p);
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

/* True: a message is complete. */
static bool end_fragment(struct stream *s)
{
	struct message *m = s->msg;

	s->inside = false;
	s->msg = NULL;
	if (!m || !s->last)
		return false;
	unlink_open(s, m);
	s->whole = m;
	s->barred = false;
	return true;
}

/*
 * Have the whole message delivered, unless something that was put into memory before is to be taken
 * in first. False: so it is.
 */
static bool give(struct stream *s)
{
	struct message *m = s->whole;

	catch_up(s, m->src);
	if (pvm__links_end) {
		if (!s->barred)
			pvm__links_bar(whose_before(s));
		s->barred = true;
		if (pvm__links_before(whose_before(s)))
			return false;
	}
	s->whole = NULL;
	pvm__share_received(m->src, m->total);
	pvm__above.complete(m);
	return true;
}

/*
 * Consume the buffer up to the end of a message. False: there is none; the buffer is empty, or
 * has part of a header.
 */
static bool parse(struct stream *s)
{
	while (s->inside || begin_fragment(s)) {
		take_body(s);
		if (s->left)
			break;
		if (!end_fragment(s))
			continue;
		if (s->at == s->end)
			s->at = s->end = 0;
		return true;
	}
	s->end -= s->at;
	memmove(s->buf, s->buf + s->at, s->end);
	s->at = 0;
	return false;
}

/* How much to read behind the buffer's bytes so that nothing comes that is not to be read yet. */
static size_t exact_room(const struct stream *s)
{
	if (s->inside)
		return s->left < STREAM_BUFFER ? s->left : STREAM_BUFFER;
	return head_size(s) - s->end;
}

/*
 * Read once behind what parse has left. True if as much came as there was room for, so that more
 * may be waiting. Sets `lost` at the end of the stream.
 */
static bool read_once(struct stream *s)
{
	bool exact = pvm__task.transport.exact;
	struct iovec iov[2] = { { NULL, 0 },
		{ s->buf + s->end, exact ? exact_room(s) : STREAM_BUFFER - s->end } };
	struct msghdr h = { .msg_iov = iov + 1, .msg_iovlen = 1 };
	struct fragment *f = NULL;
	size_t direct = 0, room;
	ssize_t n;
	bool more;

	if (s->lost)
		return false;
	if (s->inside && s->msg && (exact || s->left >= DIRECT_MIN) && (f = body_room(s))) {
		direct = f->room < s->left ? f->room : s->left;
		iov[0] = (struct iovec){ f->data + f->len, direct };
		iov[1].iov_len = direct == s->left && !exact ? READ_AHEAD : 0;
		h = (struct msghdr){ .msg_iov = iov, .msg_iovlen = 2 };
	}
	room = direct + iov[1].iov_len;
	n = pvm__stash_has(s) ? pvm__stash_take(s, &h, &more) : pvm__stream_receive(s, &h, &more);
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
	return more || (size_t)n == room;
}

/* Is a whole message among what was read ahead, or in memory that stands for the stream? */
static bool is_ahead(const struct stream *s)
{
	size_t at = s->at;
	bool whole = s->inside && s->last;

	if (s->whole || (s->way.common && pvm__links_have()))
		return true;
	if (s->inside && s->left > s->end - at)
		return false;
	at += s->inside ? s->left : 0;
	while (!whole && s->end - at >= TDFRAGHDR) {
		uint32_t length = wire_get32(s->buf + at + WIRE_FRAG_LENGTH);

		if (length > s->end - at - TDFRAGHDR)
			return false;
		whole = s->buf[at + WIRE_FRAG_FLAGS] & FFEOM;
		at += TDFRAGHDR + length;
	}
	return whole;
}

void pvm__stream_caught_up(struct stream *s)
{
	if (s->stand_in && !is_ahead(s))
		pvm__stand_in_lower(s->stand_in);
}

/* Take in one message, reading if what was read ahead has none. */
static bool take(struct way *way)
{
	struct stream *s = (struct stream *)way;
	bool exact = pvm__task.transport.exact, taken;
	int reads = exact ? EXACT_READS : READS_PER_TURN;

	while (!s->whole && !((s->inside || s->at < s->end) && parse(s)) && s->more && reads-- > 0)
		s->more = read_once(s);
	taken = s->whole && give(s);
	if (exact) {
		s->more = false;
		pvm__stream_caught_up(s);
	}
	if (!s->whole && !pvm__stash_has(s) && (!taken || (s->at == s->end && !s->more)))
		pvm__way_unlist(way);
	return taken;
}

int pvm__stream_stand_in_fd(struct stream *s)
{
	int fd;

	pvm__task.transport.exact = true;
	if (!s->stand_in && !is_ahead(s))
		return s->way.source.fd;
	if (!s->stand_in)
		s->stand_in = pvm__stand_in_new(s->way.source.fd);
	if (!s->stand_in)
		return PvmSysErr;
	fd = pvm__stand_in_fd(s->stand_in);
	return fd >= 0 ? fd : s->way.source.fd;
}
