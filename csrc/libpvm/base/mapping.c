/* SPDX-License-Identifier: MIT */
/*
 * Memory that is shared with other processes, and what becomes of it in a child, or when nobody
 * leaves it alone any more: private copies of what is in use, at the same addresses.
 */
#define _GNU_SOURCE 1 /* MADV_ */
#include "base/base.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct mapping *mappings;
static unsigned pins; /* nothing is unmapped meanwhile */
static bool doomed;   /* some have no user any more */

/* A piece of a mapping, kept for the private memory that takes its place. */
struct keepsake {
	struct keepsake *next;
	unsigned char *at;
	size_t size;
	unsigned char bytes[];
};
static struct keepsake *keepsakes;

enum { TABLE = 2 << 20 }; /* bytes that one page of page tables maps on most machines */

/*
 * Map the file where its begin, of which most is used, needs few pages of page tables. MAP_FAILED: that
 * does not work.
 */
static void *map_compactly(int fd, size_t size, int access)
{
	int kind = MAP_SHARED | MAP_NORESERVE;
	unsigned char *room = mmap(NULL, size + TABLE, PROT_NONE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	size_t before = -(uintptr_t)room & (TABLE - 1);
	void *base;

	if (room == MAP_FAILED)
		return mmap(NULL, size, access, kind, fd, 0);
	base = mmap(room + before, size, access, kind | MAP_FIXED, fd, 0);
	if (base == MAP_FAILED) {
		munmap(room, size + TABLE);
		return base;
	}
	if (before)
		munmap(room, before);
	if (before < TABLE)
		munmap(room + before + size, TABLE - before);
	return base;
}

struct mapping *pvm__mapping_new(int fd, size_t size, bool own)
{
	struct mapping *m = malloc(sizeof *m);
	void *base;

	if (!m)
		return NULL;
	base = map_compactly(fd, size, own ? PROT_READ | PROT_WRITE : PROT_READ);
	if (base == MAP_FAILED) {
		free(m);
		return NULL;
	}
	if (!own)
		madvise(base, size, MADV_DONTDUMP);
	*m = (struct mapping){
		.next = mappings, .base = base, .size = size, .own = own, .users = 1
	};
	mappings = m;
	return m;
}

/* Unmap those without a user. */
static void sweep(void)
{
	struct mapping **place = &mappings;

	doomed = false;
	while (*place) {
		struct mapping *m = *place;

		if (m->users) {
			place = &m->next;
			continue;
		}
		*place = m->next;
		munmap(m->base, m->size);
		free(m);
	}
}

void pvm__mapping_unref(struct mapping *m)
{
	if (--m->users)
		return;
	doomed = true;
	if (!pins)
		sweep();
}

void pvm__mappings_pin(void)
{
	pvm__self.pins++;
	pins++;
}

void pvm__mappings_unpin(unsigned n)
{
	pvm__self.pins -= n;
	pins -= n;
	if (!pins && doomed)
		sweep();
}

/* ---- private copies -------------------------------------------------------------------------- */

static void keep(unsigned char *at, size_t size)
{
	/* A signal handler that forks may have interrupted malloc. */
	struct keepsake *k = mmap(NULL, sizeof *k + size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (k == MAP_FAILED) {
		pvm__log("out of memory: messages have lost what lay in shared memory");
		return;
	}
	k->next = keepsakes;
	k->at = at;
	k->size = size;
	memcpy(k->bytes, at, size);
	keepsakes = k;
}

void pvm__mappings_before_fork(void)
{
	for (struct mapping *m = mappings; m; m = m->next)
		if (m->in_use && !m->detached)
			m->in_use(m, keep);
}

/*
 * Private memory takes the mapping's place, which a child has inherited until now so that nothing
 * else is there. Of a peer's, only what was kept is made writable, and so counts as used. False: the
 * system has no memory.
 */
static bool replace(struct mapping *m)
{
	int access = m->own ? PROT_READ | PROT_WRITE : PROT_READ;
	int kind = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;

	m->detached = mmap(m->base, m->size, access, kind, -1, 0) != MAP_FAILED;
	return m->detached;
}

/* Put into its place what was kept. */
static void restore(const struct keepsake *k)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = (uintptr_t)k->at & ~(page - 1);

	if (mprotect((void *)begin, (uintptr_t)k->at + k->size - begin, PROT_READ | PROT_WRITE) ==
		0)
		memcpy(k->at, k->bytes, k->size);
}

/* Put back what was kept, or forget it. */
static void end_keepsakes(bool wanted)
{
	while (keepsakes) {
		struct keepsake *k = keepsakes;

		keepsakes = k->next;
		if (wanted)
			restore(k);
		munmap(k, sizeof *k + k->size);
	}
}

void pvm__mappings_after_fork(bool child)
{
	for (struct mapping *m = mappings; child && m; m = m->next)
		if (!m->detached && !replace(m))
			munmap(m->base, m->size); /* the parent's is not to be written to */
	if (child)
		pins = pvm__self.pins;
	end_keepsakes(child);
}

bool pvm__mappings_withdraw(void (*more)(void (*keep)(unsigned char *, size_t)))
{
	bool all = true;

	pvm__mappings_before_fork();
	more(keep);
	for (struct mapping *m = mappings; m; m = m->next)
		all = (m->detached || replace(m)) && all;
	end_keepsakes(true);
	return all;
}

void pvm__mapping_detach(struct mapping *m)
{
	if (m->detached)
		return;
	m->in_use(m, keep);
	/* Without memory the bodies stay where they are, and may change when their owner goes on. */
	end_keepsakes(replace(m));
}
