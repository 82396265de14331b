/* SPDX-License-Identifier: MIT */
/* Finding the local daemon and connecting to it; who is at the other end of a socket. */
#define _GNU_SOURCE 1
#include "transport/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>
#include <unistd.h>

enum {
	ADDRESS_MAX = 128,       /* daemon's address text with its NUL */
	TRIES = 5,               /* one second apart, while nobody listens */
	SOCKET_BUFFER = 1 << 20, /* asked for; the kernel gives what it allows */
};

/* ---- sockets -------------------------------------------------------------- */

bool pvm__peer_is_own(int fd)
{
	struct sockaddr_storage name;
	socklen_t size = sizeof name;
	struct ucred peer;

	if (getsockname(fd, (struct sockaddr *)&name, &size) < 0)
		return false;
	if (name.ss_family != AF_UNIX)
		return true;
	size = sizeof peer;
	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == geteuid();
}

int pvm__connect_checked(int fd, const void *address, unsigned length)
{
	/* A signal does not end the attempt: the next call goes on with it. */
	int code = (int)UNINTERRUPTED(connect(fd, address, length));

	if (code < 0 && errno != EISCONN)
		return -1;
	if (pvm__peer_is_own(fd))
		return 0;
	errno = EACCES;
	return -1;
}

/* ---- the daemon's address ------------------------------------------------ */

enum { PATH_ROOM = 4 * TEMP_NAME_MAX };

/* What the sock file is, if it cannot be believed. */
static const char *const foreign = "it is no regular file of this user alone, and not believed";

/* Others may have put or changed what is there. */
static bool is_private(const struct stat *s)
{
	return S_ISREG(s->st_mode) && s->st_uid == geteuid() && !(s->st_mode & (S_IWGRP | S_IWOTH));
}

/* Open the sock file if it is this user's. Descriptor; -1 with errno, which is EPERM if not. */
static int open_private(const char *path)
{
	struct stat status;
	int fd;

	if (lstat(path, &status) < 0)
		return -1;
	if (is_private(&status)) {
		fd = (int)UNINTERRUPTED(open(path,
			O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
		if (fd < 0)
			return -1;
		if (fstat(fd, &status) == 0 && is_private(&status))
			return fd;
		close(fd);
	}
	errno = EPERM;
	return -1;
}

/*
 * Read the file in which the daemon left its address; `path` gets its name. Bytes; -1 with errno,
 * which is EPERM if the file is not to be believed.
 */
static ssize_t read_sock_file(char path[PATH_ROOM], char address[ADDRESS_MAX])
{
	const char *vmid = getenv("PVM_VMID");
	ssize_t n;
	int fd, error;

	n = snprintf(path, PATH_ROOM, "%s/pvmd.%u%s%s", pvmgettmp(), (unsigned)geteuid(),
		vmid ? "." : "", vmid ? vmid : "");
	if (n >= PATH_ROOM) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = open_private(path);
	if (fd < 0)
		return -1;
	n = UNINTERRUPTED(read(fd, address, ADDRESS_MAX - 1));
	error = errno;
	close(fd);
	errno = error;
	address[n > 0 ? n : 0] = '\0';
	return n;
}

/* The address of the daemon: 0 or PvmSysErr, reported. */
static int read_address(char *address)
{
	char path[PATH_ROOM];
	ssize_t n = read_sock_file(path, address);

	if (n < 0)
		pvm__log("%s: %s", path, errno == EPERM ? foreign : strerror(errno));
	else if (n == 0)
		pvm__log("mksocs() read addr file: wrong length read");
	return n > 0 ? 0 : PvmSysErr;
}

static int find_daemon(char *address)
{
	const char *given = getenv("PVMSOCK");

	if (!given)
		return read_address(address);
	if (strlen(given) >= ADDRESS_MAX) {
		pvm__log("PVMSOCK is too long");
		return PvmSysErr;
	}
	strcpy(address, given);
	return 0;
}

static int connect_unix(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int size = SOCKET_BUFFER;
	int fd;

	if (strlen(path) >= sizeof a.sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(a.sun_path, path);
	fd = pvm__off_stdio(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	if (pvm__connect_checked(fd, &a, sizeof a) == 0)
		return fd;
	size = errno;
	close(fd);
	errno = size;
	return -1;
}

static int connect_tcp(const char *address)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	char *rest;
	int on = 1, fd;

	a.sin_addr.s_addr = htonl((uint32_t)strtoul(address, &rest, 16));
	if (*rest != ':') {
		errno = EINVAL;
		return -1;
	}
	a.sin_port = htons((uint16_t)strtoul(rest + 1, NULL, 16));
	fd = pvm__off_stdio(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	if (fd < 0)
		return -1;
	if (pvm__connect_checked(fd, &a, sizeof a) == 0) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		return fd;
	}
	on = errno;
	close(fd);
	errno = on;
	return -1;
}

static int connect_daemon(const char *address)
{
	return address[0] == '/' ? connect_unix(address) : connect_tcp(address);
}

bool pvm__daemon_exists(void)
{
	char path[PATH_ROOM], address[ADDRESS_MAX];
	int fd;

	if (read_sock_file(path, address) <= 0)
		return false;
	fd = connect_daemon(address);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

int pvm__open_daemon(bool patient)
{
	char address[ADDRESS_MAX];
	int fd = -1;

	if (find_daemon(address) < 0)
		return PvmSysErr;
	for (int i = 0; i < (patient ? TRIES : 1); i++) {
		if (i) {
			struct held held = pvm__unlock_all();

			sleep(1);
			pvm__relock(&held);
		}
		fd = connect_daemon(address);
		if (fd >= 0 || (errno != ECONNREFUSED && errno != ENOENT))
			break;
	}
	if (fd < 0) {
		pvm__log("mksocs() connect: %s", strerror(errno));
		pvm__log("\tsocket address tried: %s", address);
		return PvmSysErr;
	}
	pvm__task.daemon = pvm__stream_new(fd, TIDPVMD);
	if (pvm__task.daemon)
		return 0;
	close(fd);
	return PvmNoMem;
}
