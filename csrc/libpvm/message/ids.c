/* SPDX-License-Identifier: MIT */
/* Ids of messages: what programs call a buffer. */
#include "message/message.h"

#include <stdlib.h>

/*
 * Slot i belongs to id i + 1. Free slots form a list; the last freed is reused first, as in 3.4.6.
 * A slot that is freed because another message takes the place of its own rests until that has an
 * id: in 3.4.6 the new message has one before the old one is freed.
 */
struct ids pvm__ids;
static int first_free = -1, resting = -1;

/* Make room for more ids: 0 or PvmNoMem. */
static int grow_slots(void)
{
	int n = pvm__ids.n ? 2 * pvm__ids.n : 16;
	struct slot *grown = realloc(pvm__ids.slots, (size_t)n * sizeof *grown);

	if (!grown)
		return PvmNoMem;
	pvm__ids.slots = grown;
	for (int i = n - 1; i >= pvm__ids.n; i--) {
		pvm__ids.slots[i].message = NULL;
		pvm__ids.slots[i].next_free = first_free;
		first_free = i;
	}
	pvm__ids.n = n;
	return 0;
}

void pvm__ids_rested(void)
{
	if (resting < 0)
		return;
	pvm__ids.slots[resting].next_free = first_free;
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
	first_free = pvm__ids.slots[i].next_free;
	pvm__ids.slots[i].message = m;
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
	pvm__ids.slots[i].message = NULL;
	pvm__ids_rested();
	resting = i;
	pvm__message_unref(m);
}
