/* SPDX-License-Identifier: MIT */
/* Ids of messages: what programs call a buffer. */
#include "message/message.h"

#include <stdlib.h>

/*
 * Slot i belongs to id i + 1. Free slots form a list; the last freed is reused first, as in 3.4.6.
 * A slot that is freed because another message takes the place of its own rests until that has an
 * id: in 3.4.6 the new message has one before the old one is freed.
 */
struct ids pvm__ids = { .first_free = -1, .resting = -1 };

/* What a free slot holds: the next free one, -1: none, in an odd number. */
static uintptr_t link_to(int next)
{
	return (uintptr_t)(unsigned)(next + 1) << 1 | 1;
}

static int next_of(uintptr_t slot)
{
	return (int)(slot >> 1) - 1;
}

/* Put a slot in front of the list. */
static void free_slot(int i)
{
	pvm__ids.slots[i] = link_to(pvm__ids.first_free);
	pvm__ids.first_free = i;
}

/* Make room for more ids: 0 or PvmNoMem. */
static int grow_slots(void)
{
	struct ids *ids = &pvm__ids;
	int n = ids->n ? 2 * ids->n : 16;
	uintptr_t *grown = realloc(ids->slots, (size_t)n * sizeof *grown);

	if (!grown)
		return PvmNoMem;
	ids->slots = grown;
	for (int i = n - 1; i >= ids->n; i--)
		free_slot(i);
	ids->n = n;
	return 0;
}

void pvm__ids_end_rest(void)
{
	free_slot(pvm__ids.resting);
	pvm__ids.resting = -1;
}

int pvm__message_publish(struct message *m)
{
	struct ids *ids = &pvm__ids;
	int i;

	if (m->id)
		return m->id;
	if (ids->first_free < 0 && grow_slots())
		return PvmNoMem;
	i = ids->first_free;
	ids->first_free = next_of(ids->slots[i]);
	ids->slots[i] = (uintptr_t)m;
	pvm__ids_rested();
	return m->id = i + 1;
}

void pvm__message_retire(struct message *m)
{
	int i = m->id - 1;

	if (i < 0)
		return;
	pvm__views_drop(m);
	m->id = 0;
	pvm__ids.slots[i] = link_to(-1);
	pvm__ids_rested();
	pvm__ids.resting = i;
	pvm__message_unref(m);
}
