/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include "error.h"
#include "api.h"

static struct {
	int code;    /* of the last call */
	int watched; /* first one since hpvm__watch */
	int quiet;
	char text[1024];
} last;

int hpvm__fail(int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(last.text, sizeof last.text, format, args);
	va_end(args);
	last.code = code;
	if (last.watched == HPVM_OK)
		last.watched = code;
	if (!last.quiet)
		fprintf(stderr, "hpvm: %s\n", last.text);
	return code;
}

int hpvm__good(void)
{
	return last.code = HPVM_OK;
}

void hpvm__say(const char *format, ...)
{
	char text[sizeof last.text];
	va_list args;

	if (last.quiet)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	fprintf(stderr, "hpvm: %s\n", text);
}

void hpvm__watch(void)
{
	last.watched = HPVM_OK;
}

int hpvm__watched(void)
{
	return last.watched;
}

void hpvm__set_autoerr(long value)
{
	last.quiet = !value;
}

int hpvm_errno(void)
{
	return last.code;
}

const char *hpvm_error(void)
{
	return last.text;
}
