/* SPDX-License-Identifier: MIT */
/* The pages of memory that only this process has. */
#define _GNU_SOURCE 1
#include "checkpoint/inside.h"

#ifdef IMAGE_POSSIBLE
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

/* An entry of /proc/self/pagemap: the page is in memory, swapped out, or the file's. */
#define PAGE_PRESENT (1ULL << 63)
#define PAGE_SWAPPED (1ULL << 62)
#define PAGE_OF_FILE (1ULL << 61)

enum {
	HALF = PART / 2,
	ENTRIES = HALF / sizeof(uint64_t),
};

/* Files of /proc that are read meanwhile. */
struct reader {
	struct job *job;
	int pagemap, memory;
	bool zeros; /* the area has other content at first, so that pages of zeros count, too */
	size_t at_dirty;    /* the next of the ranges that have changed, */
	const char *copied; /* and its copy, if there are any */
	uint64_t *entries;  /* the first half of job->part */
	char *copy;         /* the other */
};

static bool is_zero(const void *page)
{
	const uint64_t *word = page, *end = word + IMAGE_PAGE / sizeof *word;

	for (; word < end; word += 4)
		if (word[0] | word[1] | word[2] | word[3])
			return false;
	return true;
}

static bool write_run(struct job *job, uint64_t address, const void *at, size_t length)
{
	struct image_run run = { address };

	return pvm__image_record(job, IMAGE_RUN, (struct piece){ &run, sizeof run },
		(struct piece){ at, length });
}

static bool is_needed(const struct reader *r, const void *page)
{
	return r->zeros || !is_zero(page);
}

/*
 * Write pages of memory that can be read, but those that are what they are at first.
 *
 * address  what they are the pages of; at: where they are, or a copy of them
 */
static bool write_pages(struct reader *r, uint64_t address, const char *at, size_t length)
{
	size_t begin = 0, end = 0;

	while (begin < length) {
		while (begin < length && !is_needed(r, at + begin))
			begin += IMAGE_PAGE;
		end = begin;
		while (end < length && end - begin < IMAGE_RUN_MAX && is_needed(r, at + end))
			end += IMAGE_PAGE;
		if (end > begin && !write_run(r->job, address + begin, at + begin, end - begin))
			return false;
		begin = end;
	}
	return true;
}

/* Write pages that only the kernel can read for us; what is behind the end of a file, nobody can. */
static bool write_copies(struct reader *r, uint64_t address, size_t length)
{
	while (length) {
		size_t part = length < HALF ? length : HALF;
		long n = raw(SYS_pread64, r->memory, r->copy, part, address);

		if (n < IMAGE_PAGE)
			return true;
		part = (size_t)n & ~(size_t)(IMAGE_PAGE - 1);
		if (!write_pages(r, address, r->copy, part))
			return false;
		address += part;
		length -= part;
	}
	return true;
}

static bool is_own(uint64_t entry)
{
	return entry & (PAGE_PRESENT | PAGE_SWAPPED) && !(entry & PAGE_OF_FILE);
}

/*
 * Must pages be written from a copy? They may not be read, or they are those of the stack, which
 * changes from the checksum to the writing: below what the mark has, which is what counts.
 */
static bool must_copy(const struct job *job, const struct area *area)
{
	uint64_t stack = job->process.mark.rsp;

	return !(area->protection & PROT_READ) || (area->start <= stack && stack < area->end);
}

/* Write pages of an area, from where they are. */
static bool write_there(struct reader *r, const struct area *area, uint64_t at, size_t length)
{
	return must_copy(r->job, area) ? write_copies(r, at, length) :
					 write_pages(r, at, (const char *)at, length);
}

/* Write the own pages among those that r->entries tells of. */
static bool write_own(struct reader *r, const struct area *area, uint64_t address, unsigned n)
{
	unsigned begin = 0, end;

	while (begin < n) {
		uint64_t at;
		size_t length;

		while (begin < n && !is_own(r->entries[begin]))
			begin++;
		for (end = begin; end < n && is_own(r->entries[end]);)
			end++;
		at = address + (uint64_t)begin * IMAGE_PAGE;
		length = (size_t)(end - begin) * IMAGE_PAGE;
		if (!write_there(r, area, at, length))
			return false;
		begin = end;
	}
	return true;
}

/* Write the pages of an area that have changed: pages that are zero now were something else. */
static bool write_changes(struct reader *r, const struct area *area)
{
	const struct ranges *dirty = &r->job->changes.dirty;

	r->zeros = true;
	for (; r->at_dirty < dirty->n && dirty->at[r->at_dirty].start < area->end; r->at_dirty++) {
		const struct range *range = &dirty->at[r->at_dirty];
		size_t length = range->end - range->start;

		if (!(r->copied ? write_pages(r, range->start, r->copied, length) :
				  write_there(r, area, range->start, length)))
			return false;
		if (r->copied)
			r->copied += length;
	}
	return true;
}

static bool write_area(struct reader *r, const struct area *area)
{
	uint64_t at = area->start;

	if (area->shared)
		return true;
	if (r->job->changes.known && area->tracked)
		return write_changes(r, area);
	r->zeros = area->file;
	if (area->whole)
		return write_copies(r, at, area->end - at);
	while (at < area->end) {
		uint64_t left = (area->end - at) / IMAGE_PAGE;
		unsigned n = left < ENTRIES ? (unsigned)left : ENTRIES;
		long got = raw(SYS_pread64, r->pagemap, r->entries, n * sizeof *r->entries,
			at / IMAGE_PAGE * sizeof *r->entries);

		if (got != (long)(n * sizeof *r->entries)) {
			r->job->error = got < 0 ? (int)-got : EIO;
			return false;
		}
		if (!write_own(r, area, at, n))
			return false;
		at += (uint64_t)n * IMAGE_PAGE;
	}
	return true;
}

bool pvm__image_pages_write(struct job *job)
{
	struct reader r = {
		.job = job,
		.pagemap = (int)raw(SYS_openat, AT_FDCWD, "/proc/self/pagemap",
			O_RDONLY | O_CLOEXEC),
		.memory = (int)raw(SYS_openat, AT_FDCWD, "/proc/self/mem", O_RDONLY | O_CLOEXEC),
		.entries = (uint64_t *)job->part,
		.copy = job->part + HALF,
		.copied = job->changes.copies,
	};
	bool done = r.pagemap >= 0 && r.memory >= 0;

	if (!done)
		pvm__image_refuse(job, WHY_NO_PROC, 0, "/proc/self/pagemap");
	for (unsigned i = 0; done && i < job->n_areas; i++)
		done = write_area(&r, &job->areas[i]);
	if (r.pagemap >= 0)
		raw(SYS_close, r.pagemap);
	if (r.memory >= 0)
		raw(SYS_close, r.memory);
	return done;
}
#endif
