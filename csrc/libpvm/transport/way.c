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

/* Of the common ways the one whose next message is the oldest; the daemon's stream has none. */
static struct way *oldest(void)
{
	struct way *first = NULL;

	for (struct way *way = pvm__task.transport.listed; way; way = way->next)
		if (way->common && way->time && (!first || way->time < first->time))
			first = way;
	return first;
}

/* Take in one message of the common ways. A stream's knows what in memory comes before it. */
static bool take_common(void)
{
	struct way *way = pvm__task.transport.listed;

	while (way && (!way->common || way->time))
		way = way->next;
	if (way && way->take(way))
		return true;
	while ((way = oldest()))
		if (way->take(way))
			return true;
	return false;
}

bool pvm__ways_take(void)
{
	bool taken = take_common();

	/* Taking in may unlist any of them, as a notice of a host's end does; none is freed. */
	for (struct way *way = pvm__task.transport.listed, *next; way; way = next) {
		next = way->next;
		taken = (!way->common && way->take(way)) || taken;
	}
	return taken;
}
