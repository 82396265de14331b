/* SPDX-License-Identifier: MIT */
/*
 * Items of all types go to a client of another kind of machine and come back: hpvm_convert TREE.
 * Prints "argument CODE SENTENCE" and "item CODE SENTENCE" of those that may not fit there.
 */
#include <limits.h>
#include <math.h>
#include "check.h"
#include "hpvm.h"

enum { COUNT = 8, KINDS = 11 };

typedef unsigned short ushort_;
typedef unsigned int uint_;
typedef unsigned long ulong_;
typedef long long llong_;
typedef unsigned long long ullong_;

static const char *tree;
static long first, beyond;

static void *give_args(long id, long *size)
{
	long *block = malloc(*size = 2 * sizeof(long));

	block[0] = first + id;
	block[1] = beyond ? beyond : -first - id;
	return block;
}

#define SHARED(t, ...) \
	static t in_##t[COUNT] = { __VA_ARGS__ }, out_##t[COUNT]; \
	static void share_##t(void) \
	{ \
		CHECK_INT(hpvm_share("in." #t, in_##t, sizeof in_##t), HPVM_OK); \
		CHECK_INT(hpvm_share("out." #t, out_##t, sizeof out_##t), HPVM_OK); \
	} \
	static void compare_##t(int less) \
	{ \
		for (int i = 0; i < COUNT; i++) \
			CHECK((t)(out_##t[i] + (t)less) == in_##t[i]); \
	}

SHARED(char, 0, 1, 2, 'x', 127, -128, -1, 0)
SHARED(short, 0, 1, -1, SHRT_MAX, SHRT_MIN + 1, 258, -258, 7)
SHARED(ushort_, 1, 2, USHRT_MAX, 258, 513, 4, 5, 6)
SHARED(int, 0, 1, -1, INT_MAX, INT_MIN + 1, 0x1020304, -0x1020304, 7)
SHARED(uint_, 1, 2, UINT_MAX, 0x1020304, 5, 6, 7, 8)
SHARED(long, 0, 1, -1, INT_MAX, INT_MIN + 1, 0x1020304, -0x1020304, 7)
SHARED(ulong_, 1, 2, UINT_MAX, 0x1020304, 5, 6, 7, 8)
SHARED(llong_, 0, 1, -1, LLONG_MAX, LLONG_MIN + 1, 0x102030405060708, -0x102030405060708, 7)
SHARED(ullong_, 1, 2, ULLONG_MAX, 0x102030405060708, 5, 6, 7, 8)
SHARED(float, 0, -0.0f, 1.5f, -3e38f, 1e-45f, INFINITY, -INFINITY, 7)
SHARED(double, 0, -0.0, 1.5, -1e308, 5e-324, INFINITY, -INFINITY, 7)

static void shares(void)
{
	share_char();
	share_short();
	share_ushort_();
	share_int();
	share_uint_();
	share_long();
	share_ulong_();
	share_llong_();
	share_ullong_();
	share_float();
	share_double();
}

static void results(void)
{
	compare_char(0);
	compare_short(1);
	compare_ushort_(1);
	compare_int(1);
	compare_uint_(1);
	compare_long(1);
	compare_ulong_(1);
	compare_llong_(1);
	compare_ullong_(1);
	compare_float(0);
	compare_double(0);
	CHECK(signbit(out_float[1]) && signbit(out_double[1]));
}

/* The code of the only task, which fails. */
static void print_failure(const char *what)
{
	int code = HPVM_OK;

	hpvm_failed(NULL, &code, 1);
	printf("%s %d %s\n", what, code, hpvm_error());
}

/* 2^40 as an argument, and as an item. */
static void too_large(void)
{
	long large = sizeof(long) == 8 ? (long)((long long)1 << 40) : 1;

	beyond = large;
	first = 5;
	hpvm_spawn(tree, 1, give_args);
	print_failure("argument");
	beyond = 0;
	in_long[2] = large;
	hpvm_spawn(tree, 1, give_args);
	print_failure("item");
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	check_start();
	hpvm_setopt(HPVM_AUTOERR, 0);
	tree = argv[1];
	shares();
	first = 0;
	CHECK_INT(hpvm_spawn(tree, KINDS, give_args), HPVM_OK);
	results();
	too_large();
	pvm_exit();
	return check_done();
}
