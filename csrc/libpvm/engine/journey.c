/* SPDX-License-Identifier: MIT */
/* What is said about a move, in raw bytes; the connection by which the image leaves. */
#include "engine/move.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

enum {
	CONNECT_MS = 2000,
	STALL_S = 10, /* without progress the image is given up */
};

/* ---- reading --------------------------------------------------------------------------- */

/* Items of a body, one behind the other. */
struct cursor {
	const unsigned char *at, *end;
	bool bad; /* something was missing */
};

static struct cursor begin(const struct move_order *order)
{
	return (struct cursor){ order->body, order->body + order->length, false };
}

static int take_int(struct cursor *c)
{
	int value = 0;

	c->bad = c->bad || c->end - c->at < 4;
	if (!c->bad) {
		value = (int)wire_get32(c->at);
		c->at += 4;
	}
	return value;
}

/* A counted string, with its end, into so many bytes. */
static void take_text(struct cursor *c, char *to, size_t size)
{
	int n = take_int(c);
	size_t length = n > 0 ? (size_t)n : 0, padded = (length + 3) & ~(size_t)3;

	c->bad = c->bad || !length || length > size || (size_t)(c->end - c->at) < padded ||
		c->at[length - 1];
	if (c->bad)
		return;
	memcpy(to, c->at, length);
	c->at += padded;
}

bool pvm__freeze_read(const struct move_order *order, struct freeze *freeze)
{
	struct cursor c = begin(order);
	int flags;

	freeze->epoch = take_int(&c);
	flags = take_int(&c);
	take_text(&c, freeze->address, sizeof freeze->address);
	take_text(&c, freeze->token, sizeof freeze->token);
	freeze->file[0] = 0;
	if (flags & WIRE_FREEZE_FILE)
		take_text(&c, freeze->file, sizeof freeze->file);
	freeze->noted = flags & WIRE_FREEZE_NOTE;
	freeze->base = freeze->noted ? take_int(&c) : 0;
	return !c.bad && strlen(freeze->token) == WIRE_TOKEN;
}

int pvm__order_first(const struct move_order *order)
{
	struct cursor c = begin(order);
	int first = take_int(&c);

	return c.bad ? -1 : first;
}

bool pvm__settings_take(const struct move_order *order)
{
	struct task *t = &pvm__task;
	struct cursor c = begin(order);
	int ints[10], sched, place;
	char address[sizeof t->daemon_addr];

	take_int(&c); /* the epoch */
	for (int i = 0; i < 10; i++)
		ints[i] = take_int(&c);
	take_text(&c, address, sizeof address);
	sched = take_int(&c);
	place = c.at < c.end ? take_int(&c) : 0;
	if (c.bad || ints[0] != pvmmytid)
		return false;
	t->ptid = ints[1];
	pvmtrc.outtid = ints[2];
	pvmtrc.outctx = ints[3];
	pvmtrc.outtag = ints[4];
	pvm__set_tracer(ints[5]);
	pvmtrc.trcctx = ints[6];
	pvmtrc.trctag = ints[7];
	memcpy(t->daemon_addr, address, sizeof address);
	t->schedtid = sched;
	t->place = place;
	return true;
}

/* ---- writing --------------------------------------------------------------------------- */

/* Write all of it, waiting for room. */
static bool write_whole(int fd, const unsigned char *from, size_t length)
{
	while (length) {
		struct pollfd p = { .fd = fd, .events = POLLOUT };
		ssize_t n = send(fd, from, length, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN)
			poll(&p, 1, -1);
		else if (n < 0 && errno != EINTR)
			return false;
		from += n > 0 ? n : 0;
		length -= n > 0 ? (size_t)n : 0;
	}
	return true;
}

/* The headers of a message to the daemon, in front of a body of so many bytes. Returns all bytes. */
static size_t put_heads(unsigned char *frame, int tag, size_t body)
{
	unsigned char *head = frame + TDFRAGHDR;

	memset(frame, 0, WIRE_HEADROOM);
	wire_put32(frame + WIRE_FRAG_DST, (uint32_t)TIDPVMD);
	wire_put32(frame + WIRE_FRAG_SRC, (uint32_t)pvmmytid);
	wire_put32(frame + WIRE_FRAG_LENGTH, (uint32_t)(MSGHDRLEN + body));
	frame[WIRE_FRAG_FLAGS] = FFSOM | FFEOM;
	wire_put32(head + WIRE_MSG_ENC, WIRE_ENC_XDR);
	wire_put32(head + WIRE_MSG_TAG, (uint32_t)tag);
	wire_put32(head + WIRE_MSG_CTX, (uint32_t)SYSCTX_TM);
	return WIRE_HEADROOM + body;
}

bool pvm__unroute_write(int fd, int epoch, int tid)
{
	unsigned char frame[WIRE_HEADROOM + 2 * 4];

	wire_put32(frame + WIRE_HEADROOM, (uint32_t)epoch);
	wire_put32(frame + WIRE_HEADROOM + 4, (uint32_t)tid);
	return write_whole(fd, frame, put_heads(frame, TM_UNROUTE, 2 * 4));
}

bool pvm__frozen_write(int fd, int epoch, const struct objection *o)
{
	unsigned char frame[WIRE_HEADROOM + 4 * 4 + WHY_TEXT + 4] = { 0 };
	unsigned char *body = frame + WIRE_HEADROOM;
	size_t text = strlen(o->text) + 1;

	wire_put32(body, (uint32_t)epoch);
	wire_put32(body + 4, (uint32_t)o->code);
	wire_put32(body + 8, (uint32_t)o->reason);
	wire_put32(body + 12, (uint32_t)text);
	memcpy(body + 16, o->text, text);
	return write_whole(fd, frame, put_heads(frame, TM_FROZEN, 16 + ((text + 3) & ~(size_t)3)));
}

/* ---- the connection -------------------------------------------------------------------- */

/* "a.b.c.d:port". */
static bool read_address(const char *text, struct sockaddr_in *to)
{
	char host[INET_ADDRSTRLEN];
	const char *colon = strchr(text, ':');
	unsigned port = 0;

	if (!colon || (size_t)(colon - text) >= sizeof host)
		return false;
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = 0;
	for (const char *at = colon + 1; *at >= '0' && *at <= '9' && port <= 0xffff; at++)
		port = 10 * port + (unsigned)(*at - '0');
	*to = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	return port && port <= 0xffff && inet_pton(AF_INET, host, &to->sin_addr) == 1;
}

/* Connect within a limit. 0, or a negative error number. */
static int connect_soon(int fd, const struct sockaddr_in *to)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	int error = 0;
	socklen_t size = sizeof error;

	if (connect(fd, (const struct sockaddr *)to, sizeof *to) == 0)
		return 0;
	if (errno != EINPROGRESS)
		return -errno;
	if (poll(&p, 1, CONNECT_MS) <= 0)
		return -ETIMEDOUT;
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
	return -error;
}

/* From now on writes wait, but not for ever. */
static void be_patient(int fd)
{
	const struct timeval stall = { .tv_sec = STALL_S };
	const unsigned ms = STALL_S * 1000;
	const int one = 1;

	fcntl(fd, F_SETFL, 0);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &stall, sizeof stall);
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

int pvm__journey_open(const struct freeze *freeze)
{
	struct sockaddr_in to;
	int fd, error;

	if (!read_address(freeze->address, &to))
		return -EINVAL;
	fd = pvm__off_stdio(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	if (fd < 0)
		return -errno;
	error = connect_soon(fd, &to);
	be_patient(fd);
	if (!error && !write_whole(fd, (const unsigned char *)freeze->token, WIRE_TOKEN))
		error = -EPIPE;
	if (!error)
		return fd;
	close(fd);
	return error;
}

/* ---- words ----------------------------------------------------------------------------- */

/* Append to a text of WHY_TEXT bytes, cut if need be. */
static void append(char *text, const char *more)
{
	size_t length = strlen(text), n = strlen(more), room = WHY_TEXT - 1 - length;

	n = n < room ? n : room;
	memcpy(text + length, more, n);
	text[length + n] = 0;
}

struct objection pvm__objection(int code, int reason)
{
	static const char *const words[] = {
		[WIRE_WHY_OFF - WIRE_WHY_TASK] = "the task does not want to be moved",
		[WIRE_WHY_CALLBACK - WIRE_WHY_TASK] = "the task says that it is not the time",
		[WIRE_WHY_ROUTES - WIRE_WHY_TASK] = "it has a direct route to a task of 3.4.6",
		[WIRE_WHY_CONNECT - WIRE_WHY_TASK] = "nobody takes the image",
		[WIRE_WHY_PEERS - WIRE_WHY_TASK] = "another task does not leave its direct route",
		[WIRE_WHY_FILE - WIRE_WHY_TASK] = "the file of the image cannot be made",
	};
	struct objection o = { .code = code, .reason = reason };

	if (reason >= WIRE_WHY_TASK)
		append(o.text, words[reason - WIRE_WHY_TASK]);
	else
		append(o.text, pvm__image_reasons[reason]);
	return o;
}

/* May it be otherwise soon? */
static bool is_passing(enum image_reason reason)
{
	return reason == WHY_SYSTEM || reason == WHY_WRITE || reason == WHY_CHILDREN ||
		reason == WHY_TOO_MANY_SIGNALS;
}

struct objection pvm__image_objection(const struct image_report *report)
{
	int code = is_passing(report->reason) ? PvmBusy : PvmNotMovable;
	struct objection o = pvm__objection(code, (int)report->reason);

	if (report->where[0]) {
		append(o.text, ": ");
		append(o.text, report->where);
	}
	return o;
}
