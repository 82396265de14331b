/* SPDX-License-Identifier: MIT */
/*
 * One thread writes records of all lengths into a small ring, another one reads them: each comes
 * once, in order and whole. With the library's transport/ring.c; no task is needed.
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "../../csrc/libpvm/transport/ring.h"

enum { RECORDS = 200000, LONGEST = 2000, LOOKS = 1000 };

static unsigned char ring[SHARE_RING_MIN] __attribute__((aligned(64)));
static uint32_t published, taken; /* tail and head, as the other thread sees them */

/* The other thread may have no processor: let it have this one now and then. */
static void give_way(void)
{
	static __thread unsigned looks;

	if (++looks % LOOKS == 0)
		sched_yield();
}

static uint32_t length_of(uint32_t n)
{
	return n * 2654435761u % (n % 16 ? 64 : LONGEST);
}

static void *write_records(void *unused)
{
	struct ring_out out = { .bytes = ring, .size = sizeof ring };

	(void)unused;
	for (uint32_t n = 0; n < RECORDS; n++) {
		uint32_t length = length_of(n);
		uint32_t size = ((uint32_t)sizeof(struct share_record) + length + 7) & ~7u;
		struct share_record *r;

		while (!(r = pvm__ring_room(&out, size))) {
			if (pvm__ring_taken(&out, __atomic_load_n(&taken, __ATOMIC_ACQUIRE)))
				return (void *)1;
			give_way();
		}
		*r = (struct share_record){ .size = size, .kind = SHARE_INLINE, .length = length };
		r->tag = n;
		memset(r + 1, (int)n, length);
		__atomic_store_n(&published, out.tail, __ATOMIC_RELEASE);
	}
	return NULL;
}

/* Is it record n? */
static int is_whole(const struct ring_in *in, uint32_t n)
{
	int good = in->record.tag == n && in->record.length == length_of(n);

	for (uint32_t i = 0; good && i < in->record.length; i++)
		good = in->rest[i] == (unsigned char)n;
	return good;
}

int main(void)
{
	uint32_t head = 0;
	pthread_t writer;
	void *wrong;

	pthread_create(&writer, NULL, write_records, NULL);
	for (uint32_t n = 0; n < RECORDS; n++) {
		struct ring_in in;
		int found = 0;

		while (found == 0) {
			found = pvm__ring_read(ring, sizeof ring, head,
				__atomic_load_n(&published, __ATOMIC_ACQUIRE), &in);
			give_way();
		}
		if (found < 0 || !is_whole(&in, n))
			return 1;
		head = in.next;
		__atomic_store_n(&taken, head, __ATOMIC_RELEASE);
	}
	pthread_join(writer, &wrong);
	return wrong != NULL;
}
