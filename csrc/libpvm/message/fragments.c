/* SPDX-License-Identifier: MIT */
/* What messages consist of: fragments of bytes in reference-counted blocks. */
#include "message/segment.h"

#include <stdlib.h>
#include <string.h>

/* ---- blocks -------------------------------------------------------------- */

/*
 * Free blocks of the sizes that are worth keeping: short messages, fragments of 3.4.6
 * and of this project.  Kept are as many as a few messages of 1 MiB need.
 */
#define POOL_BYTES (4u << 20)
enum {
	ARENA_MIN = 16384,        /* fragments of more bytes are worth a block of the arena */
	SHORT = SHARE_INLINE_MAX, /* room of a first fragment: needs no such block */
};
static struct pool {
	const size_t cap;
	struct block *free; /* linked by their first data bytes */
	size_t bytes;
} pools[] = {
	{ .cap = 256 },
	{ .cap = 4096 },
	{ .cap = WIRE_FRAG_LARGE },
};

static struct block **link_of(struct block *b)
{
	return (struct block **)(void *)b->bytes;
}

/* The pool whose blocks have at least `cap` bytes; NULL: too large for all. */
static struct pool *pool_for(size_t cap)
{
	for (size_t i = 0; i < sizeof pools / sizeof pools[0]; i++)
		if (cap <= pools[i].cap)
			return &pools[i];
	return NULL;
}

/* A block of the heap is free. */
static void release(struct block *b)
{
	struct pool *pool = pool_for(b->cap);

	if (!pool || pool->bytes >= POOL_BYTES) {
		free(b);
		return;
	}
	*link_of(b) = pool->free;
	pool->free = b;
	pool->bytes += pool->cap;
}

/*
 * Memory for `cap` bytes, one reference; NULL: out of memory. Blocks of the usual fragment sizes are
 * recycled, so `cap` may come out larger than asked for.
 */
static struct block *heap_block(size_t cap)
{
	struct pool *pool = pool_for(cap);
	struct block *b = pool ? pool->free : NULL;

	if (b) {
		pool->free = *link_of(b);
		pool->bytes -= pool->cap;
	} else {
		cap = pool ? pool->cap : cap;
		b = malloc(sizeof *b + cap);
		if (!b)
			return NULL;
		b->cap = cap;
		b->bytes = (unsigned char *)(b + 1);
		b->release = release;
	}
	b->refs = 1;
	return b;
}

/* Memory to pack `cap` bytes into: where peers can read it, if that is much, else on the heap. */
static struct block *new_block(const struct message *m, size_t cap)
{
	struct block *b = NULL;

	if (pvm__task.segment && m->mode == MESSAGE_PACKING && cap > ARENA_MIN &&
		cap <= SHARE_BLOCK)
		b = pvm__segment_block();
	return b ? b : heap_block(cap);
}

void pvm__block_unref(struct block *b)
{
	if (b && !--b->refs)
		b->release(b);
}

/* ---- fragments ----------------------------------------------------------- */

void pvm__message_clear(struct message *m)
{
	/* The last freed block is the first used: the next message has the same blocks in this order. */
	while (m->nfrags)
		pvm__block_unref(m->frags[--m->nfrags].block);
	m->total = 0;
	pvm__message_rewind(m);
}

/* Append a fragment, all zero; NULL: out of memory. */
static struct fragment *add_fragment(struct message *m)
{
	if (m->nfrags == m->capfrags) {
		unsigned cap = m->capfrags ? 2 * m->capfrags : 4;
		struct fragment *frags = realloc(m->frags, cap * sizeof *frags);

		if (!frags)
			return NULL;
		m->frags = frags;
		m->capfrags = cap;
	}
	return memset(&m->frags[m->nfrags++], 0, sizeof *m->frags);
}

struct fragment *pvm__message_extend(struct message *m, size_t cap)
{
	struct block *b = new_block(m, cap);
	struct fragment *f = b ? add_fragment(m) : NULL;

	if (!f) {
		pvm__block_unref(b);
		return NULL;
	}
	f->block = b;
	f->data = b->bytes;
	f->room = (uint32_t)cap;
	return f;
}

/* Is it a fragment that was begun short, for a message that might become so? */
static bool is_short(const struct fragment *f)
{
	return f->block && f->data == f->block->bytes && f->len + f->room <= SHORT;
}

/* Move the message's only fragment to where there are `cap` bytes; NULL: out of memory. */
static struct fragment *move_first(struct message *m, uint32_t cap)
{
	struct fragment *f = m->frags;
	struct block *b = new_block(m, cap), *old = f->block;

	if (!b)
		return NULL;
	memcpy(b->bytes, f->data, f->len);
	f->block = b;
	f->data = b->bytes;
	f->room = cap - f->len;
	pvm__block_unref(old);
	return f;
}

struct fragment *pvm__message_widen(struct message *m, uint32_t unit, size_t n)
{
	uint32_t cap = codec_fragment_room();

	cap = cap < unit ? unit : cap;
	if (!m->nfrags && n <= SHORT)
		return pvm__message_extend(m, cap < SHORT ? cap : SHORT);
	if (m->nfrags > 1 || (m->nfrags && !is_short(m->frags)))
		return pvm__message_extend(m, cap);
	/* It begins to be long. What has come back is used first, as it is in the caches. */
	if (pvm__task.segment)
		pvm__above.collect();
	return m->nfrags && cap > SHORT ? move_first(m, cap) : pvm__message_extend(m, cap);
}

int pvm__message_share(struct message *m, struct block *block, unsigned char *data, uint32_t len)
{
	struct fragment *f = add_fragment(m);

	if (!f)
		return PvmNoMem;
	f->block = block;
	f->data = data;
	f->len = len;
	if (block)
		block->refs++;
	return 0;
}

void pvm__message_rewind(struct message *m)
{
	m->at = 0;
	m->off = 0;
	m->carried = 0;
}

uint64_t pvm__message_bytes(const struct message *m)
{
	uint64_t sum = 0;

	if (m->nfrags == 0)
		return 0;
	if (m->mode == MESSAGE_READING || m->enc == WIRE_ENC_INPLACE)
		return m->total;
	for (unsigned i = 0; i < m->nfrags; i++)
		sum += m->frags[i].len;
	return sum;
}
