/* SPDX-License-Identifier: MIT */
/* Bytes and text, without libc; what compilers call by themselves included. */
#include "restart.h"

void *memcpy(void *to, const void *from, size_t n)
{
	void *at = to;

	__asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(n) : : "memory");
	return to;
}

void *memset(void *to, int byte, size_t n)
{
	void *at = to;

	__asm__ volatile("rep stosb" : "+D"(at), "+c"(n) : "a"(byte) : "memory");
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *x = a, *y = b;

	for (; n && *x == *y; n--) {
		x++;
		y++;
	}
	return n ? *x - *y : 0;
}

size_t text_length(const char *text)
{
	size_t n = 0;

	while (text[n])
		n++;
	return n;
}

bool same_text(const char *a, const char *b)
{
	size_t n = text_length(a);

	return n == text_length(b) && memcmp(a, b, n) == 0;
}

const char *find_behind(const char *at, size_t n, const char *beginning)
{
	size_t length = text_length(beginning);

	for (; n >= length; at++, n--)
		if (memcmp(at, beginning, length) == 0)
			return at + length;
	return NULL;
}

/* The value of a digit; more than any base if it is none. */
static unsigned digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 16;
}

uint64_t take_number(const char **at, unsigned base)
{
	uint64_t value = 0;

	for (; digit_of(**at) < base; ++*at)
		value = value * base + digit_of(**at);
	return value;
}

void descriptor_path(char *path, int fd)
{
	static const char beginning[] = "/proc/self/fd/";
	char digits[12];
	unsigned n = 0, length = sizeof beginning - 1;

	memcpy(path, beginning, length);
	do
		digits[n++] = (char)('0' + fd % 10);
	while (fd /= 10);
	while (n)
		path[length++] = digits[--n];
	path[length] = 0;
}
