/* SPDX-License-Identifier: MIT */
/*
 * Any bytes in a ring that another process writes, any counters: what the reader takes for records
 * lies within the ring, and it comes to an end. Then a writer fills a ring whose reader's counter
 * is anything: what it puts is what a reader finds.
 *
 * Input: size of the ring (1 byte), head and tail (4 bytes each), then the ring's bytes.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "transport/ring.h"

enum { COUNTERS = 9 };

static uint32_t number(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The record that was read is possible; reads all that belongs to it. */
static void check_record(const struct ring_in *in, const unsigned char *ring, uint32_t size,
	uint32_t head, uint32_t tail)
{
	const struct share_record *r = &in->record;
	uint32_t rest = r->size - (uint32_t)sizeof *r;
	volatile unsigned char sum = 0;

	assert(r->kind == SHARE_INLINE || r->kind == SHARE_REFERENCE);
	assert(r->size >= sizeof *r && r->size % 8 == 0);
	assert(in->rest >= ring && in->rest + rest <= ring + size);
	assert(r->kind != SHARE_INLINE || r->length <= rest);
	assert(r->kind != SHARE_REFERENCE || r->ref < SHARE_REFS);
	assert(in->next - head <= tail - head && in->next != head);
	for (uint32_t i = 0; i < rest; i++)
		sum = in->rest[i];
	(void)sum;
}

/* Read until there is no record. */
static void read_all(const unsigned char *ring, uint32_t size, uint32_t head, uint32_t tail)
{
	struct ring_in in;
	unsigned records = 0;
	int found;

	while ((found = pvm__ring_read(ring, size, head, tail, &in)) > 0) {
		check_record(&in, ring, size, head, tail);
		head = in.next;
		assert(++records <= size / sizeof(struct share_record));
	}
	assert(found == 0 || found == -1);
}

/* Put records of these lengths; the reader is wherever it says, and takes one now and then. */
static void write_all(uint32_t size, const uint8_t *lengths, size_t n)
{
	struct ring_out out = { .bytes = calloc(1, size), .size = size };
	uint32_t head = 0, put = 0, taken = 0;
	struct ring_in in;

	if (!out.bytes)
		abort();
	for (size_t i = 4; i + 1 < n; i += 2) {
		uint32_t bytes = ((uint32_t)lengths[i] << 3 | (uint32_t)sizeof in.record) & ~7u;
		uint32_t said = lengths[i + 1] & 1 ? number(lengths) + (uint32_t)i : head;
		struct share_record *r;

		bytes = bytes < size / 2 ? bytes : size / 2;
		if (pvm__ring_taken(&out, said) == 0 && said != head)
			break; /* such a reader gets what it deserves */
		r = pvm__ring_room(&out, bytes);
		if (r) {
			assert((unsigned char *)r >= out.bytes &&
				(unsigned char *)r + bytes <= out.bytes + size);
			*r = (struct share_record){
				.size = bytes, .kind = SHARE_INLINE, .tag = put++
			};
		}
		if (!r || lengths[i + 1] & 2) {
			int found = pvm__ring_read(out.bytes, size, head, out.tail, &in);

			assert(found == (put != taken));
			assert(!found || in.record.tag == taken++);
			head = found ? in.next : head;
		}
	}
	free(out.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t ring = size ? (uint32_t)SHARE_RING_MIN << data[0] % 4 : 0;
	size_t n = size - COUNTERS < ring ? size - COUNTERS : ring;
	unsigned char *bytes;

	if (size < COUNTERS)
		return 0;
	bytes = calloc(1, ring);
	if (!bytes)
		abort();
	memcpy(bytes, data + COUNTERS, n);
	read_all(bytes, ring, number(data + 1), number(data + 5));
	free(bytes);
	write_all(ring, data + COUNTERS, n);
	return 0;
}
