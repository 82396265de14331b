/* SPDX-License-Identifier: MIT */
/* Sockets of direct routes: bound by the one task, listened on by the other. */
#define _GNU_SOURCE 1
#include "transport/transport.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	CONNECT_WAIT_S = 10,
	SOCKET_BUFFER = 1 << 20, /* asked for; the kernel gives what it allows */
};

bool pvm__rendezvous_address(const struct rendezvous *r, char *text)
{
	struct sockaddr_in a;
	socklen_t size = sizeof a;

	if (r->path[0]) {
		strcpy(text, r->path);
		return true;
	}
	if (getsockname(r->source.fd, (struct sockaddr *)&a, &size) < 0)
		return false;
	snprintf(text, ADDRESS_TEXT, "%08x:%04x", (unsigned)ntohl(a.sin_addr.s_addr),
		(unsigned)ntohs(a.sin_port));
	return true;
}

static int bind_name(const char *path, void *fd)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof a.sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(a.sun_path, path);
	return bind(*(int *)fd, (struct sockaddr *)&a, sizeof a);
}

/* Bind a Unix socket to a new name. False: none could be made. */
static bool bind_unix(struct rendezvous *r, char *text)
{
	char path[TEMP_NAME_MAX];
	int size = SOCKET_BUFFER;

	r->source.fd = pvm__off_stdio(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	if (r->source.fd < 0)
		return false;
	setsockopt(r->source.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	if (pvm__temp_make(path, sizeof path, bind_name, &r->source.fd) < 0)
		return false;
	strcpy(r->path, path);
	return pvm__rendezvous_address(r, text);
}

/* Bind to any free port, or to the first free one of PVM_PORT_RANGE=first-last. */
static bool bind_port(int fd, struct sockaddr_in *a)
{
	const char *range = getenv("PVM_PORT_RANGE");
	unsigned port = 0, last = 0;

	if (range && (sscanf(range, "%5u-%5u", &port, &last) != 2 || last > UINT16_MAX))
		return false;
	for (; port <= last; port++) {
		a->sin_port = htons((uint16_t)port);
		if (bind(fd, (struct sockaddr *)a, sizeof *a) == 0)
			return true;
		if (errno != EADDRINUSE)
			return false;
	}
	return false;
}

/* Bind a TCP socket to the address by which the daemon is known. */
static bool bind_tcp(struct rendezvous *r, char *text)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int on = 1;

	a.sin_addr.s_addr = htonl((uint32_t)strtoul(pvm__task.daemon_addr, NULL, 16));
	r->source.fd = pvm__off_stdio(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	if (r->source.fd < 0)
		return false;
	setsockopt(r->source.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return bind_port(r->source.fd, &a) && pvm__rendezvous_address(r, text);
}

bool pvm__rendezvous_bind(struct rendezvous *r, bool unix_socket, char *text)
{
	return unix_socket ? bind_unix(r, text) : bind_tcp(r, text);
}

/* Read a TCP address text. */
static bool parse_tcp(const char *text, struct sockaddr_in *a)
{
	unsigned ip, port;

	if (sscanf(text, "%8x:%4x", &ip, &port) != 2)
		return false;
	*a = (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(ip) };
	return true;
}

bool pvm__rendezvous_connect(struct rendezvous *r, const char *text)
{
	struct timeval limit = { .tv_sec = CONNECT_WAIT_S };
	struct sockaddr_in in;
	int fd = r->source.fd;

	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	if (text[0] == '/') {
		struct sockaddr_un a = { .sun_family = AF_UNIX };

		if (!r->path[0] || strlen(text) >= sizeof a.sun_path)
			return false;
		strcpy(a.sun_path, text);
		return pvm__connect_checked(fd, &a, sizeof a) == 0;
	}
	return !r->path[0] && parse_tcp(text, &in) && pvm__connect_checked(fd, &in, sizeof in) == 0;
}

/* Has the task that asked connected, and nobody else? */
static bool is_expected(const struct rendezvous *r, int fd)
{
	struct sockaddr_in a;
	socklen_t size = sizeof a;

	if (r->path[0])
		return pvm__peer_is_own(fd);
	return getpeername(fd, (struct sockaddr *)&a, &size) == 0 &&
		a.sin_port == r->from.sin_port && a.sin_addr.s_addr == r->from.sin_addr.s_addr;
}

bool pvm__rendezvous_listen(struct rendezvous *r, const char *wanted,
	void (*ready)(struct source *))
{
	if (!r->path[0] && !parse_tcp(wanted, &r->from))
		return false;
	/* If descriptors run out before the other side connects, what it writes would be lost. */
	r->reserve = fcntl(r->source.fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	r->source.ready = ready;
	r->watched = r->reserve >= 0 && listen(r->source.fd, 1) == 0 && pvm__watch(&r->source) == 0;
	return r->watched;
}

static void release_reserve(struct rendezvous *r)
{
	if (r->reserve >= 0)
		close(r->reserve);
	r->reserve = -1;
}

int pvm__rendezvous_accept(struct rendezvous *r)
{
	int fd, on = 1, size = SOCKET_BUFFER;

	release_reserve(r);
	fd = pvm__off_stdio(accept4(r->source.fd, NULL, NULL, SOCK_CLOEXEC));
	if (fd < 0)
		return -1;
	if (!is_expected(r, fd)) {
		close(fd);
		r->reserve = fcntl(r->source.fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
		return -1;
	}
	if (r->path[0])
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	else
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return fd;
}

void pvm__rendezvous_close(struct rendezvous *r)
{
	release_reserve(r);
	if (r->watched)
		pvm__unwatch(&r->source);
	r->watched = false;
	if (r->source.fd >= 0)
		close(r->source.fd);
	r->source.fd = -1;
	if (r->path[0])
		pvm__temp_remove(r->path);
	r->path[0] = '\0';
}

void pvm__rendezvous_refuse(const struct rendezvous *r)
{
	shutdown(r->source.fd, SHUT_RD);
}

void pvm__rendezvous_leave(struct rendezvous *r)
{
	if (r->watched)
		pvm__watch_pause(&r->source);
	release_reserve(r);
	if (r->source.fd >= 0)
		close(r->source.fd);
	r->source.fd = -1;
	if (r->path[0])
		pvm__temp_remove(r->path);
	r->path[0] = '\0';
}

void pvm__rendezvous_abandon(struct rendezvous *r)
{
	if (r->source.fd >= 0)
		close(r->source.fd);
	r->source.fd = -1;
	r->watched = false;
	r->path[0] = '\0';
}
