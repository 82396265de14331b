/* SPDX-License-Identifier: MIT */
/* What messages consist of: fragments of bytes in reference-counted blocks. */
#include "message/message.h"

#include <stdlib.h>
#include <string.h>

/* ---- blocks -------------------------------------------------------------- */

/*
 * Free blocks of the sizes that are worth keeping: short messages, fragments of 3.4.6
 * and of this project.  Kept are as many as a few messages of 1 MiB need.
 */
#define POOL_BYTES (4u << 20)
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
	return (struct block **)(void *)(b->bytes + WIRE_HEADROOM);
}

/* The pool whose blocks have at least `cap` bytes; NULL: too large for all. */
static struct pool *pool_for(size_t cap)
{
	for (size_t i = 0; i < sizeof pools / sizeof pools[0]; i++)
		if (cap <= pools[i].cap)
			return &pools[i];
	return NULL;
}

/*
 * Memory for `cap` data bytes behind WIRE_HEADROOM, one reference; NULL: out of
 * memory. Blocks of the usual fragment sizes are recycled, so `cap` may come
 * out larger than asked for.
 */
static struct block *new_block(size_t cap)
{
	struct pool *pool = pool_for(cap);
	struct block *b = pool ? pool->free : NULL;

	if (b) {
		pool->free = *link_of(b);
		pool->bytes -= pool->cap;
	} else {
		cap = pool ? pool->cap : cap;
		b = malloc(sizeof *b + WIRE_HEADROOM + cap);
		if (!b)
			return NULL;
		b->cap = cap;
	}
	b->refs = 1;
	return b;
}

void pvm__block_unref(struct block *b)
{
	struct pool *pool;

	if (!b || --b->refs)
		return;
	pool = pool_for(b->cap);
	if (!pool || pool->bytes >= POOL_BYTES) {
		free(b);
		return;
	}
	*link_of(b) = pool->free;
	pool->free = b;
	pool->bytes += pool->cap;
}

/* ---- fragments ----------------------------------------------------------- */

void pvm__message_clear(struct message *m)
{
	for (unsigned i = 0; i < m->nfrags; i++)
		pvm__block_unref(m->frags[i].block);
	m->nfrags = 0;
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
	struct block *b = new_block(cap);
	struct fragment *f = b ? add_fragment(m) : NULL;

	if (!f) {
		pvm__block_unref(b);
		return NULL;
	}
	f->block = b;
	f->data = b->bytes + WIRE_HEADROOM;
	f->room = (uint32_t)cap;
	return f;
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
