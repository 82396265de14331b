/* SPDX-License-Identifier: MIT */
/* Costs of packing and unpacking: each type, alone and in hundreds, in XDR and raw. */
#include "cost.h"

#define HUNDRED 100
#define MOST 2000 /* operations in a message */

static double items[2 * HUNDRED]; /* room for that many items of any type */
static char text[HUNDRED];
static int inner; /* a buffer that is packed as a whole */

static void ready_default(int n)
{
	(void)n;
	pvm_initsend(PvmDataDefault);
}

static void ready_raw(int n)
{
	(void)n;
	pvm_initsend(PvmDataRaw);
}

static void ready_in_place(int n)
{
	(void)n;
	pvm_initsend(PvmDataInPlace);
}

/* Make a message of `n` times what `pack` packs the receive buffer. */
static void ready_to_read(int encoding, void (*pack)(void), int n)
{
	pvm_freebuf(pvm_setrbuf(0));
	pvm_initsend(encoding);
	for (int i = 0; i < n; i++)
		pack();
	CHECK(pvm_setrbuf(pvm_getsbuf()) >= 0);
}

/* Functions for a type: one and a hundred items, packed and unpacked. */
#define TYPE(type, T) \
	static void pk##type##_1(void) \
	{ \
		pvm_pk##type((T *)(void *)items, 1, 1); \
	} \
	static void pk##type##_100(void) \
	{ \
		pvm_pk##type((T *)(void *)items, HUNDRED, 1); \
	} \
	static void upk##type##_1(void) \
	{ \
		CHECK(pvm_upk##type((T *)(void *)items, 1, 1) == 0); \
	} \
	static void upk##type##_100(void) \
	{ \
		CHECK(pvm_upk##type((T *)(void *)items, HUNDRED, 1) == 0); \
	} \
	static void ready_##type##_1_default(int n) \
	{ \
		ready_to_read(PvmDataDefault, pk##type##_1, n); \
	} \
	static void ready_##type##_100_default(int n) \
	{ \
		ready_to_read(PvmDataDefault, pk##type##_100, n); \
	} \
	static void ready_##type##_1_raw(int n) \
	{ \
		ready_to_read(PvmDataRaw, pk##type##_1, n); \
	} \
	static void ready_##type##_100_raw(int n) \
	{ \
		ready_to_read(PvmDataRaw, pk##type##_100, n); \
	}

TYPE(byte, char)
TYPE(short, short)
TYPE(ushort, unsigned short)
TYPE(int, int)
TYPE(uint, unsigned int)
TYPE(long, long)
TYPE(ulong, unsigned long)
TYPE(float, float)
TYPE(double, double)
TYPE(cplx, float)
TYPE(dcplx, double)

static void pkstr(void)
{
	pvm_pkstr((char *)"hello, world");
}

static void upkstr(void)
{
	CHECK(pvm_upkstr(text) == 0);
}

static void ready_str_default(int n)
{
	ready_to_read(PvmDataDefault, pkstr, n);
}

static void ready_str_raw(int n)
{
	ready_to_read(PvmDataRaw, pkstr, n);
}

static void packf(void)
{
	pvm_packf("%d %s %5lf", 1, "hello", items);
}

static void unpackf(void)
{
	int one;

	CHECK(pvm_unpackf("%d %s %5lf", &one, text, items) == 0);
}

static void ready_packf(int n)
{
	ready_to_read(PvmDataDefault, packf, n);
}

static void pkint_stride(void)
{
	pvm_pkint((int *)(void *)items, HUNDRED, 3);
}

static void upkint_stride(void)
{
	CHECK(pvm_upkint((int *)(void *)items, HUNDRED, 3) == 0);
}

static void ready_stride_raw(int n)
{
	ready_to_read(PvmDataRaw, pkint_stride, n);
}

static void ready_stride_default(int n)
{
	ready_to_read(PvmDataDefault, pkint_stride, n);
}

static void begin_inner(void)
{
	inner = pvm_mkbuf(PvmDataDefault);
	CHECK(inner > 0 && pvm_setsbuf(inner) >= 0);
	CHECK(pvm_pkint((int *)(void *)items, 10, 1) == 0);
	pvm_setsbuf(0);
}

static void pkmesg(void)
{
	CHECK(pvm_pkmesg(inner) >= 0);
}

static void pkmesgbody(void)
{
	CHECK(pvm_pkmesgbody(inner) >= 0);
}

static void upkmesg(void)
{
	int id = pvm_upkmesg();

	CHECK(id > 0);
	pvm_freebuf(id);
}

static void ready_mesg(int n)
{
	ready_to_read(PvmDataDefault, pkmesg, n);
}

static void begin_no_buffers(void)
{
	pvm_setsbuf(0);
	pvm_setrbuf(0);
}

static void ready_end(int n)
{
	(void)n;
	ready_to_read(PvmDataDefault, pkint_1, 0);
}

static void upkint_past_end(void)
{
	int one;

	pvm_upkint(&one, 1, 1);
}

static void upkstr_past_end(void)
{
	pvm_upkstr(text);
}

static void pkint_refused(void)
{
	pvm_pkint(NULL, -1, 1);
}

#define CASES(type) \
	{ "pk" #type "-default", NULL, ready_default, pk##type##_1, MOST, NULL }, \
		{ "pk" #type "-100-default", NULL, ready_default, pk##type##_100, MOST, NULL }, \
		{ "pk" #type "-raw", NULL, ready_raw, pk##type##_1, MOST, NULL }, \
		{ "pk" #type "-100-raw", NULL, ready_raw, pk##type##_100, MOST, NULL }, \
		{ "pk" #type "-100-in-place", NULL, ready_in_place, pk##type##_100, MOST, NULL }, \
		{ "upk" #type "-default", NULL, ready_##type##_1_default, upk##type##_1, MOST, \
			NULL }, \
		{ "upk" #type "-100-default", NULL, ready_##type##_100_default, upk##type##_100, \
			MOST }, \
		{ "upk" #type "-raw", NULL, ready_##type##_1_raw, upk##type##_1, MOST, NULL }, \
		{ "upk" #type "-100-raw", NULL, ready_##type##_100_raw, upk##type##_100, MOST, \
			NULL },

const struct cost_case cost_items[] = {
	CASES(byte) CASES(short) CASES(ushort) CASES(int) CASES(uint) CASES(long) CASES(ulong)
		CASES(float) CASES(double) CASES(cplx)
			CASES(dcplx){ "pkstr-default", NULL, ready_default, pkstr, MOST, NULL },
	{ "pkstr-raw", NULL, ready_raw, pkstr, MOST, NULL },
	{ "upkstr-default", NULL, ready_str_default, upkstr, MOST, NULL },
	{ "upkstr-raw", NULL, ready_str_raw, upkstr, MOST, NULL },
	{ "packf", NULL, ready_default, packf, MOST, NULL },
	{ "unpackf", NULL, ready_packf, unpackf, MOST, NULL },
	{ "pkint-stride-default", NULL, ready_default, pkint_stride, MOST, NULL },
	{ "pkint-stride-raw", NULL, ready_raw, pkint_stride, MOST, NULL },
	{ "upkint-stride-default", NULL, ready_stride_default, upkint_stride, MOST, NULL },
	{ "upkint-stride-raw", NULL, ready_stride_raw, upkint_stride, MOST, NULL },
	{ "pkmesg", begin_inner, ready_default, pkmesg, MOST, NULL },
	{ "pkmesgbody", begin_inner, ready_default, pkmesgbody, MOST, NULL },
	{ "upkmesg", begin_inner, ready_mesg, upkmesg, MOST, NULL },
	{ "pkint-without-buffer", begin_no_buffers, NULL, pkint_1, 0, NULL },
	{ "upkint-without-buffer", begin_no_buffers, NULL, upkint_past_end, 0, NULL },
	{ "upkint-past-end", NULL, ready_end, upkint_past_end, 0, NULL },
	{ "upkstr-past-end", NULL, ready_end, upkstr_past_end, 0, NULL },
	{ "pkint-refused", NULL, ready_default, pkint_refused, 0, NULL },
	{ 0 },
};
