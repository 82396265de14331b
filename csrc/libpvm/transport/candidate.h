/* SPDX-License-Identifier: MIT */
/* With whom links may be; tasks without one that messages go to; how much traffic there is. */
#ifndef PVM3PY_LIBPVM_CANDIDATE_H
#define PVM3PY_LIBPVM_CANDIDATE_H

#include "base/base.h"

/* ---- settings -------------------------------------------------------------------- */

/* May this process have links at all, as far as it is concerned? */
bool pvm__share_wanted(void);
/* A number that the environment sets, in a range. */
unsigned pvm__share_setting(const char *name, unsigned otherwise, unsigned least, unsigned most);
/* The daemon takes no descriptors of this task, or it has none to give. */
extern bool pvm__share_unwelcome;
/* The task has left its memory for a move: no link begins before the old ones have ended. */
extern bool pvm__share_withdrawn;
/* Can there be a link with that task? */
bool pvm__share_possible(int peer);

/* ---- traffic --------------------------------------------------------------------- */

/* What goes to and comes from a peer, in messages; long ones count more. */
struct traffic {
	uint32_t sum;          /* so far */
	uint32_t period, seen; /* when it was last looked at, and what had come about by then */
	uint32_t before;       /* in the period before that */
};

/* A message with so many bytes has gone or come. */
static inline void pvm__traffic_add(struct traffic *t, uint64_t bytes)
{
	t->sum += 1 + (uint32_t)(bytes >> 13);
}
/* The present period. */
uint32_t pvm__traffic_period(void);
/* What there was in the present period and the one before. */
uint32_t pvm__traffic_recent(struct traffic *, uint32_t period);

/* ---- candidates ------------------------------------------------------------------ */

enum {
	LINK_AFTER = 4,           /* messages after which a link is asked for */
	LINK_FIRST_MAX = 1 << 20, /* the same as the environment sets it, at most */
	LINK_AGAIN_MAX = 1024,    /* it grows with requests in vain, up to about that */
	LINK_WORTH = 32,          /* messages that the change of a link for another one costs */
};

/* A task that there are messages to, or from, without a link so far. */
struct candidate {
	int peer;
	unsigned messages, after; /* since the last request; how many before the next */
	uint64_t bytes;
	bool never;
	struct traffic traffic;
};
/* That of a task; those that there is least traffic with are forgotten if they are very many. */
struct candidate *pvm__candidate(int peer);
/* A link is asked for. If it is refused it is so again much later. */
void pvm__candidate_asks(struct candidate *);
/* It has got one: the next is asked for as soon as the first. */
void pvm__candidate_linked(int peer);
void pvm__candidates_forget(void);

#endif
