/* SPDX-License-Identifier: MIT */
/*
 * pvm_packf and pvm_unpackf: items described by a format.
 *
 * An item is % [count] [. stride] [modifiers] kind.  Count and stride are digits
 * or * (taken from the arguments), modifiers are h, l and u, and the kinds are
 * c byte, d integer, f float, x complex, s string.  Other text is skipped.
 */
#include "calls/api.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>

/* One item of a format. */
struct spec {
	int count, stride;
	bool by_address; /* a count or stride is written */
	bool is_short, is_long, is_unsigned;
	char kind;
};

/* An argument list that can be handed on by address. */
struct arguments {
	va_list ap;
};

/* Read digits or * at *p; false: neither is there. */
static bool parse_number(const char **p, int *value, struct arguments *args)
{
	long n = 0;

	if (**p == '*') {
		++*p;
		*value = va_arg(args->ap, int);
		return true;
	}
	if (!isdigit((unsigned char)**p))
		return false;
	for (; isdigit((unsigned char)**p); ++*p)
		if (n <= INT32_MAX / 10 - 1)
			n = n * 10 + (**p - '0');
	*value = (int)n;
	return true;
}

/* Read an item whose % is behind us. Returns what follows it. */
static const char *parse_spec(const char *p, struct spec *spec, struct arguments *args)
{
	*spec = (struct spec){ .count = 1, .stride = 1 };
	if (parse_number(&p, &spec->count, args))
		spec->by_address = true;
	if (*p == '.') {
		p++;
		if (parse_number(&p, &spec->stride, args))
			spec->by_address = true;
	}
	for (;; p++) {
		if (*p == 'h')
			spec->is_short = true;
		else if (*p == 'l')
			spec->is_long = true;
		else if (*p == 'u')
			spec->is_unsigned = true;
		else
			break;
	}
	spec->kind = *p;
	return *p ? p + 1 : p;
}

/* Item type that a spec means, ITEMS: none. */
static enum item item_of(const struct spec *spec)
{
	switch (spec->kind) {
	case 'c': return ITEM_BYTE;
	case 'd':
		if (spec->is_long)
			return spec->is_unsigned ? ITEM_ULONG : ITEM_LONG;
		if (spec->is_short)
			return spec->is_unsigned ? ITEM_USHORT : ITEM_SHORT;
		return spec->is_unsigned ? ITEM_UINT : ITEM_INT;
	case 'f': return spec->is_long ? ITEM_DOUBLE : ITEM_FLOAT;
	case 'x': return spec->is_long ? ITEM_DCPLX : ITEM_CPLX;
	default: return ITEMS;
	}
}

/* Pack an item that stands in the argument list itself. */
static int pack_value(struct message *m, enum item item, struct arguments *args)
{
	union {
		char c;
		short s;
		int i;
		long l;
		float f;
		double d;
	} v;

	if (m->enc == WIRE_ENC_INPLACE)
		return PvmNotImpl;
	switch (item) {
	case ITEM_BYTE: v.c = (char)va_arg(args->ap, int); break;
	case ITEM_SHORT:
	case ITEM_USHORT: v.s = (short)va_arg(args->ap, int); break;
	case ITEM_LONG:
	case ITEM_ULONG: v.l = va_arg(args->ap, long); break;
	case ITEM_FLOAT: v.f = (float)va_arg(args->ap, double); break;
	case ITEM_DOUBLE: v.d = va_arg(args->ap, double); break;
	default: v.i = va_arg(args->ap, int); break;
	}
	return m->codec->pack(m, item, (const char *)&v, 1, pvm__item_size[item]);
}

/* Pack an item from its address. */
static int pack_array(struct message *m, enum item item, const struct spec *spec, const char *p)
{
	if (spec->count == 0)
		return 0;
	return m->codec->pack(m, item, p, spec->count,
		(ptrdiff_t)spec->stride * pvm__item_size[item]);
}

static int pack_spec(const struct spec *spec, struct arguments *args)
{
	enum item item = item_of(spec);
	struct message *m = pvm__task.sbuf;

	if ((item == ITEMS && spec->kind != 's') || spec->count < 0)
		return PvmBadParam;
	if (spec->kind == 's') {
		const char *text = va_arg(args->ap, char *);

		return text ? pvm__put_str(m, text) : PvmBadParam;
	}
	if (spec->by_address || spec->kind == 'x')
		return pack_array(m, item, spec, va_arg(args->ap, char *));
	return pack_value(m, item, args);
}

static int unpack_spec(const struct spec *spec, struct arguments *args)
{
	enum item item = item_of(spec);
	struct message *m = pvm__task.rbuf;
	char *p;

	if ((item == ITEMS && spec->kind != 's') || spec->count < 0)
		return PvmBadParam;
	p = va_arg(args->ap, char *);
	if (spec->kind == 's')
		return pvm__unpack_text(m, p);
	if (spec->count == 0)
		return 0;
	return m->codec->unpack(m, item, p, spec->count,
		(ptrdiff_t)spec->stride * pvm__item_size[item]);
}

/* Do every item of a format with a buffer: 0, PvmNoBuf or the first error. */
static int each_spec(const struct message *buffer, const char *p, struct arguments *args,
	int (*act)(const struct spec *, struct arguments *))
{
	struct spec spec;
	int code = buffer ? 0 : PvmNoBuf;

	while (code == 0 && (p = strchr(p, '%'))) {
		p = parse_spec(p + 1, &spec, args);
		code = act(&spec, args);
	}
	return code;
}

/* pvm_packf with an argument list. */
int pvm_vpackf(const char *format, va_list ap)
{
	struct arguments args;
	int code = format ? 0 : PvmBadParam;

	API_ENTER(TEV_PACKF, TEV_DID_PF, format);
	va_copy(args.ap, ap);
	if (code == 0 && strncmp(format, "%+", 2) == 0) {
		format += 2;
		code = pvm__renew_send_buffer(va_arg(args.ap, int));
	}
	if (code >= 0)
		code = each_spec(pvm__task.sbuf, format, &args, pack_spec);
	va_end(args.ap);
	return API_LEAVE(TEV_PACKF, TEV_DID_CC, pvm__result("pvm_packf", code));
}

/* pvm_unpackf with an argument list. */
int pvm_vunpackf(const char *format, va_list ap)
{
	struct arguments args;
	int code = PvmBadParam;

	API_ENTER(TEV_UNPACKF, TEV_DID_PF, format);
	va_copy(args.ap, ap);
	if (format)
		code = each_spec(pvm__task.rbuf, format, &args, unpack_spec);
	va_end(args.ap);
	return API_LEAVE(TEV_UNPACKF, TEV_DID_CC, pvm__result("pvm_unpackf", code));
}

/*
 * Pack items as the format says: with a count or stride from an address, else
 * by value (complex: always from an address). A format that begins with %+ takes
 * an encoding from the arguments and calls pvm_initsend first. 0, PvmNoBuf whatever the
 * format, or the error of the first item that failed; PvmBadParam for an unknown kind.
 */
int pvm_packf(const char *format, ...)
{
	va_list ap;
	int code;

	va_start(ap, format);
	code = pvm_vpackf(format, ap);
	va_end(ap);
	return code;
}

/* Unpack items to the addresses given, as the format says. */
int pvm_unpackf(const char *format, ...)
{
	va_list ap;
	int code;

	va_start(ap, format);
	code = pvm_vunpackf(format, ap);
	va_end(ap);
	return code;
}
