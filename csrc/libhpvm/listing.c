/* SPDX-License-Identifier: MIT */
/* Reader of hpvm.tree. */
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "listing.h"

enum { FIELDS = 6, LINE = 4096, DIGITS = 9 };
enum { HASH, SIZE, ARGTYPE, COMPILER, FLAGS, PATH };

static const char first_line[] = HPVM_LISTING_NAME " 1";

/* A number of digits only, up to `most`; -1 if it is none. */
static long number(const char *text, long most)
{
	long value = 0;

	if (!*text || strlen(text) > DIGITS || strspn(text, "0123456789") != strlen(text))
		return -1;
	while (*text)
		value = value * 10 + (*text++ - '0');
	return value <= most ? value : -1;
}

/* Cut a line at its tabs; false if it has not as many fields as a kernel's line. */
static bool cut(char *line, char **fields)
{
	for (int i = 0; i < FIELDS; i++) {
		fields[i] = line;
		if (i < FIELDS - 1) {
			line = strchr(line, '\t');
			if (!line)
				return false;
			*line++ = 0;
		}
	}
	return !strchr(line, '\t');
}

/* Take the part of a path before the next slash as a level's name, and move behind it. */
static bool take_level(const char **path, char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._+-";
	size_t n = strcspn(*path, "/");

	if (n == 0 || n >= HPVM_LEVEL_NAME || (*path)[n] != '/' || (*path)[0] == '.' ||
		strspn(*path, allowed) < n)
		return false;
	memcpy(name, *path, n);
	name[n] = 0;
	*path += n + 1;
	return true;
}

static bool take_path(const char *path, struct hpvm_listed *listed)
{
	const char *at = path;

	if (strlen(path) >= sizeof listed->path)
		return false;
	strcpy(listed->path, path);
	listed->os[0] = listed->level[0] = 0;
	if (strcmp(path, HPVM_SOURCE_PATH) == 0) {
		strcpy(listed->arch, HPVM_SOURCE);
		return true;
	}
	return take_level(&at, listed->arch) && take_level(&at, listed->os) &&
		take_level(&at, listed->level) && strcmp(at, "kernel.so") == 0 &&
		strcmp(listed->arch, HPVM_SOURCE) != 0;
}

/* A line as a kernel; what is wrong with it, NULL if nothing. */
static const char *take_kernel(char *line, struct hpvm_listed *listed)
{
	char *fields[FIELDS];

	if (!cut(line, fields))
		return "a kernel has six fields with a tab between them";
	if (strlen(fields[HASH]) != HPVM_HASH_TEXT - 1 ||
		!hpvm_hash_read(fields[HASH], listed->hash))
		return "the first field is no SHA-256";
	listed->size = number(fields[SIZE], HPVM_KERNEL_SIZE);
	if (listed->size <= 0)
		return "the size is no number from 1 to 67108864";
	listed->argtype = (int)number(fields[ARGTYPE], INT_MAX);
	if (listed->argtype < 0)
		return "the argument type is no number";
	if (!take_path(fields[PATH], listed))
		return "the path is not ARCH/OS/LEVEL/kernel.so";
	return NULL;
}

static bool is_listed(const struct hpvm_listed *listed, int n, const char *path)
{
	for (int i = 0; i < n; i++)
		if (strcmp(listed[i].path, path) == 0)
			return true;
	return false;
}

/* Take a line behind the first one; what is wrong with it, NULL if nothing. */
static const char *take_line(char *line, struct hpvm_listed *listed, int *n)
{
	struct hpvm_listed one;
	const char *fault;

	if (!*line || *line == '#')
		return NULL;
	fault = take_kernel(line, &one);
	if (fault)
		return fault;
	if (is_listed(listed, *n, one.path))
		return "this path is listed twice";
	if (*n == HPVM_TREE_KERNELS)
		return "there are more than 512 kernels";
	listed[(*n)++] = one;
	return NULL;
}

/* Copy the next line without its end, and move on; false if it cannot be one. */
static bool next_line(const char **text, size_t *left, char *line)
{
	const char *end = memchr(*text, '\n', *left);
	size_t n = end ? (size_t)(end - *text) : *left;

	if (n >= LINE || memchr(*text, 0, n))
		return false;
	memcpy(line, *text, n);
	line[n] = 0;
	n += end != NULL;
	*text += n;
	*left -= n;
	return true;
}

int hpvm_listing_read(const char *text, size_t size, struct hpvm_listed *listed, char *why,
	size_t room)
{
	const char *fault = NULL;
	char line[LINE];
	int n = 0;

	for (int at = 1; size && !fault; at++) {
		if (!next_line(&text, &size, line))
			fault = "this is no line of text";
		else if (at > 1)
			fault = take_line(line, listed, &n);
		else if (strcmp(line, first_line) != 0)
			fault = "this is not \"hpvm.tree 1\": another version of hpvm-build made it";
		if (fault)
			snprintf(why, room, "line %d: %s", at, fault);
	}
	if (!fault && n == 0)
		snprintf(why, room, "lists no kernel");
	return fault || n == 0 ? -1 : n;
}
