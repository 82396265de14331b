/* SPDX-License-Identifier: MIT */
/* Records in and out of rings, and checks of them. */
#include "transport/ring.h"

#include <string.h>

enum {
	PAD_HEAD = 8, /* bytes of a record that is a pad */
	HOT = 4096,   /* an empty ring is used from its start again behind so many bytes */
};

int pvm__ring_taken(struct ring_out *r, uint32_t head)
{
	if (head - r->head > r->tail - r->head)
		return -1;
	r->head = head;
	return 0;
}

/* Skip to the start of the ring: `n` bytes of nothing. */
static void pad(struct ring_out *r, uint32_t n)
{
	struct share_record *p = (void *)(r->bytes + (r->tail & (r->size - 1)));

	p->size = n;
	p->kind = SHARE_PAD;
	r->tail += n;
}

void *pvm__ring_room(struct ring_out *r, uint32_t size)
{
	uint32_t at = r->tail & (r->size - 1);
	uint32_t used = r->tail - r->head, to_end = r->size - at;

	/* Few pages that stay in the caches do as long as the reader keeps up. */
	if (to_end < size || (!used && at + size > HOT && at >= size)) {
		if (used + to_end + size > r->size)
			return NULL;
		pad(r, to_end);
		at = 0;
	} else if (used + size > r->size) {
		return NULL;
	}
	r->tail += size;
	return r->bytes + at;
}

/* Is a record of that head possible, with `have` bytes before the end of the ring or the tail? */
static int fits(const struct share_record *r, uint32_t have)
{
	if (r->size & 7 || r->size > have)
		return 0;
	if (r->kind == SHARE_PAD)
		return r->size >= PAD_HEAD;
	if (r->size < sizeof *r)
		return 0;
	if (r->kind == SHARE_INLINE)
		return r->length <= r->size - sizeof *r;
	return r->kind == SHARE_REFERENCE && r->ref < SHARE_REFS;
}

int pvm__ring_read(const unsigned char *ring, uint32_t size, uint32_t head, uint32_t tail,
	struct ring_in *in)
{
	while (head != tail) {
		uint32_t at = head & (size - 1), have = tail - head;

		if (have > size || head & 7)
			return -1;
		if (have > size - at)
			have = size - at;
		if (have < PAD_HEAD)
			return -1;
		if (have >= sizeof in->record)
			memcpy(&in->record, ring + at, sizeof in->record);
		else
			memcpy(&in->record, ring + at, PAD_HEAD);
		/* The copy alone is read from here on, whatever the writer does to the original. */
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
		if (!fits(&in->record, have))
			return -1;
		in->rest = ring + at + sizeof in->record;
		in->next = head + in->record.size;
		if (in->record.kind != SHARE_PAD)
			return 1;
		head = in->next;
	}
	return 0;
}
