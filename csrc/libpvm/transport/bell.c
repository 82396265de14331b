/* SPDX-License-Identifier: MIT */
/* Sleeping while peers may put something into their rings: who does rings the sleeper's bell. */
#include "transport/link.h"
#include "transport/spread.h"

void pvm__lookout_begin(struct lookout *o)
{
	o->n = 0;
	o->home = NULL;
	if (!pvm__task.segment)
		return;
	o->home = pvm__segment_home();
	o->own = pvm__segment_mapping();
	o->own->users++;
	for (unsigned i = 0; i < pvm__links_end; i++) {
		const struct link *l = pvm__links[i];

		/* What waits for a mark does so until a stream has brought that. */
		if (!l || !l->incoming || pvm__link_is_barred(l))
			continue;
		o->ring[o->n].tail = &l->theirs->tail;
		o->ring[o->n].head = l->head;
		o->ring[o->n].peer = l->way.turn;
		o->ring[o->n].mapping = pvm__lender_mapping(l->lender);
		o->ring[o->n++].mapping->users++;
	}
	o->home->inside++;
	pvm__spread_note(o->home);
}

void pvm__lookout_end(const struct lookout *o)
{
	if (!o->home)
		return;
	o->home->inside--;
	for (unsigned i = 0; i < o->n; i++)
		pvm__mapping_unref(o->ring[i].mapping);
	pvm__mapping_unref(o->own);
}

bool pvm__lookout_sleep(const struct lookout *o)
{
	if (!o->home)
		return true;
	__atomic_fetch_add(&o->home->epoch, 1, __ATOMIC_SEQ_CST);
	return pvm__lookout_news(o) < 0;
}

void pvm__lookout_wake(const struct lookout *o)
{
	if (o->home)
		__atomic_fetch_add(&o->home->epoch, 1, __ATOMIC_RELAXED);
}

void pvm__bell_heard(void)
{
	struct share_home *home;
	uint32_t epoch;

	if (!pvm__task.segment)
		return;
	home = pvm__segment_home();
	epoch = __atomic_load_n(&home->epoch, __ATOMIC_RELAXED);
	if (epoch & 1)
		__atomic_compare_exchange_n(&home->epoch, &epoch, epoch + 2, false, __ATOMIC_SEQ_CST,
			__ATOMIC_RELAXED);
}
