/* SPDX-License-Identifier: MIT */
/* The images on which an image builds, and what is wrong with them. */
#include "restart.h"

/* Is a base of the same process, and the one that the next image names? */
static void check_base(struct restart *r, const struct source *next)
{
	const struct image_header *head = &r->from->head;

	if (!r->from->regular)
		refuse(r, "it is no file");
	if (head->tid != next->head.tid || head->epoch != next->base.epoch)
		refuse(r,
			"it is not the image on which the next one builds: that is %u of task %x, not %u of %x",
			(uint64_t)(uint32_t)next->base.epoch, (uint64_t)(uint32_t)next->head.tid,
			(uint64_t)(uint32_t)head->epoch, (uint64_t)(uint32_t)head->tid);
}

static void read_base(struct restart *r, unsigned i)
{
	const struct source *next = i + 1 < r->n_bases ? &r->bases[i + 1] : &r->image;

	if (!next->base.epoch)
		refuse(r, "the image builds on %u others, not on %u",
			(uint64_t)(r->n_bases - i - 1), (uint64_t)r->n_bases);
	r->from = &r->bases[i];
	look_at(r, r->from);
	take_header(r);
	check_base(r, next);
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

	for (unsigned i = r->n_bases; i--;)
		read_base(r, i);
	if (oldest->base.epoch)
		refuse(r, "the image on which this one builds is missing: number %u of the task",
			(uint64_t)(uint32_t)oldest->base.epoch);
}
