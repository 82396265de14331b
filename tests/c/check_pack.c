/* SPDX-License-Identifier: MIT */
/* Packing and unpacking without sending: every type, strides, formats, nesting, errors. */
#include <limits.h>

#include "check.h"

/* Make the current send buffer the receive buffer; the id. */
static int turn(void)
{
	int id = pvm_getsbuf();

	pvm_setrbuf(id);
	return id;
}

#define ROUND_TRIP(type, name, ...) \
	do { \
		type in[] = { __VA_ARGS__ }, out[sizeof in / sizeof *in]; \
		int n = sizeof in / sizeof *in, id; \
		memset(out, 0x5a, sizeof out); \
		pvm_initsend(encoding); \
		CHECK_INT(pvm_pk##name(in, n, 1), 0); \
		id = turn(); \
		CHECK_INT(pvm_upk##name(out, n, 1), 0); \
		CHECK(memcmp(in, out, sizeof in) == 0); \
		CHECK_INT(pvm_upk##name(out, 1, 1), PvmNoData); \
		pvm_freebuf(id); \
	} while (0)

static void types(int encoding)
{
	float cplx[] = { 1.5f, -2.5f, 3e38f, 1e-38f }, cplx_out[4];
	double dcplx[] = { 1.5, -2.5, 1e308, 5e-324 }, dcplx_out[4];

	ROUND_TRIP(char, byte, 'a', 0, -1, 'z', 127);
	ROUND_TRIP(short, short, 0, 1, -1, SHRT_MAX, SHRT_MIN);
	ROUND_TRIP(unsigned short, ushort, 0, 1, 32768, 65535);
	ROUND_TRIP(int, int, 0, 1, -1, INT_MAX, INT_MIN);
	ROUND_TRIP(unsigned, uint, 0, 1, UINT_MAX);
	ROUND_TRIP(long, long, 0, 1, INT_MAX);
	ROUND_TRIP(unsigned long, ulong, 0, 1, UINT_MAX);
	ROUND_TRIP(float, float, 0, 1.5f, -3e38f, 1e-38f);
	ROUND_TRIP(double, double, 0, 1.5, -1e308, 5e-324);

	pvm_initsend(encoding);
	CHECK_INT(pvm_pkcplx(cplx, 2, 1), 0);
	CHECK_INT(pvm_pkdcplx(dcplx, 2, 1), 0);
	turn();
	CHECK_INT(pvm_upkcplx(cplx_out, 2, 1), 0);
	CHECK_INT(pvm_upkdcplx(dcplx_out, 2, 1), 0);
	CHECK(memcmp(cplx, cplx_out, sizeof cplx) == 0);
	CHECK(memcmp(dcplx, dcplx_out, sizeof dcplx) == 0);
	pvm_freebuf(pvm_getrbuf());
}

static void strings(int encoding)
{
	char out[100];

	pvm_initsend(encoding);
	CHECK_INT(pvm_pkstr(""), 0);
	CHECK_INT(pvm_pkstr("hello, world"), 0);
	turn();
	memset(out, 'x', sizeof out);
	CHECK_INT(pvm_upkstr(out), 0);
	CHECK_TEXT(out, "");
	CHECK_INT(out[1], 'x');
	CHECK_INT(pvm_upkstr(out), 0);
	CHECK_TEXT(out, "hello, world");
	CHECK_INT(pvm_upkstr(out), PvmNoData);
	pvm_freebuf(pvm_getrbuf());
}

static void strides(int encoding)
{
	int in[] = { 1, 2, 3, 4, 5, 6, 7 }, out[7] = { 0 };
	double pairs[] = { 1, 2, 3, 4, 5, 6, 7, 8 }, pairs_out[8] = { 0 };

	pvm_initsend(encoding);
	CHECK_INT(pvm_pkint(in, 3, 3), 0);
	CHECK_INT(pvm_pkint(in, 2, 0), 0);
	CHECK_INT(pvm_pkint(in + 6, 2, -2), 0);
	CHECK_INT(pvm_pkdcplx(pairs, 2, 2), 0);
	turn();
	CHECK_INT(pvm_upkint(out, 3, 2), 0);
	CHECK(out[0] == 1 && out[1] == 0 && out[2] == 4 && out[3] == 0 && out[4] == 7);
	CHECK_INT(pvm_upkint(out, 2, 1), 0);
	CHECK(out[0] == 1 && out[1] == 1);
	CHECK_INT(pvm_upkint(out + 1, 2, -1), 0);
	CHECK(out[1] == 7 && out[0] == 5);
	CHECK_INT(pvm_upkdcplx(pairs_out, 2, 3), 0);
	CHECK(pairs_out[0] == 1 && pairs_out[1] == 2 && pairs_out[6] == 5 && pairs_out[7] == 6);
	CHECK(pairs_out[2] == 0 && pairs_out[5] == 0);
	pvm_freebuf(pvm_getrbuf());
}

static void parameters(void)
{
	int value = 1, out[5] = { 0 };
	char text[4] = "abc";

	CHECK_INT(pvm_pkint(&value, 1, 1), PvmNoBuf);
	CHECK_INT(pvm_pkint(&value, -1, 1), PvmBadParam);
	CHECK_INT(pvm_pkstr(text), PvmNoBuf);
	CHECK_INT(pvm_upkint(&value, 1, 1), PvmNoBuf);
	CHECK_INT(pvm_upkint(&value, -1, 1), PvmBadParam);
	CHECK_INT(pvm_upkstr(text), PvmNoBuf);
	pvm_initsend(PvmDataDefault);
	CHECK_INT(pvm_pkint(&value, 0, 1), 0);
	CHECK_INT(pvm_pkbyte(text, -1, 1), PvmBadParam);
	for (value = 1; value <= 3; value++)
		CHECK_INT(pvm_pkint(&value, 1, 1), 0);
	turn();
	CHECK_INT(pvm_upkint(out, 5, 1), PvmNoData);
	CHECK(out[0] == 1 && out[1] == 2 && out[2] == 3);
	CHECK_INT(pvm_upkint(out, 1, 1), PvmNoData);
	pvm_freebuf(pvm_getrbuf());
}

static void in_place(void)
{
	int value[4] = { 1, 2, 3, 4 }, bytes = -1;

	pvm_initsend(PvmDataInPlace);
	CHECK_INT(pvm_pkint(value, 2, 2), PvmNotImpl);
	CHECK_INT(pvm_pkint(value, 2, 0), PvmNotImpl);
	CHECK_INT(pvm_pkstr("text"), PvmNotImpl);
	CHECK_INT(pvm_pkint(value, 4, 1), 0);
	CHECK_INT(pvm_bufinfo(pvm_getsbuf(), &bytes, NULL, NULL), 0);
	CHECK_INT(bytes, 0);
	turn();
	CHECK_INT(pvm_upkint(value, 1, 1), PvmBadMsg);
	pvm_freebuf(pvm_getrbuf());
}

static void long_values(void)
{
	long value = check_ours("library") ? 0x123456789aL : 1, big = 0x123456789aL;

	pvm_initsend(PvmDataRaw);
	CHECK_INT(pvm_pklong(&big, 1, 1), 0);
	turn();
	value = 0;
	CHECK_INT(pvm_upklong(&value, 1, 1), 0);
	CHECK_INT(value, big);
	pvm_freebuf(pvm_getrbuf());
	if (!check_ours("library") || sizeof big == 4)
		return;
	pvm_initsend(PvmDataDefault);
	CHECK_INT(pvm_pklong(&big, 1, 1), PvmOverflow);
	CHECK_INT(pvm_pkulong((unsigned long *)&big, 1, 1), PvmOverflow);
	value = 5;
	CHECK_INT(pvm_pklong(&value, 1, 1), 0);
	turn();
	CHECK_INT(pvm_upklong(&value, 1, 1), 0);
	CHECK_INT(value, 5);
	pvm_freebuf(pvm_getrbuf());
}

static void formats(void)
{
	char text[20] = "text", text_out[20];
	int array[] = { 1, 2, 3 }, array_out[3], count = 3, stride = 1, id;
	short small_out;
	long large_out;
	float single_out;
	double real_out, pair[] = { 1, 2 }, pair_out[2];
	char byte_out;
	unsigned short ushort_out;

	id = pvm_packf("%+ %s %hd %ld %f %lf %c", PvmDataDefault, text, 7, 8L, 1.5, 2.5, 'x');
	CHECK_CODE("pvm_packf() of scalars", id >= 0, 1);
	CHECK_INT(pvm_packf("some %*.*d text %3d %1lx", count, stride, array, array, pair), 0);
	CHECK_INT(pvm_packf("%hud", 65535), 0);
	turn();
	CHECK_CODE("pvm_unpackf() of scalars",
		pvm_unpackf("%s %hd %ld %f %lf %c", text_out, &small_out, &large_out, &single_out,
			&real_out, &byte_out),
		0);
	CHECK_TEXT(text_out, "text");
	CHECK(small_out == 7 && large_out == 8 && single_out == 1.5f && real_out == 2.5);
	CHECK_INT(byte_out, 'x');
	CHECK_INT(pvm_unpackf("%*d", count, array_out), 0);
	CHECK(memcmp(array, array_out, sizeof array) == 0);
	CHECK_INT(pvm_unpackf("%3d%lx", array_out, pair_out), 0);
	CHECK(memcmp(array, array_out, sizeof array) == 0 && pair_out[1] == 2);
	CHECK_INT(pvm_unpackf("%hud", &ushort_out), 0);
	CHECK_INT(ushort_out, 65535);
	CHECK_INT(pvm_unpackf("%d", array_out), PvmNoData);
	pvm_freebuf(pvm_getrbuf());

	CHECK_INT(pvm_packf("%d", 1), PvmNoBuf);
	CHECK_INT(pvm_packf(""), PvmNoBuf);
	CHECK_INT(pvm_packf("text"), PvmNoBuf);
	CHECK_INT(pvm_packf("%q"), PvmNoBuf);
	CHECK_INT(pvm_packf("%+", 3), PvmBadParam);
	pvm_initsend(PvmDataDefault);
	CHECK_INT(pvm_packf("%q", 1), PvmBadParam);
	CHECK_INT(pvm_packf("%d %i", 4, 5), PvmBadParam);
	CHECK_INT(pvm_packf("%"), PvmBadParam);
	turn();
	CHECK_INT(pvm_unpackf("%d", array_out), 0);
	CHECK_INT(array_out[0], 4);
	pvm_freebuf(pvm_getrbuf());
}

static void nested(int encoding)
{
	int inner, outer, got, value = 42, body[2] = { 7, 8 };
	char text[20];

	inner = pvm_mkbuf(PvmDataDefault);
	pvm_setsbuf(inner);
	CHECK_INT(pvm_pkint(&value, 1, 1), 0);
	CHECK_INT(pvm_pkstr("inside"), 0);
	pvm_setsbuf(0);
	CHECK_INT(pvm_pkmesg(inner), PvmNoBuf);
	outer = pvm_initsend(encoding);
	CHECK_INT(pvm_pkmesg(0), PvmBadParam);
	CHECK_INT(pvm_pkmesg(outer), PvmBadParam);
	CHECK_INT(pvm_pkmesg(4711), PvmNoSuchBuf);
	CHECK_INT(pvm_pkint(body, 1, 1), 0);
	CHECK_INT(pvm_pkmesg(inner), 0);
	CHECK_INT(pvm_pkint(body + 1, 1, 1), 0);
	CHECK_INT(pvm_pkmesgbody(inner), encoding == PvmDataDefault ? 0 : PvmMismatch);
	turn();
	CHECK_INT(pvm_upkint(&value, 1, 1), 0);
	CHECK_INT(value, 7);
	got = pvm_upkmesg();
	CHECK(got > 0);
	CHECK_INT(pvm_upkint(&value, 1, 1), 0);
	CHECK_INT(value, 8);
	pvm_setrbuf(got);
	CHECK_INT(pvm_upkint(&value, 1, 1), 0);
	CHECK_INT(value, 42);
	CHECK_INT(pvm_upkstr(text), 0);
	CHECK_TEXT(text, "inside");
	CHECK_INT(pvm_upkmesg(), PvmNoData);
	pvm_freebuf(got);
	CHECK_INT(pvm_upkmesg(), PvmNoBuf);
	pvm_freebuf(outer);
	pvm_freebuf(inner);
}

static void small_fragments(int encoding)
{
	enum { COUNT = 1000 };
	static double in[COUNT], out[COUNT];
	static char bytes[COUNT], bytes_out[COUNT];
	int size = pvm_getopt(PvmFragSize);

	for (int i = 0; i < COUNT; i++) {
		in[i] = i * 1.25;
		bytes[i] = i;
	}
	for (int step = 52; step < 200; step += 4) {
		pvm_setopt(PvmFragSize, step);
		pvm_initsend(encoding);
		for (int i = 0; i < COUNT; i += 50) {
			pvm_pkbyte(bytes + i, 50, 1);
			pvm_pkdouble(in + i, 50, 1);
		}
		turn();
		memset(out, 0, sizeof out);
		memset(bytes_out, 0, sizeof bytes_out);
		for (int i = 0; i < COUNT; i += 50) {
			pvm_upkbyte(bytes_out + i, 50, 1);
			pvm_upkdouble(out + i, 50, 1);
		}
		CHECK(memcmp(in, out, sizeof in) == 0);
		CHECK(memcmp(bytes, bytes_out, sizeof bytes) == 0);
		pvm_freebuf(pvm_getrbuf());
	}
	pvm_setopt(PvmFragSize, size);
}

int main(void)
{
	const int encodings[] = { PvmDataDefault, PvmDataRaw };

	check_start();
	parameters();
	for (int i = 0; i < 2; i++) {
		types(encodings[i]);
		strings(encodings[i]);
		strides(encodings[i]);
		nested(encodings[i]);
		if (encodings[i] == PvmDataRaw || check_ours("library"))
			small_fragments(encodings[i]);
	}
	in_place();
	long_values();
	formats();
	return check_done();
}
