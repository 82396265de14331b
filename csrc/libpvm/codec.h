/* SPDX-License-Identifier: MIT */
/*
 * Codecs: how typed items become bytes of a message and items again.  A message
 * points to the codec that fits its encoding and mode.
 */
#ifndef PVM3PY_CODEC_H
#define PVM3PY_CODEC_H

#include "internal.h"

/* Types of items, in the order of pvmtrccodef. */
enum item {
	ITEM_BYTE,
	ITEM_CPLX,
	ITEM_DCPLX,
	ITEM_DOUBLE,
	ITEM_FLOAT,
	ITEM_INT,
	ITEM_UINT,
	ITEM_LONG,
	ITEM_ULONG,
	ITEM_SHORT,
	ITEM_USHORT,
	ITEMS
};

/* Bytes of an item in memory. */
extern const unsigned char pvm__item_size[ITEMS];

struct codec {
	/*
	 * Pack or unpack n > 0 items, the first at p, each `step` bytes behind the
	 * one before (0 and negative allowed). 0 or an error code; after PvmNoData
	 * the items before the end are stored and the position is at the end.
	 */
	int (*pack)(struct message *, enum item, const char *p, int n, ptrdiff_t step);
	int (*unpack)(struct message *, enum item, char *p, int n, ptrdiff_t step);
	/* Pack a string of `len` bytes, NUL included. */
	int (*pack_str)(struct message *, const char *text, int len);
};

extern const struct codec pvm__codec_xdr;
/* PvmOverflow if a long among the items has no 4-byte form, else 0. */
int pvm__xdr_check(enum item, const char *p, int n, ptrdiff_t step);
/* Drops what was packed when the first item comes, then goes on as enc says. */
extern const struct codec pvm__codec_restart;

/* Before fragments are appended in another way than by the codec. */
void pvm__message_resume(struct message *);
/* Bytes between the reading position and the end. */
size_t pvm__bytes_left(const struct message *);
/* Unpack a string to memory that the program says is large enough. */
int pvm__unpack_text(struct message *, char *text);
/* Remove all fragments. */
void pvm__message_clear(struct message *);
/* Body bytes as pvm_bufinfo reports them. */
int pvm__message_length(const struct message *);
/* Header of a PvmDataTrace buffer: 0 or PvmNoMem. */
int pvm__trace_header(struct message *);

/* Data bytes of a new fragment, from PvmFragSize. */
static inline uint32_t codec_fragment_room(void)
{
	return (uint32_t)pvm__task.frag_size - WIRE_HEADROOM;
}

/*
 * The fragment to append to, with room for at least `unit` bytes: the last one or
 * a new one. NULL: out of memory.
 */
static inline struct fragment *codec_room(struct message *m, uint32_t unit)
{
	uint32_t cap;

	if (m->nfrags && m->frags[m->nfrags - 1].room >= unit)
		return &m->frags[m->nfrags - 1];
	cap = codec_fragment_room();
	return pvm__message_extend(m, cap < unit ? unit : cap);
}

/* Bytes were appended to the fragment. */
static inline void codec_grow(struct fragment *f, uint32_t n)
{
	f->len += n;
	f->room -= n;
}

/*
 * The fragment to read from, with at least one byte left, after stepping over
 * finished ones; NULL: end of the message.
 */
static inline struct fragment *codec_rest(struct message *m)
{
	while (m->at < m->nfrags && m->off >= m->frags[m->at].len) {
		m->at++;
		m->off = 0;
		m->carried = 0;
	}
	return m->at < m->nfrags ? &m->frags[m->at] : NULL;
}

/* Append bytes, whatever the encoding: fragments are filled to their last byte. */
int pvm__append(struct message *, const void *p, size_t n);
/* Take n bytes across fragments; how many there were. */
size_t pvm__take(struct message *, void *p, size_t n);
/* Append or take n items of `size` bytes that lie `step` apart. 0, PvmNoMem; PvmNoData. */
int pvm__append_items(struct message *, size_t size, const char *p, int n, ptrdiff_t step);
int pvm__take_items(struct message *, size_t size, char *p, int n, ptrdiff_t step);

#endif
