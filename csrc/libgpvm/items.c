/* SPDX-License-Identifier: MIT */
/* Items of collective calls: their sizes, and how they lie in messages. */
#include <limits.h>
#include <stdlib.h>

#include "group.h"

size_t gs__item_size(int type)
{
	static const unsigned char sizes[] = {
		[PVM_STR] = 1,
		[PVM_BYTE] = 1,
		[PVM_SHORT] = sizeof(short),
		[PVM_INT] = sizeof(int),
		[PVM_FLOAT] = sizeof(float),
		[PVM_CPLX] = 2 * sizeof(float),
		[PVM_DOUBLE] = sizeof(double),
		[PVM_DCPLX] = 2 * sizeof(double),
		[PVM_LONG] = sizeof(long),
	};

	return type >= 0 && (size_t)type < sizeof sizes ? sizes[type] : 0;
}

/* ---- longs --------------------------------------------------------------------- */

/* A long as low and high word; the high one is the sign where a long has 32 bits. */
static int low_word(long x)
{
	return (int)(unsigned)(unsigned long)x;
}

static int high_word(long x)
{
	return (int)((long long)x >> 32);
}

static long join_words(int high, int low)
{
	return (long)((unsigned long long)high << 32 | (unsigned)low);
}

static bool fits_word(long x)
{
	return x >= INT_MIN && x <= INT_MAX;
}

/* Pack one word of each long. */
static int pack_words(const long *items, int n, int (*word)(long), int *scratch)
{
	for (int i = 0; i < n; i++)
		scratch[i] = word(items[i]);
	return pvm_pkint(scratch, n, 1);
}

/* Low words; if some long needs more, GROUP_LONG_TAIL and the high words. */
static int pack_longs(const long *items, int n)
{
	int *scratch = malloc((size_t)n * sizeof(int));
	int mark = GROUP_LONG_TAIL;
	bool narrow = true;
	int code;

	if (!scratch)
		return PvmNoMem;
	for (int i = 0; i < n && narrow; i++)
		narrow = fits_word(items[i]);
	code = pack_words(items, n, low_word, scratch);
	if (!narrow && code >= 0) {
		code = pvm_pkint(&mark, 1, 1);
		if (code >= 0)
			code = pack_words(items, n, high_word, scratch);
	}
	free(scratch);
	return code;
}

/* Do 32-bit words and a tail for n longs make up the receive buffer? */
static bool has_tail(int n)
{
	int bytes, mark;

	return pvm_bufinfo(pvm_getrbuf(), &bytes, NULL, NULL) >= 0 && bytes / 4 >= 1 &&
		(bytes / 4 - 1) / 2 >= n && pvm_upkint(&mark, 1, 1) >= 0 && mark == GROUP_LONG_TAIL;
}

static int unpack_longs(long *items, int n)
{
	int *scratch = malloc((size_t)n * sizeof(int));
	int code;

	if (!scratch)
		return PvmNoMem;
	code = pvm_upkint(scratch, n, 1);
	for (int i = 0; i < n && code >= 0; i++)
		items[i] = scratch[i];
	if (code >= 0 && has_tail(n)) {
		code = pvm_upkint(scratch, n, 1);
		for (int i = 0; i < n && code >= 0; i++)
			items[i] = join_words(scratch[i], low_word(items[i]));
	}
	free(scratch);
	return code;
}

/* ---- text ------------------------------------------------------------------------ */

/* A string of at most n bytes with its NUL: the length is checked before it is stored. */
static int unpack_text(char *text, int n)
{
	int length;
	int code = pvm_upkint(&length, 1, 1);

	if (code < 0)
		return code;
	if (length <= 0)
		return PvmBadMsg;
	return length <= n ? pvm_upkbyte(text, length, 1) : PvmOverflow;
}

/* ---- all types ------------------------------------------------------------------- */

int gs__pack(int type, void *items, int n)
{
	switch (type) {
	case PVM_STR: return pvm_pkstr(items);
	case PVM_BYTE: return pvm_pkbyte(items, n, 1);
	case PVM_SHORT: return pvm_pkshort(items, n, 1);
	case PVM_INT: return pvm_pkint(items, n, 1);
	case PVM_FLOAT: return pvm_pkfloat(items, n, 1);
	case PVM_CPLX: return pvm_pkcplx(items, n, 1);
	case PVM_DOUBLE: return pvm_pkdouble(items, n, 1);
	case PVM_DCPLX: return pvm_pkdcplx(items, n, 1);
	case PVM_LONG: return pack_longs(items, n);
	default: return PvmBadParam;
	}
}

int gs__unpack(int type, void *items, int n)
{
	switch (type) {
	case PVM_STR: return unpack_text(items, n);
	case PVM_BYTE: return pvm_upkbyte(items, n, 1);
	case PVM_SHORT: return pvm_upkshort(items, n, 1);
	case PVM_INT: return pvm_upkint(items, n, 1);
	case PVM_FLOAT: return pvm_upkfloat(items, n, 1);
	case PVM_CPLX: return pvm_upkcplx(items, n, 1);
	case PVM_DOUBLE: return pvm_upkdouble(items, n, 1);
	case PVM_DCPLX: return pvm_upkdcplx(items, n, 1);
	case PVM_LONG: return unpack_longs(items, n);
	default: return PvmBadParam;
	}
}
