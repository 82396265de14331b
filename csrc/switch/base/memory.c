/* SPDX-License-Identifier: MIT */
/* Memory of the switch: receive chunks, which are shared by reference, and plain blocks. */
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

/* Unused receive chunks that are kept. */
#define CHUNKS_KEPT 8

static void *checked(void *p)
{
	if (!p) {
		fputs("pvmd3: out of memory\n", stderr);
		abort();
	}
	return p;
}

void *mem_new(size_t n)
{
	return checked(malloc(n));
}

void *mem_grow(void *p, size_t n)
{
	return checked(realloc(p, n));
}

/* Receive chunks are mapped one by one, so that what a backlog took goes back to the system. */
static struct chunk *map_chunk(void)
{
	void *p = mmap(NULL, CHUNK_BYTES, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

struct chunk *chunk_try(struct sw *sw, uint32_t room)
{
	struct chunk *ck;

	if (room == CHUNK_ROOM && sw->pool.kept) {
		ck = sw->pool.kept;
		sw->pool.kept = ck->next;
		sw->pool.count--;
	} else if (room == CHUNK_ROOM) {
		ck = map_chunk();
	} else {
		ck = malloc(sizeof *ck + room);
	}
	if (!ck)
		return NULL;
	ck->next = NULL;
	ck->refs = 1;
	ck->used = 0;
	ck->room = room;
	return ck;
}

struct chunk *chunk_new(struct sw *sw, uint32_t room)
{
	return checked(chunk_try(sw, room));
}

void chunk_unref(struct sw *sw, struct chunk *ck)
{
	if (--ck->refs)
		return;
	if (ck->room != CHUNK_ROOM) {
		free(ck);
	} else if (sw->pool.count < CHUNKS_KEPT) {
		ck->next = sw->pool.kept;
		sw->pool.kept = ck;
		sw->pool.count++;
	} else {
		munmap(ck, CHUNK_BYTES);
	}
}

void chunk_trim(struct sw *sw)
{
	struct chunk *ck;

	while ((ck = sw->pool.kept)) {
		sw->pool.kept = ck->next;
		munmap(ck, CHUNK_BYTES);
	}
	sw->pool.count = 0;
}

void sw_one_arena(void)
{
#ifdef __GLIBC__
	mallopt(M_ARENA_MAX, 1);
#endif
}

void sw_trim(struct sw *sw)
{
	lock_enter(sw);
	chunk_trim(sw);
	lock_leave(sw);
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}
