/* SPDX-License-Identifier: MIT */
/*
 * Reader of ustar archives. It takes what hpvm-build and `tar --format=ustar` write, of which only
 * files and directories; an archive with anything else in it is refused as a whole.
 */
#include <stdbool.h>
#include <string.h>
#include "archive.h"

/* A header: offsets and lengths of its fields. */
enum {
	RECORD = 512,
	NAME = 0,
	NAME_ROOM = 100,
	SIZE = 124,
	SIZE_ROOM = 12,
	SUM = 148,
	SUM_ROOM = 8,
	KIND = 156,
	MAGIC = 257,
	PREFIX = 345,
	PREFIX_ROOM = 155,
};

enum { FILE_KIND = '0', DIRECTORY_KIND = '5' };

/* An octal number, which blanks may precede and a blank or NUL ends; -1 if it is none. */
static long long octal(const unsigned char *at, size_t room)
{
	long long value = 0;
	size_t i = 0, begin;

	while (i < room && at[i] == ' ')
		i++;
	for (begin = i; i < room && at[i] >= '0' && at[i] <= '7'; i++)
		value = value * 8 + (at[i] - '0');
	if (i == begin || (i < room && at[i] && at[i] != ' '))
		return -1;
	return value;
}

/* The sum of the header's bytes, those of the sum itself counted as blanks. */
static bool sum_is_right(const unsigned char *header)
{
	long long sum = 0;

	for (size_t i = 0; i < RECORD; i++)
		sum += i >= SUM && i < SUM + SUM_ROOM ? ' ' : header[i];
	return octal(header + SUM, SUM_ROOM) == sum;
}

static bool all_zero(const unsigned char *record)
{
	for (size_t i = 0; i < RECORD; i++)
		if (record[i])
			return false;
	return true;
}

static size_t field_length(const unsigned char *field, size_t room)
{
	const unsigned char *end = memchr(field, 0, room);

	return end ? (size_t)(end - field) : room;
}

/* A field, to the end of the name. */
static void append(char *name, const unsigned char *field, size_t room)
{
	size_t n = strlen(name), length = field_length(field, room);

	memcpy(name + n, field, length);
	name[n + length] = 0;
}

/* Put the name together, without "./" at its beginning and "/" at its end. */
static void join_name(char *name, const unsigned char *header)
{
	size_t n;

	name[0] = 0;
	append(name, header + PREFIX, PREFIX_ROOM);
	if (name[0])
		strcat(name, "/");
	append(name, header + NAME, NAME_ROOM);
	n = strlen(name);
	while (n && name[n - 1] == '/')
		name[--n] = 0;
	while (strncmp(name, "./", 2) == 0)
		memmove(name, name + 2, strlen(name + 2) + 1);
	if (strcmp(name, ".") == 0)
		name[0] = 0;
}

/* Does the name stay below the place at which the archive lies? */
static bool name_is_safe(const char *name)
{
	while (*name) {
		size_t n = strcspn(name, "/");

		if (n == 0 || (n == 1 && name[0] == '.') ||
			(n == 2 && name[0] == '.' && name[1] == '.'))
			return false;
		name += n;
		if (*name == '/' && !*++name)
			return false;
	}
	return true;
}

/* What is wrong with a header; NULL if nothing. */
static const char *header_fault(const unsigned char *header)
{
	if (memcmp(header + MAGIC, "ustar", 5) != 0)
		return "is no ustar archive";
	if (!sum_is_right(header))
		return "has a header with a wrong sum";
	/* Old archives mark files with a NUL. */
	if (header[KIND] && header[KIND] != FILE_KIND && header[KIND] != DIRECTORY_KIND)
		return "holds something else than files and directories";
	return NULL;
}

/* Move on behind a member of so many bytes; false if the archive ends before. */
static bool pass(size_t size, size_t *at, long long bytes)
{
	size_t left = size - *at;

	if (bytes < 0 || (unsigned long long)bytes > left)
		return false;
	bytes = (bytes + RECORD - 1) / RECORD * RECORD;
	*at += (unsigned long long)bytes > left ? left : (size_t)bytes;
	return true;
}

/* Read one header and move on: 1 a file, 0 a directory, -1 with *why. */
static int take_member(const unsigned char *bytes, size_t size, size_t *at,
	struct hpvm_member *member, const char **why)
{
	const unsigned char *header = bytes + *at;
	long long length;

	*why = header_fault(header);
	if (*why)
		return -1;
	join_name(member->name, header);
	*why = "holds a name that leads out of it";
	if (!name_is_safe(member->name) || (!member->name[0] && header[KIND] != DIRECTORY_KIND))
		return -1;
	length = octal(header + SIZE, SIZE_ROOM);
	*at += RECORD;
	member->bytes = bytes + *at;
	*why = "is cut off";
	if (!pass(size, at, length))
		return -1;
	member->size = (size_t)length;
	return header[KIND] != DIRECTORY_KIND;
}

int hpvm_archive_next(const unsigned char *bytes, size_t size, size_t *at,
	struct hpvm_member *member, const char **why)
{
	int rc = 0;

	while (rc == 0) {
		*why = "is cut off";
		if (size - *at < RECORD)
			return -1;
		if (all_zero(bytes + *at))
			return 0;
		rc = take_member(bytes, size, at, member, why);
	}
	return rc;
}
