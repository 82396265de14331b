/* SPDX-License-Identifier: MIT */
/*
 * Memory that children do not get, by its flags in smaps. That takes as long as there are pages, so it
 * is the last that is looked at: a child which writes the image has the flags, too.
 */
#define _GNU_SOURCE 1
#include "checkpoint/inside.h"

#ifdef IMAGE_POSSIBLE

/* The flags that there are, two letters each, with a space behind. */
static uint32_t wiped_flags(const char *line)
{
	const char *at = pvm__image_behind(line, "VmFlags: ");
	uint32_t flags = 0;

	for (; at && at[0] && at[1]; at += at[2] ? 3 : 2) {
		if (at[0] == 'w' && at[1] == 'f')
			flags |= IMAGE_WIPED_IN_CHILD;
		if (at[0] == 'd' && at[1] == 'p')
			flags |= IMAGE_DROPPABLE;
	}
	return flags;
}

/* Does a line begin an area? Then these are its addresses. */
static bool take_head(const char *line, struct image_wiped *wiped)
{
	const char *at = line;
	uint64_t start = pvm__image_number(&at, 16);

	if (at == line || at[-1] != '-')
		return false;
	*wiped = (struct image_wiped){ .start = start, .end = pvm__image_number(&at, 16) };
	return true;
}

/* Is it in the image? */
static bool is_known(const struct job *job, const struct image_wiped *wiped)
{
	for (unsigned i = 0; i < job->n_areas; i++)
		if (job->areas[i].start <= wiped->start && wiped->end <= job->areas[i].end)
			return true;
	return false;
}

bool pvm__image_wiped_write(struct job *job)
{
	struct image_wiped wiped = { .start = 0 };
	struct lines lines;
	const char *line;

	if (!pvm__image_lines_open(&lines, "/proc/self/smaps", job->part)) {
		pvm__image_refuse(job, WHY_NO_PROC, -lines.fd, "/proc/self/smaps");
		return false;
	}
	while ((line = pvm__image_lines_next(&lines))) {
		if (take_head(line, &wiped))
			continue;
		wiped.flags = wiped_flags(line);
		if (wiped.flags && is_known(job, &wiped) &&
			!pvm__image_record(job, IMAGE_WIPED, (struct piece){ &wiped, sizeof wiped },
				(struct piece){ NULL, 0 })) {
			pvm__image_lines_close(&lines);
			return false;
		}
	}
	return true;
}
#endif
