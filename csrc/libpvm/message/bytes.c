/* SPDX-License-Identifier: MIT */
/* Bytes into and out of a message, whatever the encoding. */
#include "message/message.h"

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

int pvm__append(struct message *m, const void *p, size_t n)
{
	const char *from = p;

	while (n > 0) {
		struct fragment *f = codec_room(m, 1);
		size_t k;

		if (!f)
			return PvmNoMem;
		k = n < f->room ? n : f->room;
		memcpy(f->data + f->len, from, k);
		codec_grow(f, (uint32_t)k);
		from += k;
		n -= k;
	}
	return 0;
}

size_t pvm__take(struct message *m, void *p, size_t n)
{
	size_t done = 0;

	while (done < n) {
		struct fragment *f = codec_rest(m);
		size_t k;

		if (!f)
			break;
		k = f->len - m->off;
		if (k > n - done)
			k = n - done;
		memcpy((char *)p + done, f->data + m->off, k);
		m->off += (uint32_t)k;
		done += k;
	}
	return done;
}

int pvm__append_items(struct message *m, size_t size, const char *p, int n, ptrdiff_t step)
{
	int code = 0;

	if (step == (ptrdiff_t)size)
		return pvm__append(m, p, size * (size_t)n);
	for (int i = 0; i < n && code == 0; i++)
		code = pvm__append(m, p + i * step, size);
	return code;
}

int pvm__take_items(struct message *m, size_t size, char *p, int n, ptrdiff_t step)
{
	if (step == (ptrdiff_t)size)
		return pvm__take(m, p, size * (size_t)n) < size * (size_t)n ? PvmNoData : 0;
	for (int i = 0; i < n; i++)
		if (pvm__take(m, p + i * step, size) < size)
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
