/* SPDX-License-Identifier: MIT */
/* An image that builds on another one: what is in it, and what its writer needs for that. */
#define _GNU_SOURCE 1
#include "checkpoint/inside.h"

#ifdef IMAGE_POSSIBLE
#include <sys/mman.h>

enum {
	COPIED_MAX = 32 << 20, /* bytes: of more, copying takes longer than having a child share */
	AROUND = 1 << 20,      /* bytes */
	SPARED_MIN = 1 << 20,  /* bytes of an area: smaller ones cost nothing */
	KEPT_MAX = PART / sizeof(struct image_kept),
};

/* ---- records ------------------------------------------------------------------------- */

bool pvm__image_base_write(struct job *job)
{
	struct image_base base = { job->order->base, 0 };

	return !job->changes.known ||
		pvm__image_record(job, IMAGE_BASE, (struct piece){ &base, sizeof base },
			(struct piece){ NULL, 0 });
}

bool pvm__image_kept_write(struct job *job)
{
	_Static_assert(sizeof(struct range) == sizeof(struct image_kept),
		"they are written as such");
	const struct ranges *kept = &job->changes.kept;

	if (!job->changes.known)
		return true;
	for (size_t i = 0; i < kept->n; i += KEPT_MAX) {
		size_t n = kept->n - i < KEPT_MAX ? kept->n - i : KEPT_MAX;

		if (!pvm__image_record(job, IMAGE_KEPT,
			    (struct piece){ kept->at + i, n * sizeof *kept->at },
			    (struct piece){ NULL, 0 }))
			return false;
	}
	return true;
}

/* ---- what the writer needs --------------------------------------------------------------- */

/* Can the process read all that has changed? */
static bool is_readable(const struct job *job)
{
	for (unsigned i = 0; i < job->n_areas; i++)
		if (job->areas[i].tracked && !(job->areas[i].protection & PROT_READ))
			return false;
	return true;
}

static void copy_words(char *to, const char *from, uint64_t bytes)
{
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
}

void pvm__image_changes_copy(struct job *job)
{
	struct changes *c = &job->changes;
	uint64_t bytes = c->dirty.pages * IMAGE_PAGE;
	long at;

	if (!c->known || !bytes || bytes > COPIED_MAX || !is_readable(job))
		return;
	at = raw(SYS_mmap, 0, bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (raw_failed(at))
		return;
	c->copies = (char *)at;
	for (size_t i = 0; i < c->dirty.n; i++) {
		const struct range *r = &c->dirty.at[i];

		copy_words((char *)at, (const char *)r->start, r->end - r->start);
		at += (long)(r->end - r->start);
	}
}

/*
 * Keep an area from the writer, but what is around places that it uses; `used` ends with 0. These may
 * be in a large area: the thread's block, and the stack of a signal handler.
 */
static void spare(uint64_t start, uint64_t end, const uint64_t *used, int advice)
{
	if (end < start + SPARED_MIN)
		return;
	if (!*used) {
		raw(SYS_madvise, start, end - start, advice);
	} else if (*used + AROUND <= start || end + AROUND <= *used) {
		spare(start, end, used + 1, advice);
	} else {
		uint64_t page = *used & ~(uint64_t)(IMAGE_PAGE - 1);

		spare(start, page - AROUND, used + 1, advice);
		spare(page + AROUND, end, used + 1, advice);
	}
}

void pvm__image_spare(struct job *job, bool spared)
{
	const uint64_t used[] = { job->process.mark.rsp, (uint64_t)job->order,
		(uint64_t)job->report, job->process.fs, 0 };

	if (!job->changes.copies)
		return;
	for (unsigned i = 0; i < job->n_areas; i++)
		if (job->areas[i].tracked)
			spare(job->areas[i].start, job->areas[i].end, used,
				spared ? MADV_DONTFORK : MADV_DOFORK);
	if (spared)
		return;
	raw(SYS_munmap, job->changes.copies, job->changes.dirty.pages * IMAGE_PAGE);
	job->changes.copies = NULL;
}
#endif
