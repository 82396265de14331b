/* SPDX-License-Identifier: MIT */
/* Messages: making, sharing, copying and freeing them; lists of them. */
#include "message/message.h"

#include <stdlib.h>

/* Messages without bytes that wait to be used again, with their room for fragments. */
enum { SPARE_MAX = 32, SPARE_FRAGS_MAX = 4 };
static struct message *spare;
static unsigned nspare;

/* A message of one reference, all else zero; NULL: out of memory. */
static struct message *blank(void)
{
	struct message *m = spare;

	if (m) {
		spare = m->next;
		nspare--;
		*m = (struct message){ .frags = m->frags, .capfrags = m->capfrags };
	} else {
		m = calloc(1, sizeof *m);
		if (!m)
			return NULL;
	}
	m->refs = 1;
	return m;
}

struct message *pvm__message_new(uint32_t enc)
{
	struct message *m = blank();

	if (!m)
		return NULL;
	m->enc = enc;
	m->mode = MESSAGE_PACKING;
	m->src = pvmmytid;
	pvm__message_set_codec(m);
	return m;
}

void pvm__message_unref(struct message *m)
{
	if (m && --m->refs == 0)
		pvm__message_free(m);
}

void pvm__message_free(struct message *m)
{
	pvm__message_clear(m);
	if (nspare < SPARE_MAX && m->capfrags <= SPARE_FRAGS_MAX) {
		m->next = spare;
		spare = m;
		nspare++;
		return;
	}
	free(m->frags);
	free(m);
}

void pvm__message_end(void *message)
{
	pvm__message_unref(message);
}

struct message *pvm__message_copy(const struct message *m)
{
	struct message *copy = blank();

	if (!copy)
		return NULL;
	copy->mode = m->mode;
	copy->enc = m->enc;
	copy->tag = m->tag;
	copy->ctx = m->ctx;
	copy->wid = m->wid;
	copy->src = m->src;
	copy->total = m->total;
	copy->codec = m->codec;
	for (unsigned i = 0; i < m->nfrags; i++)
		if (pvm__message_share(copy, m->frags[i].block, m->frags[i].data, m->frags[i].len) <
			0) {
			pvm__message_unref(copy);
			return NULL;
		}
	return copy;
}

struct message *pvm__message_to_send(struct message *m)
{
	if (!pvm__single_threaded())
		return pvm__message_copy(m);
	pvm__message_ref(m);
	return m;
}

/* ---- lists --------------------------------------------------------------- */

void pvm__queue_clear(struct queue *q)
{
	struct message *m;

	while ((m = q->head)) {
		pvm__queue_remove(q, m);
		pvm__message_unref(m);
	}
}
