/* SPDX-License-Identifier: MIT */
/* Files of /proc by lines, numbers in them; the note of a reason. */
#define _GNU_SOURCE 1
#include "checkpoint/inside.h"

#ifdef IMAGE_POSSIBLE
#include <fcntl.h>

bool pvm__image_lines_open(struct lines *lines, const char *path, char *buffer)
{
	lines->fd = (int)raw(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	lines->buffer = buffer;
	lines->begin = lines->end = 0;
	return lines->fd >= 0;
}

void pvm__image_lines_close(struct lines *lines)
{
	if (lines->fd >= 0)
		raw(SYS_close, lines->fd);
	lines->fd = -1;
}

/* Read more behind what is there; false at the end. */
static bool read_more(struct lines *lines)
{
	unsigned kept = lines->end - lines->begin;
	long n;

	for (unsigned i = 0; i < kept; i++)
		lines->buffer[i] = lines->buffer[lines->begin + i];
	lines->begin = 0;
	lines->end = kept;
	if (lines->fd < 0 || kept >= LINE_ROOM - 1)
		return false;
	n = raw(SYS_read, lines->fd, lines->buffer + kept, LINE_ROOM - 1 - kept);
	if (n <= 0)
		return false;
	lines->end += (unsigned)n;
	return true;
}

char *pvm__image_lines_next(struct lines *lines)
{
	unsigned at = lines->begin;
	char *line;

	for (;; at++) {
		if (at == lines->end) {
			at -= lines->begin;
			if (!read_more(lines))
				break;
		}
		if (lines->buffer[at] == '\n')
			break;
	}
	line = lines->buffer + lines->begin;
	if (at == lines->end && lines->begin == lines->end) {
		pvm__image_lines_close(lines);
		return NULL;
	}
	lines->buffer[at] = 0;
	lines->begin = at == lines->end ? at : at + 1;
	return line;
}

/* The value of a digit; more than any base if it is none. */
static unsigned digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 16;
}

uint64_t pvm__image_number(const char **at, unsigned base)
{
	uint64_t value = 0;

	for (; digit_of(**at) < base; ++*at)
		value = value * base + digit_of(**at);
	if (**at)
		++*at;
	return value;
}

size_t pvm__image_length(const char *text)
{
	size_t length = 0;

	while (text[length])
		length++;
	return length;
}

const char *pvm__image_behind(const char *text, const char *beginning)
{
	while (*beginning)
		if (*text++ != *beginning++)
			return NULL;
	return text;
}

int pvm__image_numbered(char *text, const char *beginning, int fd)
{
	char digits[12];
	int n = 0, length = 0;

	for (; beginning[length]; length++)
		text[length] = beginning[length];
	do
		digits[n++] = (char)('0' + fd % 10);
	while (fd /= 10);
	while (n)
		text[length++] = digits[--n];
	text[length] = 0;
	return length;
}

int pvm__image_refuse(struct job *job, enum image_reason reason, long detail, const char *where)
{
	struct image_report *report = job->report;
	unsigned i = 0;

	for (; where && where[i] && i < IMAGE_WHERE_MAX - 1; i++)
		report->where[i] = where[i];
	report->where[i] = 0;
	report->reason = reason;
	report->detail = detail;
	return -1;
}
#endif
