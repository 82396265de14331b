/* SPDX-License-Identifier: MIT */
/* Opening and reading files that nobody else can have changed. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "trusted.h"

enum { NAME = 256 };

/* Close a descriptor and refuse what it was. */
static int refuse(int fd, const char **why, const char *reason, int error)
{
	close(fd);
	*why = reason;
	errno = error;
	return -1;
}

/* Open one name; a file of another kind than a regular one or a directory makes nobody wait. */
static int open_one(int dir, const char *name, int flags, struct stat *what, const char **why)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | flags);

	if (fd < 0) {
		*why = errno == ELOOP ? "is a link" : strerror(errno);
		return -1;
	}
	if (fstat(fd, what) < 0)
		return refuse(fd, why, strerror(errno), errno);
	if (!S_ISREG(what->st_mode) && !S_ISDIR(what->st_mode))
		return refuse(fd, why, "is no regular file", EBADMSG);
	if (what->st_uid != geteuid() && what->st_uid != 0)
		return refuse(fd, why, "belongs to another user", EBADMSG);
	if (what->st_mode & (S_IWGRP | S_IWOTH))
		return refuse(fd, why, "can be written by others", EBADMSG);
	return fd;
}

/* Open what a path below a directory names, one component after the other. */
static int open_below(int dir, const char *path, struct stat *what, const char **why)
{
	int at = dir;

	do {
		size_t n = strcspn(path, "/");
		char name[NAME];
		int next;

		if (n >= sizeof name) {
			errno = ENAMETOOLONG;
			*why = strerror(errno);
			next = -1;
		} else {
			memcpy(name, path, n);
			name[n] = 0;
			next = open_one(at, name, O_NOFOLLOW | (path[n] ? O_DIRECTORY : 0), what,
				why);
		}
		if (at != dir)
			close(at);
		at = next;
		path += n + (path[n] == '/');
	} while (at >= 0 && *path);
	return at;
}

int hpvm_trusted_open(int dir, const char *path, struct stat *what, const char **why)
{
	return dir == AT_FDCWD ? open_one(dir, path, 0, what, why) :
				 open_below(dir, path, what, why);
}

/* Read until the size or the end of the file; the number of bytes, -1 after an error. */
static ssize_t read_all(int fd, char *to, size_t size)
{
	size_t n = 0;
	ssize_t got = 1;

	while (n < size && got > 0) {
		got = read(fd, to + n, size - n);
		if (got < 0 && errno == EINTR)
			got = 1;
		else if (got > 0)
			n += (size_t)got;
	}
	return got < 0 ? -1 : (ssize_t)n;
}

void *hpvm_trusted_read(int fd, size_t size, const char **why)
{
	char *bytes = malloc(size + 1);
	ssize_t n;

	if (!bytes) {
		*why = "is too large for the memory";
		return NULL;
	}
	/* One byte more than it should be is read to see that it is not longer. */
	n = read_all(fd, bytes, size + 1);
	if (n == (ssize_t)size) {
		bytes[size] = 0;
		return bytes;
	}
	*why = n < 0 ? strerror(errno) : "has another size than it had";
	if (n >= 0)
		errno = EBADMSG;
	free(bytes);
	return NULL;
}
