/* SPDX-License-Identifier: MIT */
/* Commands of tests/c/intake.c that tell what waits in its sockets; they read nothing. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>

#include "intake.h"

/* How long "readable" gives a descriptor, microseconds. */
#define READABLE_US 20000

enum { DESCRIPTORS = 256, PEEKED = 1 << 20 };

/* Fragment header: destination, source, length and a byte of flags; message header. */
enum { FRAGMENT_HEADER = 16, AT_LENGTH = 8, AT_FLAGS = 12, FIRST = 1, LAST = 2, AT_TAG = 4 };

/* Bytes that waited in each descriptor at the last "mark". */
static int marked[DESCRIPTORS];

static unsigned word_at(const unsigned char *data)
{
	return (unsigned)data[0] << 24 | data[1] << 16 | data[2] << 8 | data[3];
}

static int waiting_bytes(int fd)
{
	int bytes = 0;

	return ioctl(fd, FIONREAD, &bytes) < 0 ? 0 : bytes;
}

static bool is_listening(int fd)
{
	int yes = 0;
	socklen_t size = sizeof yes;

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &yes, &size) == 0 && yes;
}

static bool is_stream(int fd)
{
	int type = 0;
	socklen_t size = sizeof type;

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

/* As pvm_getfds; with INTAKE_UNASKED the library is not asked. The daemon's socket is the oldest. */
static int descriptors(int **fds)
{
	static int found[DESCRIPTORS];
	int n = 0;

	if (!getenv("INTAKE_UNASKED"))
		return pvm_getfds(fds);
	for (int fd = 0; fd < DESCRIPTORS; fd++)
		if (is_stream(fd))
			found[n++] = fd;
	*fds = found;
	return n;
}

/* Say the tags of the messages that end in the bytes behind the mark; sources may alternate. */
static void say_messages(int fd)
{
	static unsigned char data[PEEKED];
	static struct {
		unsigned source, tag;
	} open[MAX_WORDS];
	ssize_t size = recv(fd, data, sizeof data, MSG_PEEK | MSG_DONTWAIT);
	long long at = marked[fd], length;

	for (; at + FRAGMENT_HEADER <= size; at += FRAGMENT_HEADER + length) {
		const unsigned char *head = data + at;
		unsigned source = word_at(head + 4);

		length = word_at(head + AT_LENGTH);
		if (at + FRAGMENT_HEADER + length > size)
			return;
		if (head[AT_FLAGS] & FIRST) {
			open[source % MAX_WORDS].source = source;
			open[source % MAX_WORDS].tag = word_at(head + FRAGMENT_HEADER + AT_TAG);
		}
		if (head[AT_FLAGS] & LAST && open[source % MAX_WORDS].source == source)
			say("%d", (int)open[source % MAX_WORDS].tag);
	}
}

/* mark: what comes from now on counts as new */
static void do_mark(char **word)
{
	int *fds, n = descriptors(&fds);

	(void)word;
	for (int i = 0; i < n; i++)
		marked[fds[i]] = waiting_bytes(fds[i]);
	answer(n);
}

/* unmark: all that waits counts as new, and begins with a message */
static void do_unmark(char **word)
{
	(void)word;
	memset(marked, 0, sizeof marked);
	answer(0);
}

/* waiting: tags of the new whole messages in the daemon's socket, "|", those on routes */
static void do_waiting(char **word)
{
	int *fds, n = descriptors(&fds);

	(void)word;
	for (int i = 0; i < n; i++) {
		if (!is_listening(fds[i]))
			say_messages(fds[i]);
		if (i == 0)
			say("|");
	}
}

/* bytes: how many wait in the daemon's socket, and on routes */
static void do_bytes(char **word)
{
	int *fds, n = descriptors(&fds), routes = 0;

	(void)word;
	for (int i = 1; i < n; i++)
		routes += waiting_bytes(fds[i]);
	say("%d %d", n > 0 ? waiting_bytes(fds[0]) : 0, routes);
}

/* readable: 1 if one of the descriptors is */
static void do_readable(char **word)
{
	int *fds, n = pvm_getfds(&fds), last = -1;
	struct timeval time = { 0, READABLE_US };
	fd_set set;

	(void)word;
	FD_ZERO(&set);
	for (int i = 0; i < n; i++) {
		FD_SET(fds[i], &set);
		last = fds[i] > last ? fds[i] : last;
	}
	answer(select(last + 1, &set, NULL, NULL, &time) > 0);
}

const struct command socket_commands[] = {
	{ "bytes", do_bytes },
	{ "mark", do_mark },
	{ "readable", do_readable },
	{ "unmark", do_unmark },
	{ "waiting", do_waiting },
	{ NULL, NULL },
};
