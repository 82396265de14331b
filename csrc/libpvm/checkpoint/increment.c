/* SPDX-License-Identifier: MIT */
/* An image that builds on another one: what is in it, and what its writer needs for that. */
#define _GNU_SOURCE 1
#include "checkpoint/inside.h"

#ifdef IMAGE_POSSIBLE
#include <sys/mman.h>

enum {
	COPIED_MAX = 32 << 20, /* bytes: of more, copying takes longer than having a child share */
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

/* Does the writer use something in this area, besides what it writes? */
static bool is_used(const struct job *job, const struct area *area)
{
	const uint64_t used[] = { job->process.mark.rsp, job->process.fs, (uint64_t)job->order,
		(uint64_t)job->report };

	for (unsigned i = 0; i < sizeof used / sizeof *used; i++)
		if (area->start <= used[i] && used[i] < area->end)
			return true;
	return false;
}

void pvm__image_spare(struct job *job, bool spared)
{
	if (!job->changes.copies)
		return;
	for (unsigned i = 0; i < job->n_areas; i++) {
		const struct area *area = &job->areas[i];

		if (area->tracked && area->end - area->start >= SPARED_MIN && !is_used(job, area))
			raw(SYS_madvise, area->start, area->end - area->start,
				spared ? MADV_DONTFORK : MADV_DOFORK);
	}
	if (spared)
		return;
	raw(SYS_munmap, job->changes.copies, job->changes.dirty.pages * IMAGE_PAGE);
	job->changes.copies = NULL;
}
#endif
