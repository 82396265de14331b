/* SPDX-License-Identifier: MIT */
/* Who gets the next multicast message of a connection, from its announcement to the message's end. */
#include "tasks/tasks.h"

#include <stdlib.h>

bool receivers_new(struct conn *c, uint32_t count)
{
	receivers_drop(c);
	c->receivers = malloc(sizeof *c->receivers + (size_t)count * sizeof c->receivers->list[0]);
	if (!c->receivers)
		return false;
	c->receivers->awaited = false;
	c->receivers->count = 0;
	return true;
}

void receivers_drop(struct conn *c)
{
	struct receivers *r = c->receivers;

	c->receivers = NULL;
	for (uint32_t i = 0; r && i < r->count; i++)
		if (r->list[i].host && flow_of(c->sw)->moved.count)
			moved_arrived(c->sw, r->list[i].tid);
	free(r);
}

uint32_t receivers_end(const struct receivers *all, uint32_t i)
{
	uint32_t host = all->list[i].host;

	while (i < all->count && all->list[i].host == host)
		i++;
	return i;
}

uint32_t receivers_await(struct receivers *all, uint32_t tid)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < all->count; i++)
		n += all->list[i].host && all->list[i].tid == tid;
	all->awaited |= n > 0;
	return n;
}
