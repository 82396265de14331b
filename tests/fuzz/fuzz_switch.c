/* SPDX-License-Identifier: MIT */
/*
 * Any bytes from a connection to the daemon's switch. A second task receives
 * what is forwarded: it must get whole, well-formed fragments.
 *
 * Input: flags, bytes per write (2 bytes), the stream. Flags: 1 the sender is
 * enrolled, 2 it is closed by the daemon before it ends, 4 the receiver closes,
 * 8 the receiver is the sender's resource manager, 16 only at times, 32 the
 * sender has taken the place of the receiver's manager, 64 both may share memory, and each write
 * has descriptors, 128 the receiver offers a segment and accepts what it was not asked, too.
 */
#include <fcntl.h>
#include <stdbool.h>
#include "layout.h"
#include "require.h"
#include "share.h"
#include "switch.h"

enum { SENDER = 0x40001, RECEIVER = 0x40002, MANAGER = 0x40003, RECEIVED_MAX = 1 << 20 };
enum { NOTICES = 1000 };

static int listener;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	listener = listen_as("fuzz_switch");
	return 0;
}

/* Let the mailbox have a message that the switch has not answered, and look at what it says. */
static unsigned ask_mailbox(struct sw *sw, const struct sw_event *e)
{
	const char *reply = NULL;
	size_t len = 0;
	unsigned sum = 0;
	int code = sw_mail(sw, e->data, e->len, &reply, &len);

	if (code == SW_MAIL_WAIT)
		sw_mail_serve(sw);
	for (size_t i = 0; code == SW_MAIL_DONE && i < len; i++)
		sum += (unsigned char)reply[i];
	return sum;
}

/* Have the switch answer the same request next time, with its own body. */
static void keep_answer(struct sw *sw, const struct sw_event *e)
{
	const char *body = e->len ? e->data : "";

	sw_keep_answer(sw, e->tag, body, e->len, body, e->len);
}

/* Whatever has been put, all of it is listed. */
static void check_mailbox(struct sw *sw)
{
	static const char all[] = "\0\0\0\4\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0";
	const char *names;
	size_t len;

	REQUIRE(wire_get32(all) == TMDB_NAMES);
	REQUIRE(sw_mail(sw, all, sizeof all, &names, &len) == SW_MAIL_DONE);
	REQUIRE(len >= 8 && wire_get32(names) == 0);
}

/* Whatever the sender has, nobody else gets that, and it can be taken back. */
static void check_contexts(struct sw *sw)
{
	int32_t context = sw_context(sw, 0, RECEIVER);

	REQUIRE(context > 0x40000);
	REQUIRE(sw_context(sw, (uint32_t)context, SENDER) < 0);
	sw_free_contexts(sw, SENDER);
	REQUIRE(sw_context(sw, (uint32_t)context, RECEIVER) == 0);
}

/* Whatever the sender has wished, it is within the bound, and forgotten at its end. */
static void check_notices(struct sw *sw)
{
	REQUIRE(sw_notices(sw, SENDER) <= NOTICES);
	sw_notify_end(sw, SENDER);
	REQUIRE(sw_notices(sw, SENDER) == 0);
}

/* One pass, then look at every event; the connection opened or closed last goes to `conn`. */
static uint64_t run(struct sw *sw, uint32_t type)
{
	const struct sw_event *events;
	uint64_t conn = 0;
	unsigned sum = 0;
	uint32_t n;

	sw_run(sw, 0);
	events = sw_events(sw, &n);
	for (uint32_t i = 0; i < n; i++) {
		for (uint32_t k = 0; k < events[i].len; k++)
			sum += (unsigned char)events[i].data[k];
		if (events[i].type == SW_MESSAGE && events[i].tag == (uint32_t)TM_DB)
			sum += ask_mailbox(sw, &events[i]);
		else if (events[i].type == SW_MESSAGE)
			keep_answer(sw, &events[i]);
		if (events[i].type == type)
			conn = events[i].conn;
	}
	return sum == 0xffffffffu ? 0 : conn;
}

/* A connection and its number in the switch. */
static int open_connection(struct sw *sw, uint64_t *conn)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	REQUIRE(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
	for (int i = 0; i < 10 && !(*conn = run(sw, SW_OPEN)); i++)
		;
	REQUIRE(*conn != 0);
	return fd;
}

/* Write, with so many descriptors. */
static bool write_some(int fd, const void *data, size_t n, int descriptors)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(4 * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { (void *)data, n };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	const int fds[4] = { 0, 0, 0, 0 };

	if (descriptors) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE((size_t)descriptors * sizeof(int));
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN((size_t)descriptors * sizeof(int));
		memcpy(CMSG_DATA(&control.head), fds, (size_t)descriptors * sizeof(int));
	}
	return sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)n;
}

/* What the receiver says about memory: an offer with two descriptors, and an answer. */
static void talk(int fd, uint32_t what)
{
	char frame[TDFRAGHDR + MSGHDRLEN + SHARE_BODY] = { 0 };

	wire_put32(frame + WIRE_FRAG_DST, 0x80000000u);
	wire_put32(frame + WIRE_FRAG_LENGTH, MSGHDRLEN + SHARE_BODY);
	frame[WIRE_FRAG_FLAGS] = FFSOM | FFEOM;
	wire_put32(frame + TDFRAGHDR + WIRE_MSG_TAG, (uint32_t)TM_SHARE);
	wire_put32(frame + TDFRAGHDR + MSGHDRLEN + SHARE_WHAT, what);
	wire_put32(frame + TDFRAGHDR + MSGHDRLEN + SHARE_PEER, SENDER);
	write_some(fd, frame, sizeof frame, what == SHARE_OFFER ? 2 : 0);
}

/* Is it what the switch says about memory? */
static bool is_talk(const unsigned char *frag)
{
	return wire_get32(frag + WIRE_FRAG_SRC) == 0x80000000u &&
		wire_get32(frag + WIRE_FRAG_LENGTH) == MSGHDRLEN + SHARE_BODY;
}

/* What the receiver got: whole fragments from the sender to it, some in another one's name. */
static void check_received(const unsigned char *data, size_t size, uint32_t name)
{
	size_t at = 0;

	while (size - at >= TDFRAGHDR) {
		const unsigned char *p = data + at;

		/* A tid without host part is on this host. */
		REQUIRE((wire_get32(p + WIRE_FRAG_DST) & TIDLOCAL) == (RECEIVER & TIDLOCAL));
		REQUIRE(wire_get32(p + WIRE_FRAG_SRC) == SENDER ||
			wire_get32(p + WIRE_FRAG_SRC) == name || is_talk(p));
		REQUIRE(p[WIRE_FRAG_FLAGS] <= (FFSOM | FFEOM));
		REQUIRE(p[13] == 0 && p[14] == 0 && p[15] == 0);
		if (wire_get32(p + WIRE_FRAG_LENGTH) > size - at - TDFRAGHDR)
			return;
		at += TDFRAGHDR + wire_get32(p + WIRE_FRAG_LENGTH);
	}
}

static size_t drain(int fd, unsigned char *to, size_t have)
{
	ssize_t n;

	while (have < RECEIVED_MAX &&
		(n = recv(fd, to + have, RECEIVED_MAX - have, MSG_DONTWAIT)) > 0)
		have += (size_t)n;
	return have;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned char received[RECEIVED_MAX];
	struct sw_config config = {
		.standby_us = UINT32_MAX, .uid = UINT32_MAX, .notices = NOTICES
	};
	uint64_t sender_conn, receiver_conn;
	size_t piece, have = 0;
	struct sw *sw;
	int sender, receiver, flags;

	if (size < 3)
		return 0;
	flags = data[0];
	piece = ((size_t)data[1] << 8 | data[2]) + 1;
	data += 3;
	size -= 3;
	sw = sw_new(listener, 0x80040000, &config);
	REQUIRE(sw != NULL);
	sw_mail_serve(sw);
	receiver = open_connection(sw, &receiver_conn);
	sender = open_connection(sw, &sender_conn);
	REQUIRE(sw_bind(sw, receiver_conn, RECEIVER, NULL, 0, flags & 64) == 0);
	if (flags & 1)
		REQUIRE(sw_bind(sw, sender_conn, SENDER, NULL, 0, flags & 64) == 0);
	if (flags & 32)
		REQUIRE(sw_manager(sw, receiver_conn, MANAGER, SENDER) == 0);
	for (size_t n; size; data += n, size -= n) {
		n = size < piece ? size : piece;
		if (flags & 8)
			sw_manager(sw, sender_conn, flags & 16 && size & 1 ? 0 : RECEIVER, 0);
		if (flags & 128 && receiver >= 0) {
			talk(receiver, SHARE_OFFER);
			talk(receiver, size & 1 ? SHARE_ACCEPT : SHARE_LINK);
		}
		if (!write_some(sender, data, n, flags & 64 ? 1 + (size % 3) : 0))
			break;
		run(sw, SW_CLOSE);
		if (flags & 4)
			close(receiver), flags &= ~4, receiver = -1;
		else if (receiver >= 0)
			have = drain(receiver, received, have);
	}
	check_mailbox(sw);
	check_contexts(sw);
	check_notices(sw);
	sw_mail_disown(sw, SENDER);
	if (flags & 2)
		sw_close(sw, sender_conn, 1);
	close(sender);
	for (int i = 0; i < 5; i++)
		run(sw, SW_CLOSE);
	if (receiver >= 0) {
		have = drain(receiver, received, have);
		check_received(received, have, flags & 32 ? MANAGER : SENDER);
		close(receiver);
	}
	sw_free(sw);
	return 0;
}
