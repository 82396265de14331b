/* SPDX-License-Identifier: MIT */
/*
 * Records in a ring that one process writes and another one reads (csrc/wire/share.h). Nothing here
 * believes what the other side has written, or waits.
 */
#ifndef PVM3PY_LIBPVM_RING_H
#define PVM3PY_LIBPVM_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "share.h"

/* A ring as its writer sees it. */
struct ring_out {
	unsigned char *bytes;
	uint32_t size; /* a power of two */
	uint32_t tail; /* bytes written so far, published or not */
	uint32_t head; /* bytes that the reader has taken, as far as is known */
};

/* The other side's counter `head` is this. -1: it cannot be. */
int pvm__ring_taken(struct ring_out *, uint32_t head);
enum { RING_LOOK = 1024 }; /* bytes that are written before the reader's counter is looked at */
/*
 * Is that to be looked at before a record of `size` bytes is written? Not each time, since the line
 * is then to be had from the reader's processor.
 */
static inline bool pvm__ring_unsure(const struct ring_out *r, uint32_t size)
{
	uint32_t used = r->tail - r->head;

	return used >= RING_LOOK || used + 2 * size > r->size;
}
/*
 * Room for a record of `size` bytes, a multiple of 8 and at most half of the ring; NULL: there is
 * none now. What is written there is published with `tail`.
 */
void *pvm__ring_room(struct ring_out *, uint32_t size);

/* A record as its reader sees it: a copy of the head, and where the rest is. */
struct ring_in {
	struct share_record record;
	const unsigned char *rest; /* `size` bytes without those of the head */
	uint32_t next;             /* `head` when it is taken */
};

/*
 * Read the record at `head` of a ring that is written up to `tail`. 1; 0: there is none; -1: what
 * is there is no record.
 */
int pvm__ring_read(const unsigned char *ring, uint32_t size, uint32_t head, uint32_t tail,
	struct ring_in *in);

#endif
