/* SPDX-License-Identifier: MIT */
/* Messages from and to argument lists. */
#include "message/message.h"

#include <stdarg.h>

static int put_list(struct message *m, const char *format, va_list ap)
{
	int code = 0;

	for (; *format && code == 0; format++)
		switch (*format) {
		case 'i': code = pvm__put_int(m, va_arg(ap, int)); break;
		case 's': code = pvm__put_str(m, va_arg(ap, char *)); break;
		case 'v': {
			int *values = va_arg(ap, int *);

			code = pvm__put_ints(m, values, va_arg(ap, int));
			break;
		}
		case 'm': code = pvm__put_message(m, va_arg(ap, struct message *)); break;
		}
	return code;
}

int pvm__put(struct message *m, const char *format, ...)
{
	va_list ap;
	int code;

	va_start(ap, format);
	code = put_list(m, format, ap);
	va_end(ap);
	return code;
}

struct message *pvm__compose(const char *format, ...)
{
	struct message *m = pvm__message_new(WIRE_ENC_XDR);
	va_list ap;
	int code;

	if (!m)
		return NULL;
	va_start(ap, format);
	code = put_list(m, format, ap);
	va_end(ap);
	if (code == 0)
		return m;
	pvm__message_unref(m);
	return NULL;
}

int pvm__get(struct message *m, const char *format, ...)
{
	va_list ap;
	int code = 0;

	va_start(ap, format);
	for (; *format && code == 0; format++)
		switch (*format) {
		case 'i': code = pvm__get_int(m, va_arg(ap, int *)); break;
		case 's': code = pvm__get_str(m, va_arg(ap, char **)); break;
		case 'v': {
			int *values = va_arg(ap, int *);

			code = pvm__get_ints(m, values, va_arg(ap, int));
			break;
		}
		}
	va_end(ap);
	return code;
}
