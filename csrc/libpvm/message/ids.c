/* SPDX-License-Identifier: MIT */
/* Ids of messages: what programs call a buffer. */
#include "message/message.h"

#include <stdlib.h>

/*
 * Slot i belongs to id i + 1. Free slots form a list; the last freed is reused first, as in 3.4.6.
 * A slot that is freed because another message takes the place of its own rests until that has an
 * id: in 3.4.6 the new message has one before the old one is freed.
 */
static struct slot {
	struct message *message; /* NULL: free */
	int next_free;           /* next free slot, -1: none */
} *slots;
static int nslots, first_free = -1, resting = -1;

/* Make room for more ids: 0 or PvmNoMem. */
static int grow_slots(void)
{
	int n = nslots ? 2 * nslots : 16;
	struct slot *grown = realloc(slots, (size_t)n * sizeof *grown);

	if (!grown)
		return PvmNoMem;
	slots = grown;
	for (int i = n - 1; i >= nslots; i--) {
		slots[i].message = NULL;
		slots[i].next_free = first_free;
		first_free = i;
	}
	nslots = n;
	return 0;
}

void pvm__ids_rested(void)
{
	if (resting < 0)
		return;
	slots[resting].next_free = first_free;
	first_free = resting;
	resting = -1;
}

int pvm__message_publish(struct message *m)
{
	int i;

	if (m->id)
		return m->id;
	if (first_free < 0 && grow_slots())
		return PvmNoMem;
	i = first_free;
	first_free = slots[i].next_free;
	slots[i].message = m;
	pvm__ids_rested();
	return m->id = i + 1;
}

struct message *pvm__message_of(int id)
{
	return id > 0 && id <= nslots ? slots[id - 1].message : NULL;
}

void pvm__message_retire(struct message *m)
{
	int i = m->id - 1;

	if (i < 0)
		return;
	pvm__views_drop(m);
	m->id = 0;
	slots[i].message = NULL;
	pvm__ids_rested();
	resting = i;
	pvm__message_unref(m);
}
