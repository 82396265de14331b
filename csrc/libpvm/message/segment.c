/* SPDX-License-Identifier: MIT */
/* The own segment, which peers read, and the blocks of its arena that messages are packed into. */
#define _GNU_SOURCE 1 /* fallocate, F_ADD_SEALS */
#include "message/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	GROW = 4,  /* blocks that the arena grows by, when it has so many; one before */
	KEPT = 64, /* free blocks whose pages are not given back */
	BLOCKS_MAX = (SHARE_SIZE - SHARE_ARENA_AT) / SHARE_BLOCK,
	REST_NS = NS_PER_S, /* a free block that was not used for so long is given back, */
	GIVE_MAX = 64,      /* at most so many at once */
	IN_VAIN_MAX =
		4, /* looks in a row that found none, before a wait is not ended for another */
};

/* The layout is one for all widths of pointers: tasks of different ones share memory. */
_Static_assert(offsetof(struct share_home, epoch) == 64, "the state has a line of its own");
_Static_assert(offsetof(struct share_home, messages) == 128, "counters are behind it");
_Static_assert(sizeof(struct share_home) == 224, "there is no gap");
_Static_assert(sizeof(struct share_home) <= SHARE_SLOTS_AT, "slots are behind it");
_Static_assert(offsetof(struct share_slot, head) == 64, "each direction has a line of its own");
_Static_assert(offsetof(struct share_slot, back) == 128, "references are behind them");
_Static_assert(sizeof(struct share_slot) == 384, "slots begin with a line");
_Static_assert(sizeof(struct share_record) == 40 && sizeof(struct share_piece) == 8,
	"records are multiples of 8 bytes");
_Static_assert(SHARE_SLOTS_AT + SHARE_SLOTS * sizeof(struct share_slot) <= SHARE_RINGS_AT,
	"room for the slots");
_Static_assert(SHARE_RINGS_AT + SHARE_SLOTS * SHARE_RING <= SHARE_ARENA_AT, "room for the rings");

/* A block of the arena; its head lies in private memory. */
struct arena_block {
	struct block block; /* first */
	struct segment *segment;
};

/* What is known of blocks; made with the first one. */
struct arena {
	struct arena_block *free[BLOCKS_MAX], all[BLOCKS_MAX];
};

struct segment {
	unsigned users; /* the connection, and blocks in use */
	struct mapping *mapping;
	struct share_home *home;
	int fd, bell;
	bool left;       /* the connection has ended: no block is used again */
	unsigned blocks; /* that the arena may have */
	unsigned made;   /* blocks that have been used so far */
	unsigned grown;  /* blocks with memory */
	/*
	 * Free ones: the last freed is the next used. Those below `low` were not used since `rested`;
	 * those below `given` have no memory any more.
	 */
	unsigned nfree, low, given;
	int64_t rested; /* monotonic ns */
	unsigned
		in_vain; /* looks in a row that found nothing to give back; no block was used meanwhile */
	struct arena *arena;
};

/* Bytes of the segment, by the width of pointers. */
static uint32_t whole_size(void)
{
	return sizeof(void *) == 4 ? SHARE_SIZE_32 : SHARE_SIZE;
}

/* An anonymous file of that size that can neither shrink nor grow; -1: there is none. */
static int make_file(uint32_t size)
{
	struct rlimit limit;
	int fd;

	/* Growing a file beyond the limit would end the program. */
	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < size)
		return -1;
	fd = pvm__off_stdio((int)syscall(SYS_memfd_create, "pvm", MFD_CLOEXEC | MFD_ALLOW_SEALING));
	if (fd < 0)
		return -1;
	if (ftruncate(fd, size) == 0 &&
		fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
		return fd;
	close(fd);
	return -1;
}

/* The blocks in use, for a child. */
static void in_use(struct mapping *m, void (*keep)(unsigned char *, size_t))
{
	struct segment *s = m->owner;

	for (unsigned i = 0; i < s->made; i++)
		if (s->arena->all[i].block.refs)
			keep(s->arena->all[i].block.bytes, SHARE_BLOCK);
}

static void begin_home(struct segment *s, uint32_t generation, uint32_t ring)
{
	s->home = (struct share_home *)(void *)s->mapping->base;
	s->home->magic = SHARE_MAGIC;
	s->home->version = SHARE_VERSION;
	s->home->tid = (uint32_t)pvmmytid;
	s->home->generation = generation;
	s->home->size = (uint32_t)s->mapping->size;
	s->home->ring = ring;
	s->home->room = s->blocks * SHARE_BLOCK;
	s->home->processor = ~0u;
}

int pvm__segment_open(uint32_t generation, uint32_t ring, uint32_t arena)
{
	uint32_t size = whole_size();
	struct segment *s = calloc(1, sizeof *s);

	if (!s)
		return PvmNoMem;
	s->fd = make_file(size);
	s->bell = pvm__off_stdio(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	if (s->fd >= 0 && s->bell >= 0 && fallocate(s->fd, 0, 0, sizeof *s->home) == 0)
		s->mapping = pvm__mapping_new(s->fd, size, true);
	if (!s->mapping) {
		if (s->fd >= 0)
			close(s->fd);
		if (s->bell >= 0)
			close(s->bell);
		free(s);
		return PvmSysErr;
	}
	s->users = 1;
	s->mapping->owner = s;
	s->mapping->in_use = in_use;
	s->blocks = (size - SHARE_ARENA_AT) / SHARE_BLOCK;
	if (arena / SHARE_BLOCK < s->blocks)
		s->blocks = arena / SHARE_BLOCK;
	s->rested = pvm__now();
	begin_home(s, generation, ring);
	pvm__task.segment = s;
	return 0;
}

static void unref(struct segment *s)
{
	if (--s->users)
		return;
	s->mapping->in_use = NULL;
	pvm__mapping_unref(s->mapping);
	free(s->arena);
	free(s);
}

void pvm__segment_close(void)
{
	struct segment *s = pvm__task.segment;

	if (!s)
		return;
	pvm__task.segment = NULL;
	s->left = true;
	close(s->fd);
	close(s->bell);
	unref(s);
}

struct share_home *pvm__segment_home(void)
{
	return pvm__task.segment->home;
}

struct mapping *pvm__segment_mapping(void)
{
	return pvm__task.segment->mapping;
}

int pvm__segment_bell(void)
{
	return pvm__task.segment->bell;
}

void pvm__segment_descriptors(int fds[2])
{
	fds[0] = pvm__task.segment->fd;
	fds[1] = pvm__task.segment->bell;
}

void pvm__segment_uproot(void)
{
	pvm__task.segment->fd = pvm__task.segment->bell = -1;
}

int pvm__segment_gift(void)
{
	char path[32];
	int fd;

	snprintf(path, sizeof path, "/proc/self/fd/%d", pvm__task.segment->fd);
	fd = pvm__off_stdio(open(path, O_RDONLY | O_CLOEXEC));
	return fd >= 0 ? fd : pvm__off_stdio(fcntl(pvm__task.segment->fd, F_DUPFD_CLOEXEC, 3));
}

bool pvm__segment_back(uint32_t offset, uint32_t bytes)
{
	return fallocate(pvm__task.segment->fd, 0, offset, bytes) == 0;
}

/* ---- blocks ------------------------------------------------------------------------- */

/* Block `i` has memory from now on. False: there is none left. */
static bool back(struct segment *s, unsigned i, unsigned n)
{
	return fallocate(s->fd, 0, SHARE_ARENA_AT + (off_t)i * SHARE_BLOCK,
		       (off_t)n * SHARE_BLOCK) == 0;
}

/* A block that has not been used yet, or NULL. */
static struct arena_block *new_block(struct segment *s)
{
	unsigned left = s->blocks - s->grown, more = s->grown < GROW ? 1 : GROW;
	struct arena_block *a;

	if (!s->arena)
		s->arena = malloc(sizeof *s->arena);
	if (!s->arena || s->made == s->blocks)
		return NULL;
	if (s->made == s->grown) {
		more = more < left ? more : left;
		if (!back(s, s->grown, more))
			return NULL;
		s->grown += more;
	}
	a = &s->arena->all[s->made];
	*a = (struct arena_block){ .segment = s };
	a->block.cap = SHARE_BLOCK;
	a->block.bytes = s->mapping->base + SHARE_ARENA_AT + (size_t)s->made * SHARE_BLOCK;
	s->made++;
	return a;
}

/* The block that was freed last, or NULL. */
static struct arena_block *used_block(struct segment *s)
{
	struct arena_block *a;

	if (!s->nfree)
		return NULL;
	a = s->arena->free[s->nfree - 1];
	if (s->nfree == s->given) {
		if (!back(s, (unsigned)(a - s->arena->all), 1))
			return NULL;
		s->given--;
	}
	if (--s->nfree < s->low)
		s->low = s->nfree;
	return a;
}

static struct arena_block *any_block(struct segment *s)
{
	struct arena_block *a = used_block(s);

	return a ? a : new_block(s);
}

static void release(struct block *b)
{
	struct arena_block *a = (struct arena_block *)b;
	struct segment *s = a->segment;

	if (!s->left)
		s->arena->free[s->nfree++] = a;
	s->home->arena--;
	unref(s);
}

struct block *pvm__segment_block(void)
{
	struct segment *s = pvm__task.segment;
	struct arena_block *a = any_block(s);

	if (!a) {
		pvm__above.collect();
		a = any_block(s);
	}
	if (!a)
		return NULL;
	a->block.release = release;
	a->block.refs = 1;
	s->in_vain = 0;
	s->users++;
	s->home->arena++;
	return &a->block;
}

bool pvm__segment_piece(const struct fragment *f, struct share_piece *piece)
{
	const struct segment *s = pvm__task.segment;

	if (!f->block || f->block->release != release ||
		((struct arena_block *)f->block)->segment != s)
		return false;
	piece->offset = (uint32_t)(f->data - s->mapping->base);
	piece->length = f->len;
	return true;
}

/* Free blocks that can go: more than are kept, and not used since `rested`. */
static unsigned spare(const struct segment *s)
{
	unsigned many = s->nfree > KEPT ? s->nfree - KEPT : 0;

	return many < s->low ? many : s->low;
}

/* Give back the memory of a free block. */
static bool give_back(struct segment *s, const struct arena_block *a)
{
	return fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		       SHARE_ARENA_AT + (off_t)(a - s->arena->all) * SHARE_BLOCK, SHARE_BLOCK) == 0;
}

/* Give back what was not used for a while, a part of it. False: there is none. */
static bool give_some(struct segment *s)
{
	unsigned end, before = s->given;

	pvm__above.collect();
	end = spare(s);
	end = end < before + GIVE_MAX ? end : before + GIVE_MAX;
	while (s->given < end && give_back(s, s->arena->free[s->given]))
		s->given++;
	s->low = s->nfree;
	return s->given > before;
}

bool pvm__segment_rest(int64_t now)
{
	struct segment *s = pvm__task.segment;

	if (s->made <= KEPT + s->given)
		return false;
	if (now - s->rested >= REST_NS) {
		s->in_vain = give_some(s) ? 0 : s->in_vain + 1;
		s->rested = now;
	}
	return s->made > KEPT + s->given && s->in_vain < IN_VAIN_MAX;
}
