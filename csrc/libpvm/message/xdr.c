/* SPDX-License-Identifier: MIT */
/*
 * XDR codec: big-endian words of 4 or 8 bytes, bytes padded to 4.
 *
 * An item never spans two fragments when packed; when read it may, because
 * daemons cut messages anew at any multiple of 4.
 */
#include "message/copy.h"

#include <limits.h>
#include <string.h>

/* Array loops are compiled a second time for wider vectors; the loader picks one. */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__OPTIMIZE__) && !defined(__clang__) && \
	!defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define VECTOR_CLONES __attribute__((target_clones("avx2", "default"), optimize("tree-vectorize")))
#else
#define VECTOR_CLONES
#endif

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define BE32(v) __builtin_bswap32(v)
#define BE64(v) __builtin_bswap64(v)
#else
#define BE32(v) (v)
#define BE64(v) (v)
#endif

/*
 * Convert n words from `in` to `out`. `In` and `Out` are the types read and
 * written, at any alignment; `convert` makes an Out of `v`. The second function is for a
 * single word, which vectors would only delay.
 */
#define CONVERTER(name, In, Out, convert) \
	VECTOR_CLONES \
	static void name(char *restrict out, const char *restrict in, size_t n) \
	{ \
		for (size_t i = 0; i < n; i++) { \
			In v; \
			Out w; \
			memcpy(&v, in + i * sizeof v, sizeof v); \
			w = (Out)(convert); \
			memcpy(out + i * sizeof w, &w, sizeof w); \
		} \
	} \
	static void name##_one(char *restrict out, const char *restrict in) \
	{ \
		In v; \
		Out w; \
		memcpy(&v, in, sizeof v); \
		w = (Out)(convert); \
		memcpy(out, &w, sizeof w); \
	}

CONVERTER(swap32, uint32_t, uint32_t, BE32(v))
CONVERTER(swap64, uint64_t, uint64_t, BE64(v))
/* Unsigned short travels sign extended as well; the reader keeps the low half. */
CONVERTER(put_short, int16_t, uint32_t, BE32((uint32_t)v))
CONVERTER(get_short, uint32_t, uint16_t, BE32(v))
#if LONG_MAX > INT32_MAX
CONVERTER(put_long, unsigned long, uint32_t, BE32((uint32_t)v))
/* Sign extended, so that negative numbers arrive; 3.4.6 extends with zeros. */
CONVERTER(get_long, uint32_t, long, (int32_t)BE32(v))
CONVERTER(get_ulong, uint32_t, unsigned long, BE32(v))
#else
#define put_long swap32
#define get_long swap32
#define get_ulong swap32
#define put_long_one swap32_one
#define get_long_one swap32_one
#define get_ulong_one swap32_one
#endif

#define FORM(put, get) put, get, put##_one, get##_one

/* How the words of an item type are converted; bytes have no entry. */
static const struct form {
	void (*put)(char *restrict out, const char *restrict in, size_t n);
	void (*get)(char *restrict out, const char *restrict in, size_t n);
	void (*put_one)(char *restrict out, const char *restrict in);
	void (*get_one)(char *restrict out, const char *restrict in);
	unsigned char wire;   /* bytes of a word in the message: 4 or 8, */
	unsigned char memory; /* and in memory */
	unsigned char words;  /* words of an item */
} forms[ITEMS] = {
	[ITEM_CPLX] = { FORM(swap32, swap32), 4, 4, 2 },
	[ITEM_DCPLX] = { FORM(swap64, swap64), 8, 8, 2 },
	[ITEM_DOUBLE] = { FORM(swap64, swap64), 8, 8, 1 },
	[ITEM_FLOAT] = { FORM(swap32, swap32), 4, 4, 1 },
	[ITEM_INT] = { FORM(swap32, swap32), 4, 4, 1 },
	[ITEM_UINT] = { FORM(swap32, swap32), 4, 4, 1 },
	[ITEM_LONG] = { FORM(put_long, get_long), 4, sizeof(long), 1 },
	[ITEM_ULONG] = { FORM(put_long, get_ulong), 4, sizeof(long), 1 },
	[ITEM_SHORT] = { FORM(put_short, get_short), 4, 2, 1 },
	[ITEM_USHORT] = { FORM(put_short, get_short), 4, 2, 1 },
};

#if LONG_MAX > INT32_MAX
/* Not 0 if one of n longs in a row, with bias added, needs more than 32 bits. */
VECTOR_CLONES
static unsigned long excess(const char *p, size_t n, unsigned long bias)
{
	unsigned long bits = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned long v;

		memcpy(&v, p + i * sizeof v, sizeof v);
		bits |= (v + bias) >> 32;
	}
	return bits;
}

/* The same of one long. */
static inline unsigned long excess_one(const char *p, unsigned long bias)
{
	unsigned long v;

	memcpy(&v, p, sizeof v);
	return (v + bias) >> 32;
}

/* pvm__xdr_check of one item. */
static inline int check_one(enum item item, const char *p)
{
	if (item == ITEM_LONG)
		return excess_one(p, 1ul << 31) ? PvmOverflow : 0;
	return item == ITEM_ULONG && excess_one(p, 0) ? PvmOverflow : 0;
}

int pvm__xdr_check(enum item item, const char *p, int n, ptrdiff_t step)
{
	unsigned long bias = item == ITEM_LONG ? 1ul << 31 : 0;
	unsigned long bits = 0;

	if (item != ITEM_LONG && item != ITEM_ULONG)
		return 0;
	if (step == sizeof(long) && n > 1)
		bits = excess(p, (size_t)n, bias);
	else
		for (int i = 0; i < n; i++)
			bits |= excess_one(p + i * step, bias);
	return bits ? PvmOverflow : 0;
}
#else
static inline int check_one(enum item item, const char *p)
{
	(void)item, (void)p;
	return 0;
}

int pvm__xdr_check(enum item item, const char *p, int n, ptrdiff_t step)
{
	(void)item, (void)p, (void)n, (void)step;
	return 0;
}
#endif

/* Whole words in so many bytes. */
static inline size_t words_in(uint32_t bytes, const struct form *form)
{
	return form->wire == 8 ? bytes >> 3 : bytes >> 2;
}

/* ---- packing ------------------------------------------------------------- */

/* Convert n words to where they are written past the caches. */
static __attribute__((noinline)) void put_past(const struct form *form, unsigned char *to,
	const char *p, size_t n)
{
	unsigned char stage[4096];

	while (n > 0) {
		size_t k = words_in(sizeof stage, form);

		k = k < n ? k : n;
		form->put((char *)stage, p, k);
		pvm__copy(to, stage, k * form->wire, COPY_PAST);
		to += k * form->wire;
		p += k * form->memory;
		n -= k;
	}
}

/* Append n words to a fragment that has room for them. */
static void fill(const struct message *m, struct fragment *f, const struct form *form,
	const char *p, size_t n, size_t left)
{
	struct copying run;
	unsigned char *to = f->data + f->len;

	if (pvm__copy_begin(&run, f, n * form->wire, pvm__copy_body(m, left * form->wire)) !=
		COPY_THROUGH)
		put_past(form, to, p, n);
	else
		form->put((char *)to, p, n);
	pvm__copy_end(&run);
	codec_grow(f, (uint32_t)(n * form->wire));
}

/* Append n words that lie next to each other. 0 or PvmNoMem. */
static int pack_words(struct message *m, const struct form *form, const char *p, size_t n)
{
	while (n > 0) {
		struct fragment *f = codec_room(m, form->wire, n * form->wire);
		size_t k;

		if (!f)
			return PvmNoMem;
		k = words_in(f->room, form);
		if (k > n)
			k = n;
		fill(m, f, form, p, k, n);
		p += k * form->memory;
		n -= k;
	}
	return 0;
}

/* Append one item; its words most often fit into the last fragment. */
static inline int pack_item(struct message *m, const struct form *form, const char *p)
{
	for (size_t left = form->words; left > 0; left--) {
		struct fragment *f = m->nfrags ? &m->frags[m->nfrags - 1] : NULL;

		if (!f || f->room < form->wire)
			return pack_words(m, form, p, left);
		form->put_one((char *)f->data + f->len, p);
		codec_grow(f, form->wire);
		p += form->memory;
	}
	return 0;
}

/* Append zeros up to a multiple of 4, counted from the start of the fragment. */
static void pad(struct message *m)
{
	struct fragment *f = &m->frags[m->nfrags - 1];
	uint32_t n = -f->len & 3;

	if (n > f->room)
		n = f->room;
	memset(f->data + f->len, 0, n);
	codec_grow(f, n);
}

static int pack(struct message *m, enum item item, const char *p, int n, ptrdiff_t step)
{
	const struct form *form = &forms[item];
	int code;

	if (item == ITEM_BYTE) {
		code = pvm__append_items(m, 1, p, n, step);
		if (code == 0)
			pad(m);
		return code;
	}
	code = n == 1 ? check_one(item, p) : pvm__xdr_check(item, p, n, step);
	if (code)
		return code;
	if (n == 1)
		return pack_item(m, form, p);
	if (step == pvm__item_size[item])
		return pack_words(m, form, p, (size_t)n * form->words);
	for (int i = 0; i < n && code == 0; i++)
		code = pack_item(m, form, p + i * step);
	return code;
}

static int pack_str(struct message *m, const char *text, int len)
{
	int code = pack(m, ITEM_INT, (const char *)&len, 1, sizeof len);

	return code ? code : pack(m, ITEM_BYTE, text, len, 1);
}

/* ---- unpacking ----------------------------------------------------------- */

/* Take one word that begins in one fragment and ends in a later one. */
static int unpack_divided(struct message *m, const struct form *form, char *p)
{
	char word[8];

	if (pvm__take(m, word, form->wire) < form->wire)
		return PvmNoData;
	m->carried = form->wire - m->off;
	form->get_one(p, word);
	return 0;
}

/* Take n words to places next to each other. 0 or PvmNoData. */
static int unpack_words(struct message *m, const struct form *form, char *p, size_t n)
{
	while (n > 0) {
		struct fragment *f = codec_rest(m);
		size_t k;

		if (!f)
			return PvmNoData;
		k = words_in(f->len - m->off, form);
		if (k > n)
			k = n;
		if (k > 0) {
			form->get(p, (const char *)f->data + m->off, k);
			m->off += (uint32_t)(k * form->wire);
		} else {
			k = 1;
			if (unpack_divided(m, form, p))
				return PvmNoData;
		}
		p += k * form->memory;
		n -= k;
	}
	return 0;
}

/* Take one item; its words most often are in the fragment at the reading position. */
static inline int unpack_item(struct message *m, const struct form *form, char *p)
{
	for (size_t left = form->words; left > 0; left--) {
		const struct fragment *f = m->at < m->nfrags ? &m->frags[m->at] : NULL;

		if (!f || m->off + (uint64_t)form->wire > f->len)
			return unpack_words(m, form, p, left);
		form->get_one(p, (const char *)f->data + m->off);
		m->off += form->wire;
		p += form->memory;
	}
	return 0;
}

/* Step over the padding behind bytes. */
static void skip_padding(struct message *m)
{
	uint32_t n = -(m->off + m->carried) & 3;
	uint32_t rest = m->at < m->nfrags ? m->frags[m->at].len - m->off : 0;

	m->off += n < rest ? n : rest;
}

static int unpack(struct message *m, enum item item, char *p, int n, ptrdiff_t step)
{
	const struct form *form = &forms[item];
	int code = 0;

	if (item == ITEM_BYTE) {
		code = pvm__take_items(m, 1, p, n, step);
		skip_padding(m);
		return code;
	}
	if (step == pvm__item_size[item] && n > 1)
		return unpack_words(m, form, p, (size_t)n * form->words);
	for (int i = 0; i < n && code == 0; i++)
		code = unpack_item(m, form, p + i * step);
	return code;
}

const struct codec pvm__codec_xdr = { pack, unpack, pack_str };
