/* SPDX-License-Identifier: MIT */
/* Sleeping while peers may put something into their rings: who does rings the sleeper's bell. */
#include "transport/link.h"
#include "transport/spread.h"

/* Nobody sleeps: no bell is needed. */
static void wake(struct share_home *home)
{
	if (__atomic_load_n(&home->epoch, __ATOMIC_RELAXED) & 1)
		__atomic_fetch_add(&home->epoch, 1, __ATOMIC_RELAXED);
}

void pvm__lookout_begin(struct lookout *o)
{
	o->n = 0;
	o->home = NULL;
	if (!pvm__task.segment)
		return;
	o->home = pvm__segment_home();
	pvm__mappings_pin();
	for (unsigned i = 0; i < pvm__links_end; i++) {
		const struct link *l = pvm__links[i];

		/* What waits for a mark does so until a stream has brought that, which is news. */
		if (!l || !l->incoming || pvm__link_is_barred(l))
			continue;
		o->ring[o->n].tail = &l->theirs->tail;
		o->ring[o->n].head = l->head;
		o->ring[o->n].record = l->incoming + (l->head & (l->ring_size - 1));
		o->ring[o->n].peer = l->way.turn;
		o->ring[o->n++].home = l->home;
	}
	o->home->inside++;
	pvm__spread_note(o->home);
}

void pvm__lookout_end(const struct lookout *o)
{
	if (!o->home)
		return;
	o->home->inside--;
	pvm__mappings_unpin(1);
}

void pvm__lookouts_left(void)
{
	if (!pvm__self.pins)
		return;
	if (pvm__task.segment) {
		pvm__segment_home()->inside -= pvm__self.pins;
		wake(pvm__segment_home());
	}
	pvm__mappings_unpin(pvm__self.pins);
}

uint32_t pvm__lookout_traffic(const struct lookout *o)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < o->n; i++) {
		const volatile struct share_home *home = o->ring[i].home;

		sum += (uint32_t)home->messages + (uint32_t)home->received;
	}
	return sum;
}

/* A sleep may be inside another one, of a signal handler's call: so it is made odd, not changed. */
bool pvm__lookout_sleep(const struct lookout *o)
{
	uint32_t epoch;

	if (!o->home)
		return true;
	epoch = __atomic_load_n(&o->home->epoch, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&o->home->epoch, &epoch, (epoch + 2) | 1, false,
		__ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return pvm__lookout_news(o) < 0;
}

void pvm__lookout_wake(const struct lookout *o)
{
	if (o->home)
		wake(o->home);
}

void pvm__bell_heard(void)
{
	struct share_home *home;
	uint32_t epoch;

	if (!pvm__task.segment)
		return;
	home = pvm__segment_home();
	epoch = __atomic_load_n(&home->epoch, __ATOMIC_RELAXED);
	if (!(epoch & 1))
		return;
	__atomic_compare_exchange_n(&home->epoch, &epoch, epoch + 2, false, __ATOMIC_SEQ_CST,
		__ATOMIC_RELAXED);
	/* What was put without ringing for the new epoch is seen when this thread looks now. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}
