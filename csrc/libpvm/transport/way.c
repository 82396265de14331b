/* SPDX-License-Identifier: MIT */
/* Ways that may have a message that is there and not taken in. */
#include "transport/transport.h"

void pvm__way_list(struct way *way)
{
	struct way **place = &pvm__task.transport.listed;

	if (way->listed)
		return;
	while (*place && (*place)->turn < way->turn)
		place = &(*place)->next;
	way->next = *place;
	*place = way;
	way->listed = true;
}

void pvm__way_unlist(struct way *way)
{
	struct way **place = &pvm__task.transport.listed;

	if (!way->listed)
		return;
	while (*place != way)
		place = &(*place)->next;
	*place = way->next;
	way->listed = false;
}

/* Whose turn it was last among the common ways. */
static int last_turn;

/* Take in one message of the common ways: of those behind the last one, or of those up to it. */
static bool take_part(bool behind)
{
	int last = last_turn;

	for (struct way *way = pvm__task.transport.listed, *next; way; way = next) {
		next = way->next;
		if (!way->common || (way->turn > last) != behind || !way->take(way))
			continue;
		last_turn = way->turn;
		return true;
	}
	return false;
}

bool pvm__ways_take(void)
{
	bool taken = take_part(true) || take_part(false);

	/* Taking in may unlist any of them, as a notice of a host's end does; none is freed. */
	for (struct way *way = pvm__task.transport.listed, *next; way; way = next) {
		next = way->next;
		taken = (!way->common && way->take(way)) || taken;
	}
	return taken;
}
