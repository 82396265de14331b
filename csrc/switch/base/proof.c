/* SPDX-License-Identifier: MIT */
/* Authentication files, in a directory that others may write to. */
#define _GNU_SOURCE 1
#include "base/proof.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* How many names in a row may be taken by others before random ones are tried, and how many. */
#define TAKEN_MAX 16
#define RANDOM_MAX 100
#define RANDOM_DIGITS 4

int proof_sign(const char *path)
{
	struct stat st;
	int rc = 0, fd;

	fd = open(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		rc = -errno;
	else if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_size)
		rc = -EPERM;
	else if (write(fd, "/", 1) < 0)
		rc = -errno;
	close(fd);
	return rc;
}

/* The end of a name that nobody can have taken beforehand. */
static int random_end(char end[RANDOM_DIGITS + 1])
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	unsigned char bytes[RANDOM_DIGITS];

	if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
		return -errno;
	for (int i = 0; i < RANDOM_DIGITS; i++)
		end[i] = digits[bytes[i] % (sizeof digits - 1)];
	end[RANDOM_DIGITS] = '\0';
	return 0;
}

int proof_make(const char *stem, unsigned *number, char path[PROOF_PATH_MAX])
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	char end[16];
	int fd = -1;

	for (int i = 0; i < TAKEN_MAX + RANDOM_MAX && fd < 0; i++) {
		if (i < TAKEN_MAX)
			snprintf(end, sizeof end, "%u", (*number)++ % PROOF_NAMES);
		else if (random_end(end) < 0)
			return -errno;
		if (snprintf(path, PROOF_PATH_MAX, "%s%s", stem, end) >= PROOF_PATH_MAX)
			return -ENAMETOOLONG;
		fd = open(path, flags, 0600);
		if (fd < 0 && errno != EEXIST)
			return -errno;
	}
	if (fd < 0)
		return -EEXIST;
	close(fd);
	return 0;
}

bool proof_take(const char *path)
{
	struct stat st;
	bool written = lstat(path, &st) == 0 && st.st_size == 1;

	unlink(path);
	return written;
}
