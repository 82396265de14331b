/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "arena.h"

enum {
	PAGE = 64 * 1024, /* the largest of Linux */
	SLOTS_PER_RUNNER = 512,
	MOST_SLOTS = 16384,
	FEW_SLOTS = 128, /* where addresses are scarce */
};

struct arena arena;

static uint64_t rounded(uint64_t bytes)
{
	return (bytes + PAGE - 1) / PAGE * PAGE;
}

/* Sizes of parts at first try; addresses are all that they cost. */
static void choose_sizes(uint32_t runners)
{
	uint32_t slots = SLOTS_PER_RUNNER * runners;

	arena.n_runners = runners;
	arena.n_slots = slots < MOST_SLOTS ? slots : MOST_SLOTS;
	arena.log_bytes = (uint64_t)4 << 30;
	arena.copies_bytes = (uint64_t)256 << 30;
	if (sizeof(void *) == 4) {
		arena.n_slots = FEW_SLOTS;
		arena.log_bytes = 64 << 20;
		arena.copies_bytes = 512 << 20;
	}
	if (arena.log_bytes * runners > arena.copies_bytes / 2)
		arena.log_bytes = rounded(arena.copies_bytes / 2 / runners);
}

/* Places of all parts; each begins at a page. */
static void lay_out(void)
{
	uint64_t at = rounded(sizeof(struct board));
	uint64_t words = at, slots, runners, shares;

	at += rounded(arena.n_slots * sizeof *arena.words);
	slots = at;
	at += rounded(arena.n_slots * sizeof *arena.slots);
	runners = at;
	at += rounded(arena.n_runners * sizeof *arena.runners);
	shares = at;
	at += rounded(HPVM_SHARES * sizeof *arena.shares);
	arena.blocks = at;
	at += (uint64_t)arena.n_slots * HPVM_BLOCK;
	arena.logs = at;
	at += arena.n_runners * arena.log_bytes;
	arena.copies = at;
	arena.size = at + arena.copies_bytes;
	if (!arena.base)
		return;
	arena.board = (void *)arena.base;
	arena.words = (void *)(arena.base + words);
	arena.slots = (void *)(arena.base + slots);
	arena.runners = (void *)(arena.base + runners);
	arena.shares = (void *)(arena.base + shares);
}

static bool map(void)
{
	void *base;

	lay_out();
	if (arena.size > SIZE_MAX || ftruncate(arena.fd, (off_t)arena.size) < 0)
		return false;
	base = mmap(NULL, (size_t)arena.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
		arena.fd, 0);
	if (base == MAP_FAILED)
		return false;
	arena.base = base;
	madvise(base, (size_t)arena.size, MADV_DONTDUMP);
	lay_out();
	return true;
}

bool arena_make(uint32_t runners)
{
	choose_sizes(runners);
	arena.fd = memfd_create("hpvm", MFD_CLOEXEC);
	if (arena.fd < 0)
		return false;
	while (!map()) {
		if (arena.copies_bytes < 16 << 20)
			return false;
		arena.copies_bytes = rounded(arena.copies_bytes / 2);
		arena.log_bytes = rounded(arena.log_bytes / 2);
		if (arena.n_slots > FEW_SLOTS)
			arena.n_slots /= 2;
	}
	return true;
}

unsigned char *arena_block(uint32_t slot)
{
	return arena.base + arena.blocks + (uint64_t)slot * HPVM_BLOCK;
}

unsigned char *arena_log(uint32_t runner)
{
	return arena.base + arena.logs + runner * arena.log_bytes;
}

bool arena_reserve(uint64_t place, uint64_t bytes)
{
	int result;

	if (!bytes)
		return true;
	do
		result = posix_fallocate(arena.fd, (off_t)place, (off_t)bytes);
	while (result == EINTR);
	return result == 0;
}

void arena_release(uint64_t place, uint64_t bytes)
{
	uint64_t first = rounded(place), end = (place + bytes) / PAGE * PAGE;

	if (end > first)
		fallocate(arena.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)first,
			(off_t)(end - first));
}
