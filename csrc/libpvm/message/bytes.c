/* SPDX-License-Identifier: MIT */
/* Bytes into and out of a message, whatever the encoding. */
#include "message/copy.h"

#include <string.h>

const unsigned char pvm__item_size[ITEMS] = {
	[ITEM_BYTE] = 1,
	[ITEM_CPLX] = 2 * sizeof(float),
	[ITEM_DCPLX] = 2 * sizeof(double),
	[ITEM_DOUBLE] = sizeof(double),
	[ITEM_FLOAT] = sizeof(float),
	[ITEM_INT] = sizeof(int),
	[ITEM_UINT] = sizeof(int),
	[ITEM_LONG] = sizeof(long),
	[ITEM_ULONG] = sizeof(long),
	[ITEM_SHORT] = sizeof(short),
	[ITEM_USHORT] = sizeof(short),
};

/* memcpy without a call for the sizes of single items. */
static inline void copy(void *to, const void *from, size_t n)
{
	if (n == 4)
		memcpy(to, from, 4);
	else if (n == 8)
		memcpy(to, from, 8);
	else
		memcpy(to, from, n);
}

/* Bytes of a run that is appended or taken by the ways of long ones. */
enum { MUCH = 4096 };

/* Append n of `left` bytes to a fragment that has room for them. */
static void fill(const struct message *m, struct fragment *f, const char *from, size_t n,
	size_t left)
{
	struct copying run;
	enum copy_way way = pvm__copy_begin(&run, f, n, pvm__copy_body(m, left));

	pvm__copy(f->data + f->len, (const unsigned char *)from, n, way);
	pvm__copy_end(&run);
	codec_grow(f, (uint32_t)n);
}

/* Append much, or where the last fragment has no room for all. */
static __attribute__((noinline)) int append_divided(struct message *m, const char *from, size_t n)
{
	while (n > 0) {
		struct fragment *f = codec_room(m, 1, n);
		size_t k;

		if (!f)
			return PvmNoMem;
		k = n < f->room ? n : f->room;
		fill(m, f, from, k, n);
		from += k;
		n -= k;
	}
	return 0;
}

static inline int append(struct message *m, const char *p, size_t n)
{
	struct fragment *f = m->nfrags ? &m->frags[m->nfrags - 1] : NULL;

	if (!f || n > f->room || n >= MUCH)
		return append_divided(m, p, n);
	copy(f->data + f->len, p, n);
	codec_grow(f, (uint32_t)n);
	return 0;
}

int pvm__append(struct message *m, const void *p, size_t n)
{
	return append(m, p, n);
}

/* Take much, or what the fragment at the reading position has not all of. */
static __attribute__((noinline)) size_t take_divided(struct message *m, char *p, size_t n)
{
	enum copy_way way = pvm__copy_way_out(n);
	size_t done = 0;

	while (done < n) {
		struct fragment *f = codec_rest(m);
		size_t k;

		if (!f)
			break;
		k = f->len - m->off;
		if (k > n - done)
			k = n - done;
		pvm__copy((unsigned char *)p + done, f->data + m->off, k, way);
		m->off += (uint32_t)k;
		done += k;
	}
	pvm__copy_finish(way);
	return done;
}

static inline size_t take(struct message *m, char *p, size_t n)
{
	const struct fragment *f = m->at < m->nfrags ? &m->frags[m->at] : NULL;

	if (!f || m->off + (uint64_t)n > f->len || n >= MUCH)
		return take_divided(m, p, n);
	copy(p, f->data + m->off, n);
	m->off += (uint32_t)n;
	return n;
}

size_t pvm__take(struct message *m, void *p, size_t n)
{
	return take(m, p, n);
}

int pvm__append_items(struct message *m, size_t size, const char *p, int n, ptrdiff_t step)
{
	int code = 0;

	if (step == (ptrdiff_t)size)
		return append(m, p, size * (size_t)n);
	for (int i = 0; i < n && code == 0; i++)
		code = append(m, p + i * step, size);
	return code;
}

int pvm__take_items(struct message *m, size_t size, char *p, int n, ptrdiff_t step)
{
	if (step == (ptrdiff_t)size)
		return take(m, p, size * (size_t)n) < size * (size_t)n ? PvmNoData : 0;
	for (int i = 0; i < n; i++)
		if (take(m, p + i * step, size) < size)
			return PvmNoData;
	return 0;
}

size_t pvm__bytes_left(const struct message *m)
{
	size_t sum = 0;

	for (unsigned i = m->at; i < m->nfrags; i++)
		sum += m->frags[i].len;
	return sum - (m->at < m->nfrags ? m->off : 0);
}
