/* SPDX-License-Identifier: MIT */
/* The memory of the process, made in place of this one's. */
#define _GNU_SOURCE 1
#include <fcntl.h>
#include <sys/mman.h>

#include "restart.h"

/* Older C libraries do not know it. */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* A kind of mapping, from Linux 6.11 on. */
#ifndef MAP_DROPPABLE
#define MAP_DROPPABLE 8
#endif

/* In an area's flags: it is writable for now. Images cannot have it. */
#define OPENED 0x80000000U

/* The linker's: where this program begins and ends. */
extern const char __executable_start[], _end[];

void make_arena(struct restart *r)
{
	uint64_t start = ((uint64_t)_end + IMAGE_PAGE - 1) & ~(uint64_t)(IMAGE_PAGE - 1);
	long at;

	r->memory = (uint64_t)__executable_start;
	r->low = r->memory < LOW_END;
	r->memory_end = r->low ? LOW_END : start + HIGH_ARENA;
	at = raw(SYS_mmap, start, r->memory_end - start, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
	if (at != (long)start)
		refuse(r, "the restarter's own memory is taken: error %u", -at);
	r->parking = start;
	r->buffer = (char *)start + PARKING;
	r->kept = r->buffer + BUFFER;
	r->kept_end = (char *)r->memory_end;
}

/* ---- the kernel's areas ----------------------------------------------------------------- */

static void move_system(struct restart *r, unsigned i, uint64_t to)
{
	struct image_area *area = &r->system[i];
	long at;

	if (!area->length)
		return;
	at = raw(SYS_mremap, area->start, area->length, area->length, MREMAP_MAYMOVE | MREMAP_FIXED,
		to);
	if (at != (long)to)
		refuse(r, "the kernel does not let its area at 0x%x move: error %u", area->start,
			-at);
	area->start = to;
}

static void park_system(struct restart *r)
{
	uint64_t to = r->parking;

	for (unsigned i = 0; i < IMAGE_SYSTEM_AREAS; i++) {
		move_system(r, i, to);
		to += r->system[i].length;
	}
}

/* ---- the areas -------------------------------------------------------------------------- */

static void unmap_all(struct restart *r)
{
	long rc = raw(SYS_munmap, 0, r->memory);

	if (!rc)
		rc = raw(SYS_munmap, r->memory_end, USER_END - r->memory_end);
	if (rc)
		refuse(r, "the memory here cannot be unmapped: error %u", -rc);
}

static int open_mapped(struct restart *r, const struct image_vma *area)
{
	bool writes = area->flags & IMAGE_SHARED && area->protection & PROT_WRITE;
	const char *path = PATH_BEHIND(r->files[area->file - 1]);
	long fd = raw(SYS_openat, AT_FDCWD, path, (writes ? O_RDWR : O_RDONLY) | O_CLOEXEC);

	if (fd < 0)
		refuse(r, "%s, which is mapped, cannot be opened: error %u", path, -fd);
	return (int)fd;
}

static void map_area(struct restart *r, const struct image_vma *area)
{
	int fd = area->file ? open_mapped(r, area) : -1;
	int flags = MAP_FIXED_NOREPLACE | (area->file ? 0 : MAP_ANONYMOUS) |
		(area->flags & IMAGE_SHARED ? MAP_SHARED : MAP_PRIVATE) |
		(area->flags & IMAGE_STACK ? MAP_GROWSDOWN | MAP_STACK : 0);
	long at = raw(SYS_mmap, area->start, area->end - area->start, area->protection, flags, fd,
		area->offset);

	if (at != (long)area->start)
		refuse(r, "the area at 0x%x cannot be mapped: error %u", area->start,
			raw_failed(at) ? -at : 0);
	if (fd >= 0)
		raw(SYS_close, fd);
}

static void protect(struct restart *r, const struct image_vma *area, uint32_t protection)
{
	long rc = raw(SYS_mprotect, area->start, area->end - area->start, protection);

	if (rc)
		refuse(r, "the area at 0x%x cannot be protected: error %u", area->start, -rc);
}

static void fill_run(struct restart *r, struct image_vma *area, uint64_t address, uint64_t n)
{
	if (!(area->protection & PROT_WRITE) && !(area->flags & OPENED)) {
		protect(r, area, PROT_READ | PROT_WRITE);
		area->flags |= OPENED;
	}
	/* All its pages at once, not at a fault each; kernels before 5.14 refuse that. */
	raw(SYS_madvise, address, n, MADV_POPULATE_WRITE);
	take(r, (void *)address, n);
}

/* Memory that the kernel may drop comes without its content, which is best not there twice. */
static void keep_from_children(struct restart *r, const struct image_vma *area,
	const struct image_wiped *wiped)
{
	uint64_t length = wiped->end - wiped->start;
	long rc = -1;

	if (wiped->flags & IMAGE_DROPPABLE) {
		raw(SYS_madvise, wiped->start, length, MADV_DONTNEED);
		rc = raw(SYS_mmap, wiped->start, length, area->protection,
			MAP_FIXED | MAP_ANONYMOUS | MAP_DROPPABLE, -1, 0);
	}
	if (raw_failed(rc))
		rc = raw(SYS_madvise, wiped->start, length, MADV_WIPEONFORK);
	if (raw_failed(rc))
		refuse(r, "the memory at 0x%x cannot be kept from children: error %u", wiped->start,
			-rc);
}

void rebuild(struct restart *r)
{
	static const struct sink filling = { fill_run, put_data, keep_from_children };

	r->gone = true;
	park_system(r);
	unmap_all(r);
	for (uint64_t i = 0; i < r->n_areas; i++)
		map_area(r, &r->areas[i]);
	walk(r, &filling);
	for (uint64_t i = 0; i < r->n_areas; i++)
		if (r->areas[i].flags & OPENED)
			protect(r, &r->areas[i], r->areas[i].protection);
	for (unsigned i = 0; i < IMAGE_SYSTEM_AREAS; i++)
		move_system(r, i, r->process->system[i].start);
}
