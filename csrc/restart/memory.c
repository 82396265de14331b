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

static void unmap_all(struct restart *r)
{
	long rc = raw(SYS_munmap, 0, r->memory);

	if (!rc)
		rc = raw(SYS_munmap, r->memory_end, USER_END - r->memory_end);
	if (rc)
		refuse(r, "the memory here cannot be unmapped: error %u", -rc);
}

/* ---- memory of images that build on each other ---------------------------------------------- */

/* Private memory that is made of nothing: what is not in the image is as in its base, or zero. */
static bool is_plain(const struct image_vma *area)
{
	return !area->file && !(area->flags & ~OPENED);
}

static void map_plain(struct restart *r, uint64_t start, uint64_t end)
{
	long at = start;

	if (start < end)
		at = raw(SYS_mmap, start, end - start, PROT_READ | PROT_WRITE,
			MAP_FIXED_NOREPLACE | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at != (long)start)
		refuse(r, "the area at 0x%x cannot be mapped: error %u", start, -at);
}

/* Unmap what is between two areas, except ourselves. */
static void unmap_between(const struct restart *r, uint64_t start, uint64_t end)
{
	if (start < r->memory && r->memory < end) {
		raw(SYS_munmap, start, r->memory - start);
		start = r->memory_end;
	}
	if (start < end)
		raw(SYS_munmap, start, end - start);
}

/* Map those parts of an area that are not mapped as plain memory of the image before. */
static void map_rest(struct restart *r, const struct image_vma *area, const struct source *before,
	uint64_t *next)
{
	uint64_t at = area->start;

	for (uint64_t i = *next; before && i < before->n_areas; i++) {
		const struct image_vma *old = &before->areas[i];

		if (old->start >= area->end)
			break;
		if (old->end <= area->start) {
			*next = i + 1;
			continue;
		}
		if (!is_plain(old))
			continue;
		map_plain(r, at, old->start);
		at = old->end;
	}
	map_plain(r, at, area->end);
}

/* Have exactly the plain memory of the image at hand, with the content that there is of it. */
static void stage(struct restart *r, const struct source *before)
{
	uint64_t end = 0, next = 0;

	for (uint64_t i = 0; i < r->from->n_areas; i++) {
		struct image_vma *area = &r->from->areas[i];

		if (!is_plain(area))
			continue;
		unmap_between(r, end, area->start);
		map_rest(r, area, before, &next);
		area->flags |= OPENED;
		end = area->end;
	}
	unmap_between(r, end, USER_END);
	r->at_area = 0;
}

/* What is between two ranges that are kept is not as in the base: it is zero now. */
static void drop_unkept(struct restart *r, uint64_t start, uint64_t end)
{
	uint64_t from = r->from->kept;

	(void)end;
	for (; r->at_area < r->from->n_areas; r->at_area++) {
		const struct image_vma *area = &r->from->areas[r->at_area];
		uint64_t low = area->start > from ? area->start : from;
		uint64_t high = area->end < start ? area->end : start;

		if (low < high && is_plain(area))
			raw(SYS_madvise, low, high - low, MADV_DONTNEED);
		if (area->end > start)
			break;
	}
}

/* ---- the areas -------------------------------------------------------------------------- */

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
	/* All else of a base is in the image itself. */
	if (r->from != &r->image && !is_plain(area)) {
		skip(r, n);
		return;
	}
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

static const struct sink filling = { fill_run, put_data, drop_unkept, keep_from_children };

/* All memory of this process goes, but ourselves. */
static void clear(struct restart *r)
{
	r->gone = true;
	park_system(r);
	unmap_all(r);
}

void stage_bases(struct restart *r)
{
	const struct source *before = NULL;

	if (!r->n_bases)
		return;
	clear(r);
	for (unsigned i = 0; i < r->n_bases; i++) {
		r->from = &r->bases[i];
		stage(r, before);
		walk(r, &filling);
		raw(SYS_close, r->from->fd);
		before = r->from;
	}
	r->n_bases = 0;
	r->from = &r->image;
	stage(r, before);
}

void rebuild(struct restart *r)
{
	bool is_staged = r->gone;

	if (!is_staged)
		clear(r);
	for (uint64_t i = 0; i < r->from->n_areas; i++)
		if (!is_staged || !is_plain(&r->from->areas[i]))
			map_area(r, &r->from->areas[i]);
	walk(r, &filling);
	for (uint64_t i = 0; i < r->from->n_areas; i++)
		if (r->from->areas[i].flags & OPENED)
			protect(r, &r->from->areas[i], r->from->areas[i].protection);
	for (unsigned i = 0; i < IMAGE_SYSTEM_AREAS; i++)
		move_system(r, i, r->process->system[i].start);
}
