/* SPDX-License-Identifier: MIT */
/* What the fuzz targets of the switch share: conditions that must hold, a listening socket. */
#ifndef PVM3PY_TESTS_REQUIRE_H
#define PVM3PY_TESTS_REQUIRE_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define REQUIRE(condition) ((condition) ? (void)0 : broken(#condition))

static void broken(const char *condition)
{
	fprintf(stderr, "not true: %s\n", condition);
	abort();
}

static struct sockaddr_un address = { .sun_family = AF_UNIX };

/* A socket that listens at `address`; an abstract name: no file is left behind. */
static inline int listen_as(const char *name)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "%s.%d", name, getpid());
	REQUIRE(bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
	REQUIRE(listen(fd, 8) == 0);
	return fd;
}

#endif
