/* SPDX-License-Identifier: MIT */
/* Reasons, in one line. */
#include <stdarg.h>

#include "restart.h"

/* A line that is written; what does not fit is cut. */
struct line {
	char text[512];
	unsigned n;
};

static void add_text(struct line *line, const char *text)
{
	while (*text && line->n < sizeof line->text - 1)
		line->text[line->n++] = *text++;
}

static void add_number(struct line *line, uint64_t value, unsigned base)
{
	char digits[24];
	unsigned n = sizeof digits;

	digits[--n] = 0;
	do
		digits[--n] = "0123456789abcdef"[value % base];
	while (value /= base);
	add_text(line, digits + n);
}

static void add_argument(struct line *line, char kind, va_list *arguments)
{
	if (kind == 's')
		add_text(line, va_arg(*arguments, const char *));
	else
		add_number(line, va_arg(*arguments, uint64_t), kind == 'x' ? 16 : 10);
}

static void say(const struct restart *r, struct line *line)
{
	line->text[line->n++] = '\n';
	raw(SYS_write, r->report, line->text, line->n);
}

void refuse(const struct restart *r, const char *format, ...)
{
	struct line line = { .n = 0 };
	va_list arguments;

	add_text(&line, "pvmrestart: ");
	if (r->from && r->from != &r->image) {
		add_text(&line, "of base ");
		add_number(&line, (uint64_t)(r->from - r->bases) + 1, 10);
		add_text(&line, ": ");
	}
	va_start(arguments, format);
	for (; *format; format++) {
		char letter[2] = { *format, 0 };

		if (*format == '%')
			add_argument(&line, *++format, &arguments);
		else
			add_text(&line, letter);
	}
	va_end(arguments);
	say(r, &line);
	for (;;)
		raw(SYS_exit_group, r->gone ? TOO_LATE : REFUSED);
}

void tell(const struct restart *r, const char *text)
{
	struct line line = { .n = 0 };

	add_text(&line, text);
	if (r->told)
		say(r, &line);
}
