/* SPDX-License-Identifier: MIT */
/*
 * Messages: fragments of bytes in reference-counted blocks, typed items put in and taken out by
 * codecs, and the ids that programs know messages by.
 */
#ifndef PVM3PY_LIBPVM_MESSAGE_H
#define PVM3PY_LIBPVM_MESSAGE_H

#include "base/base.h"

/* Reference-counted memory that fragments point into: on the heap, or in a segment. */
struct block {
	unsigned refs;
	size_t cap;
	unsigned char *bytes;            /* `cap` of them */
	void (*release)(struct block *); /* the last reference is gone */
};

/* One fragment of a message body: `len` data bytes at `data`. */
struct fragment {
	unsigned char *data;
	uint32_t len;
	uint32_t room;       /* bytes that may still be appended in place behind data+len */
	struct block *block; /* owner of the memory; NULL: the caller's memory (in place) */
};

struct codec; /* typed items to and from bytes */

enum message_mode { MESSAGE_PACKING, MESSAGE_READING };

struct message {
	/* What a look at many messages needs comes first, to be in one line of the cache. */
	enum message_mode mode;
	unsigned nfrags; /* fragments in `frags` */
	int tag, src;
	struct message *next, *prev; /* receive list */
	uint64_t total;              /* body bytes, of a message that is read */
	int ctx;
	int id; /* what the program calls the buffer; 0: none */
	unsigned refs;
	uint32_t enc; /* encoding word; WIRE_ENC_INPLACE until sent */
	int wid, dst;
	unsigned long serial;      /* in the receive list, in which it was put with this number */
	const struct codec *codec; /* chosen from enc and mode */
	struct fragment *frags;    /* nfrags of them, in order */
	unsigned capfrags;
	unsigned at;      /* reading: fragment ... */
	uint32_t off;     /* ... and offset of the next byte */
	uint32_t carried; /* bytes of an item begun in earlier fragments */
};

/* ---- blocks and fragments (fragments.c) ------------------------------------ */

/* One reference less: the last one frees it. NULL is allowed. */
void pvm__block_unref(struct block *);

/* Append an empty fragment with room for `cap` bytes; NULL: out of memory. */
struct fragment *pvm__message_extend(struct message *, size_t cap);
/* The same in a message that is packed, as codec_room. A short fragment that is the first one grows. */
struct fragment *pvm__message_widen(struct message *, uint32_t unit, size_t n);
/* Append a fragment that shares `block` (reference taken). 0 or PvmNoMem. */
int pvm__message_share(struct message *, struct block *, unsigned char *data, uint32_t len);
/* Remove all fragments. */
void pvm__message_clear(struct message *);
/* Start reading at the first byte. */
void pvm__message_rewind(struct message *);
/* Body bytes; of one that is packed in place, 0. */
uint64_t pvm__message_bytes(const struct message *);
/* The same as pvm_bufinfo and 3.4.6 report them: the low 32 bits. */
static inline int pvm__message_length(const struct message *m)
{
	return (int)(uint32_t)(m->mode == MESSAGE_READING ? m->total : pvm__message_bytes(m));
}

/* Data bytes of a new fragment, from PvmFragSize. */
static inline uint32_t codec_fragment_room(void)
{
	return (uint32_t)pvm__task.option.frag_size - WIRE_HEADROOM;
}

/*
 * The fragment to append to, with room for at least `unit` of the `n` bytes that are to be appended
 * now: the last one or a new one. NULL: out of memory.
 */
static inline struct fragment *codec_room(struct message *m, uint32_t unit, size_t n)
{
	if (m->nfrags && m->frags[m->nfrags - 1].room >= unit)
		return &m->frags[m->nfrags - 1];
	return pvm__message_widen(m, unit, n);
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

/* ---- bytes (bytes.c) ------------------------------------------------------- */

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

/* Append bytes, whatever the encoding: fragments are filled to their last byte. */
int pvm__append(struct message *, const void *p, size_t n);
/* Take n bytes across fragments; how many there were. */
size_t pvm__take(struct message *, void *p, size_t n);
/* Append or take n items of `size` bytes that lie `step` apart. 0, PvmNoMem; PvmNoData. */
int pvm__append_items(struct message *, size_t size, const char *p, int n, ptrdiff_t step);
int pvm__take_items(struct message *, size_t size, char *p, int n, ptrdiff_t step);
/* Bytes between the reading position and the end. */
size_t pvm__bytes_left(const struct message *);

/* ---- codecs (codec.c, xdr.c) ----------------------------------------------- */

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
/* Set the codec that belongs to enc and mode. */
void pvm__message_set_codec(struct message *);
/* Before fragments are appended in another way than by the codec. */
void pvm__message_resume(struct message *);
/* Header of a PvmDataTrace buffer: 0 or PvmNoMem. */
int pvm__trace_header(struct message *);

/* ---- messages and lists (lifetime.c) --------------------------------------- */

/* New empty message without an id, or NULL when out of memory. */
struct message *pvm__message_new(uint32_t enc);
/* One reference more, or less: the last one frees it. */
static inline void pvm__message_ref(struct message *m)
{
	m->refs++;
}
void pvm__message_unref(struct message *); /* NULL is allowed */
/* The same for pvm__keep. */
void pvm__message_end(void *message);
/* What the last one does. */
void pvm__message_free(struct message *);
/* A message that shares the bytes of this one; NULL: out of memory. */
struct message *pvm__message_copy(const struct message *);
/*
 * What to send of a message while other threads may change it: one reference to it or to a
 * copy that shares its bytes; NULL: out of memory.
 */
struct message *pvm__message_to_send(struct message *);

/* Lists of messages own a reference to each. Add one at the end: the caller's reference. */
static inline void pvm__queue_append(struct queue *q, struct message *m)
{
	m->next = NULL;
	m->prev = q->tail;
	if (q->tail)
		q->tail->next = m;
	else
		q->head = m;
	q->tail = m;
}

/* Take one out: the caller has the reference. */
static inline void pvm__queue_remove(struct queue *q, struct message *m)
{
	*(m->prev ? &m->prev->next : &q->head) = m->next;
	*(m->next ? &m->next->prev : &q->tail) = m->prev;
	m->next = m->prev = NULL;
}

/* Take out and unref all. */
void pvm__queue_clear(struct queue *);

/* ---- ids (ids.c) ----------------------------------------------------------- */

/* Give the message an id; returns it or PvmNoMem. The id takes over the caller's reference. */
int pvm__message_publish(struct message *);
/* What the ids mean, from id 1 on; only ids.c changes it. */
extern struct ids {
	uintptr_t *slots; /* the message's address; if the id is free, an odd number (ids.c) */
	int n;
	int first_free; /* slot, -1: none */
	int resting;    /* slot that is not free yet, -1: none */
} pvm__ids;
/* Message of an id, or NULL. */
static inline struct message *pvm__message_of(int id)
{
	uintptr_t slot = id > 0 && id <= pvm__ids.n ? pvm__ids.slots[id - 1] : 1;

	return slot & 1 ? NULL : (struct message *)slot;
}
/*
 * Drop the id and its reference; the message is no current buffer any more. The next message to
 * be published gets another id, unless it is said before that the id has rested.
 */
void pvm__message_retire(struct message *);
void pvm__ids_end_rest(void);
static inline void pvm__ids_rested(void)
{
	if (pvm__ids.resting >= 0)
		pvm__ids_end_rest();
}

/* ---- items (items.c) ------------------------------------------------------- */

/* Internal packing into and reading from a message that is no current buffer. */
int pvm__put_int(struct message *, int);
int pvm__put_ints(struct message *, const int *, int n);
int pvm__put_str(struct message *, const char *); /* NULL packs "" */
int pvm__put_bytes(struct message *, const void *, int n);
int pvm__put_message(struct message *outer, struct message *inner); /* as pvm_pkmesg */
int pvm__get_int(struct message *, int *);
int pvm__get_ints(struct message *, int *, int n);
int pvm__get_str(struct message *, char **); /* malloc'ed; PvmNoMem, PvmBadMsg, PvmNoData */
int pvm__get_bytes(struct message *, void *, int n);
int pvm__get_message(struct message *outer, struct message **inner); /* as pvm_upkmesg */
/* Get a string to memory that the program says is large enough. 0, PvmNoData, PvmBadMsg. */
int pvm__unpack_text(struct message *, char *text);

/* ---- argument lists (compose.c) -------------------------------------------- */

/*
 * A format says what a message consists of.
 *
 *   i  int             reading: int *
 *   s  char *          reading: char **, malloc'ed; NULL is written as ""
 *   v  int *, int n    that many ints
 *   m  struct message *, as pvm_pkmesg; not for reading
 */

/* New XDR message made of the arguments; NULL: out of memory. */
struct message *pvm__compose(const char *format, ...);
/* Append to a message. 0 or an error code. */
int pvm__put(struct message *, const char *format, ...);
/* Read from a message. 0 or an error code; strings read before it are the caller's. */
int pvm__get(struct message *, const char *format, ...);

#endif
