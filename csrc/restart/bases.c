/* SPDX-License-Identifier: MIT */
/* The images on which an image builds, and what is wrong with them. */
#include "restart.h"

void check_next(const struct restart *r, const struct source *base)
{
	const struct source *next = r->from;

	if (base->head.tid != next->head.tid || base->head.epoch != next->base.epoch)
		refuse(r, "the image builds on %u of task %x, not on %u of %x",
			(uint64_t)(uint32_t)next->base.epoch, (uint64_t)(uint32_t)next->head.tid,
			(uint64_t)(uint32_t)base->head.epoch, (uint64_t)(uint32_t)base->head.tid);
}

static void read_base(struct restart *r, unsigned i)
{
	struct source *next = i + 1 < r->n_bases ? &r->bases[i + 1] : &r->image;

	if (!next->base.epoch)
		refuse(r, "the image builds on %u others, not on %u",
			(uint64_t)(r->n_bases - i - 1), (uint64_t)r->n_bases);
	r->from = &r->bases[i];
	look_at(r, r->from);
	take_header(r);
	if (!r->from->regular || r->from->head.flags)
		refuse(r, "it is no file of one image");
	r->from = next;
	check_next(r, &r->bases[i]);
	r->from = &r->bases[i];
	collect_memory(r);
	if (!r->from->areas)
		refuse(r, "it describes no memory");
	check_areas(r);
	check_rest(r);
	r->from = &r->image;
}

/* From the newest one down, for each names the one before. */
void check_bases(struct restart *r)
{
	const struct source *oldest = r->n_bases ? &r->bases[0] : &r->image;

	if (r->staged.areas) {
		if (r->image.base.epoch)
			check_next(r, &r->staged);
		return;
	}
	for (unsigned i = r->n_bases; i--;)
		read_base(r, i);
	if (oldest->base.epoch)
		refuse(r, "the image on which this one builds is missing: number %u of the task",
			(uint64_t)(uint32_t)oldest->base.epoch);
}
