/* SPDX-License-Identifier: MIT */
/* hpvm.h under each standard of C and C++: the macros know type and size of a pointer's items. */
#include <stdio.h>
#include "hpvm.h"

struct pair {
	int a, b;
};

static int failed;

static void check(const char *what, int type, int wanted_type, int size, int wanted_size)
{
	if (type == wanted_type && size == wanted_size)
		return;
	printf("%s is type %d of %d bytes, not %d of %d\n", what, type, size, wanted_type,
		wanted_size);
	failed = 1;
}

#define CHECK(t, type) \
	do { \
		t *p = NULL; \
		const t *q = NULL; \
		check(#t, HPVM_TYPE_OF(p), type, HPVM_SIZE_OF(p), (int)sizeof(t)); \
		check("const " #t, HPVM_TYPE_OF(q), type, HPVM_SIZE_OF(q), (int)sizeof(t)); \
	} while (0)

int main(void)
{
	static float shared[10];
	void *untyped = shared;

	CHECK(char, HPVM_BYTE);
	CHECK(signed char, HPVM_BYTE);
	CHECK(unsigned char, HPVM_BYTE);
	CHECK(short, HPVM_SHORT);
	CHECK(unsigned short, HPVM_USHORT);
	CHECK(int, HPVM_INT);
	CHECK(unsigned int, HPVM_UINT);
	CHECK(long, HPVM_LONG);
	CHECK(unsigned long, HPVM_ULONG);
	CHECK(float, HPVM_FLOAT);
	CHECK(double, HPVM_DOUBLE);
	CHECK(struct pair, HPVM_UNTYPED);
	check("void", HPVM_TYPE_OF(untyped), HPVM_UNTYPED, HPVM_SIZE_OF(untyped), 1);
	check("array", HPVM_TYPE_OF(shared), HPVM_FLOAT, HPVM_SIZE_OF(shared), 4);
	hpvm_setopt(HPVM_AUTOERR, 0);
	/* Of a float's size no block of 6 bytes can be; of bytes and of no type it can. */
	if (hpvm_share("x", shared, 6) != HPVM_BADARG || hpvm_share("x", untyped, 6) != HPVM_OK ||
		(hpvm_share)("y", shared, 6) != HPVM_OK)
		failed = 1;
	if (hpvm_merge_share("x", shared, 0, 1) != HPVM_PLACE)
		failed = 1;
	return failed;
}
