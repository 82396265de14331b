/* SPDX-License-Identifier: MIT */
/*
 * What is said about links to this task. It is noted at once, while a stream is parsed, so that want of
 * memory cannot lose it; what is to be answered is said later (say.c).
 */
#include "transport/link.h"

#include <string.h>
#include <unistd.h>

bool pvm__share_offered;

enum {
	SETS = 64, /* of descriptors that have come */
	LOST = -2, /* instead of one that has not come along in a move */
};

/* ---- descriptors ------------------------------------------------------------------------- */

_Static_assert(2 * SETS == SHARE_UNHEARD, "room for them");

/* Those that came and belong to what has not been heard yet, oldest first. */
static int came[SETS][2];
static unsigned ncame;

void pvm__share_descriptors(const int *fds, unsigned n)
{
	bool whole = n == 2 && ncame < SETS;

	for (unsigned i = 0; !whole && i < n; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	if (ncame == SETS)
		return;
	came[ncame][0] = whole ? fds[0] : -1;
	came[ncame++][1] = whole ? fds[1] : -1;
}

unsigned pvm__share_unheard(int *fds)
{
	memcpy(fds, came, ncame * sizeof came[0]);
	return 2 * ncame;
}

void pvm__share_unheard_lost(void)
{
	for (unsigned i = 0; i < ncame; i++)
		came[i][0] = came[i][1] = LOST;
}

/* Take the oldest; -1 if there are none. */
static void next_descriptors(int fds[2])
{
	fds[0] = fds[1] = -1;
	if (!ncame)
		return;
	memcpy(fds, came[0], sizeof came[0]);
	memmove(came, came + 1, --ncame * sizeof came[0]);
}

/* ---- hearing ----------------------------------------------------------------------------- */

static void close_both(const int fds[2])
{
	for (int i = 0; i < 2; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/* A thread that sleeps on the sockets does not look at the new ring. */
static void tell_reader(void)
{
	const struct thread *reader = pvm__task.engine.reader;

	if (reader && reader != &pvm__self && reader->reading)
		pvm__interrupt_reader();
}

/* SHARE_LINK. */
static void linked(int peer, uint32_t slot, const int fds[2])
{
	struct link *l = pvm__link_find(peer);

	/* What was before is not quite over. */
	if (l && (l->out != LINK_ASKED || l->lender)) {
		close_both(fds);
		pvm__share_refuse(peer, pvm__candidate(peer)->never ? SHARE_NEVER : SHARE_LATER);
		return;
	}
	if (pvm__share_withdrawn || (fds[0] == LOST && fds[1] == LOST)) {
		close_both(fds);
		pvm__share_refuse(peer, SHARE_LATER);
		return;
	}
	if (fds[0] < 0 || fds[1] < 0 || pvm__task.transport.exact || !pvm__share_wanted() ||
		pvm__candidate(peer)->never || !pvm__share_segment()) {
		close_both(fds);
		pvm__share_refuse(peer, SHARE_NEVER);
		return;
	}
	/* Requests have crossed: the daemon has dropped the own one. */
	if (!l && !pvm__place_is_kept(peer))
		l = pvm__link_new(peer);
	if (!l) {
		close_both(fds);
		pvm__share_refuse(peer, SHARE_LATER);
		return;
	}
	if (!pvm__link_attach(l, fds, slot)) {
		pvm__link_drop(l);
		pvm__share_refuse(peer, SHARE_NEVER);
		return;
	}
	l->due = SHARE_ACCEPT;
	pvm__share_due();
	tell_reader();
}

/* SHARE_ACCEPT. */
static void accepted(int peer, uint32_t slot, const int fds[2])
{
	struct link *l = pvm__link_find(peer);

	if (!l || l->out != LINK_ASKED || l->lender || fds[0] < 0 || fds[1] < 0) {
		close_both(fds);
		return;
	}
	if (!pvm__link_attach(l, fds, slot)) {
		pvm__link_drop(l);
		pvm__share_refuse(peer, SHARE_NEVER);
		return;
	}
	l->out = LINK_OPEN;
	l->due = DUE_GREETING;
	pvm__share_due();
	tell_reader();
}

/* SHARE_REFUSE. */
static void refused(int peer, uint32_t why)
{
	struct link *l = pvm__link_find(peer);

	if (!peer)
		pvm__share_unwelcome = true;
	if (peer && why == SHARE_NEVER)
		pvm__candidate(peer)->never = true;
	if (l && l->lender)
		pvm__link_end(l);
	else if (l && l->out == LINK_ASKED)
		pvm__link_drop(l);
}

/* SHARE_OFFER: what was asked for has been dropped. */
static void offer_again(struct link *l)
{
	pvm__share_offered = false;
	if (l && l->out == LINK_ASKED && !l->lender)
		pvm__link_drop(l);
}

void pvm__share_heard(const unsigned char *body)
{
	int fds[2], peer = (int)wire_get32(body + SHARE_PEER);
	int what = (int)wire_get32(body + SHARE_WHAT);
	uint32_t number = wire_get32(body + SHARE_NUMBER);
	struct link *l = pvm__link_find(peer);

	if (what == SHARE_LINK || what == SHARE_ACCEPT)
		next_descriptors(fds);
	if (what == SHARE_STOP)
		pvm__candidate(peer)->never = true;
	if (what == SHARE_GONE)
		pvm__share_unrefuse(peer);
	switch (what) {
	case SHARE_OFFER: offer_again(l); break;
	case SHARE_LINK: linked(peer, number, fds); break;
	case SHARE_ACCEPT: accepted(peer, number, fds); break;
	case SHARE_REFUSE: refused(peer, number); break;
	default:
		if (l)
			pvm__link_hear(l, what);
	}
}

void pvm__share_mark(int peer, uint32_t number)
{
	struct link *l = pvm__link_find(peer);

	if (!l)
		return;
	/* A greeting may come behind a mark that took a direct route. */
	if ((int32_t)(number - l->mark_seen) > 0)
		l->mark_seen = number;
	__atomic_store_n(&l->ours->mark, l->mark_seen, __ATOMIC_RELEASE);
	/* What has waited for it is news, which a thread that sleeps does not look for. */
	if (l->incoming)
		pvm__link_list(l);
	/* Any other number may be of an earlier link: a direct route brings it late. */
	if (!number && l->out == LINK_ASKED && l->accepted)
		l->out = LINK_OPEN;
	if (l->theirs && __atomic_load_n(&l->theirs->want, __ATOMIC_RELAXED))
		pvm__link_ring(l);
}

/*
 * Where rings were left before moves. The link may be gone when a copy comes, for that may have been
 * kept on its way until the move was over.
 */
static struct left {
	int peer; /* 0: none */
	uint32_t final;
	const struct stream *copied; /* as of a link */
} lefts[SHARE_SLOTS];

static struct left *find_left(int peer)
{
	for (unsigned i = 0; i < SHARE_SLOTS; i++)
		if (lefts[i].peer == peer)
			return &lefts[i];
	return NULL;
}

void pvm__share_left_at(int peer, uint32_t final)
{
	static unsigned turn;
	struct left *left = find_left(peer);

	if (!left)
		left = &lefts[turn++ % SHARE_SLOTS];
	*left = (struct left){ .peer = peer, .final = final };
}

/* Where it is noted that a copy comes, if its record ended there: it was taken, or will be. */
static const struct stream **copied_of(int peer, uint32_t end)
{
	struct link *l = pvm__link_find(peer);
	struct left *left = find_left(peer);

	if (l && l->incoming && pvm__segment_home()->flags & SHARE_FINAL)
		return (int32_t)(l->ours->final - end) < 0 ? NULL : &l->copied;
	return left && (int32_t)(left->final - end) >= 0 ? &left->copied : NULL;
}

void pvm__share_again(struct stream *s, int peer, uint32_t end)
{
	const struct stream **copied = copied_of(peer, end);

	if (!copied)
		return;
	*copied = s;
	s->copies = true;
}

bool pvm__share_is_copy(const struct stream *s, int peer, bool last)
{
	struct link *l = s->copies ? pvm__link_find(peer) : NULL;
	struct left *left = s->copies ? find_left(peer) : NULL;
	bool of_link = l && l->copied == s, of_left = left && left->copied == s;

	if (of_link && last)
		l->copied = NULL;
	if (of_left && last)
		left->copied = NULL;
	return of_link || of_left;
}

void pvm__share_forget(void)
{
	int fds[2];

	while (ncame) {
		next_descriptors(fds);
		close_both(fds);
	}
	pvm__share_offered = false;
	pvm__share_reset();
}

void pvm__share_part(void)
{
	pvm__share_forget();
	pvm__share_unwelcome = true;
}

void pvm__share_settled(void)
{
	if (!pvm__share_withdrawn || pvm__links_end)
		return;
	pvm__share_offered = false;
	pvm__share_reset();
}
