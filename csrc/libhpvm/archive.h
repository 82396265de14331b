/* SPDX-License-Identifier: MIT */
/* A kernel tree in one file: a ustar archive (POSIX.1-1988) that lies in memory. */
#ifndef HPVM_ARCHIVE_H
#define HPVM_ARCHIVE_H

#include <stddef.h>

enum { HPVM_MEMBER_NAME = 257 };

/* A regular file in an archive; its bytes lie in the archive. */
struct hpvm_member {
	char name[HPVM_MEMBER_NAME]; /* relative, without "." and ".." */
	const unsigned char *bytes;
	size_t size;
};

/*
 * The next regular file behind the place *at, which begins as 0 and is moved on; directories are
 * passed over. 1 with *member filled in, 0 at the end, -1 with *why, a sentence's end such as
 * "is cut off at byte 1024", if the archive is bad: then nothing of it is to be used.
 */
int hpvm_archive_next(const unsigned char *bytes, size_t size, size_t *at,
	struct hpvm_member *member, const char **why);

#endif
