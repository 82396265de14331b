/* SPDX-License-Identifier: MIT */
/*
 * Links: the way through memory to and from a task of the same daemon. It is a second way beside a
 * stream, at any message: what does not fit, or must not, takes the stream. docs/memory.md has
 * the rules, csrc/wire/share.h the layout.
 */
#ifndef PVM3PY_LIBPVM_LINK_H
#define PVM3PY_LIBPVM_LINK_H

#include "message/segment.h"
#include "transport/candidate.h"
#include "transport/ring.h"
#include "transport/transport.h"

/* What messages to the peer go by. */
enum link_out {
	LINK_CLOSED,    /* a stream, for good */
	LINK_ASKED,     /* a stream: the peer has not answered */
	LINK_OPEN,      /* memory */
	LINK_STREAMING, /* a stream, until there is room again */
};

/* How far a side has come with the end of a link, in this order. */
enum link_end {
	END_NOT,
	END_CLOSE, /* it has said CLOSE: nothing more comes from it by memory */
	END_DONE,  /* it has said DONE: it holds nothing of the other's, whose slot it has left */
	END_GONE,  /* heard only: the peer or the pair has ended, and nothing is said any more */
};

/* Due besides what share.h names: mark 0, with which a peer that has accepted knows that it may write. */
enum { DUE_GREETING = -1 };
enum { RING_FIRST = 8192 }; /* bytes of a ring that have memory when a link begins */

struct lender; /* a peer's segment, and what is borrowed of it (borrow.c) */

struct link {
	struct way way; /* first; whose turn: the peer */
	int slot;
	struct lender *lender; /* NULL: the peer's segment is not known */
	const struct share_home *home;
	const struct share_slot *theirs; /* the peer's slot for this task */
	struct share_slot *ours;
	int bell;               /* the peer's; -1 */
	struct traffic traffic; /* by memory */
	int due; /* to be said to the peer: SHARE_ACCEPT, SHARE_CLOSE, DUE_GREETING, 0 */

	/* To the peer. */
	enum link_out out;
	struct ring_out ring;
	uint32_t backed;           /* bytes of it that have memory: few, or all */
	struct share_record *last; /* the record that was put last */
	struct thread *user;       /* writes a record, a mark or what is due; NULL: nobody */
	bool streamed;             /* something went by a stream behind the last mark */
	uint32_t mark;             /* the last one written */
	unsigned by_stream;        /* messages since it is streaming */
	uint32_t rung;             /* epoch of the peer that the bell was rung for */
	uint32_t returned;         /* references that have come back */
	unsigned nlent;            /* that have not, and their bytes */
	uint64_t bytes_lent;
	struct message **lent; /* by number, NULL: it is free; made with the first one */
	unsigned next_lent;

	/* From the peer. */
	const unsigned char *incoming; /* the peer's ring; NULL: nothing comes */
	uint32_t ring_size, head;
	uint32_t mark_seen;
	uint32_t barrier; /* what is before it comes before a stream's message that waits */
	unsigned nheld;   /* bodies that are not given back, and their bytes */
	uint64_t bytes_held;
	const struct stream *copied; /* its next message by that one is in the ring, too; NULL */

	bool accepted; /* ACCEPT was said; mark 0 tells that the peer reads */
	enum link_end said, heard;
};

/* ---- the table (link.c) ------------------------------------------------------- */

extern struct link *pvm__links[SHARE_SLOTS]; /* by slot */
extern unsigned pvm__links_end;              /* slots behind the last link */

/* Something is to be said, or dropped. */
void pvm__share_due(void);
/* Was it so? It is not any more. */
bool pvm__share_take_due(void);
/* The link with a task; NULL: there is none. */
struct link *pvm__link_find(int peer);
/* A slot that is free; -1: none. */
int pvm__links_slot(void);
/* None was free when it was last looked for one, or would be. */
bool pvm__links_full(void);
/* Put a link where its slot says; take it away. */
void pvm__links_put(struct link *);
void pvm__links_remove(const struct link *);
/* This thread has left what it did with links by a jump. */
void pvm__links_left(void);
/*
 * Something is wrong with what the peer has written: nothing more goes either way by memory, now or
 * later.
 */
void pvm__link_fault(struct link *, const char *what);
/* Nothing more goes to the peer by memory. CLOSE is due unless it has been said. */
void pvm__link_close(struct link *);
/* Ring the peer's bell. */
void pvm__link_ring(struct link *);

/* ---- places (place.c) ------------------------------------------------------------- */

/*
 * No slot is free for this candidate: close the link that there is least traffic with, if it is idle,
 * or if there is a lot more with the candidate.
 */
void pvm__place_make(struct candidate *);
/* For a while that slot is kept: is it so, and for another task than this? */
bool pvm__place_is_kept(int peer);
/* The task for which a slot has become free, once; 0: none. */
int pvm__place_free(void);
/* The task has its link. */
void pvm__place_taken(int peer);
void pvm__place_forget(void);
/* A stream has brought a message with so many bytes. */
void pvm__share_received(int peer, uint64_t bytes);

/* ---- out (lend.c) --------------------------------------------------------------- */

enum put {
	PUT_DONE,
	PUT_FULL,   /* there is no room now */
	PUT_STREAM, /* not by memory */
	PUT_LEFT,   /* the peer has just left: whether it has this is not known yet */
};

/* The message in a form that a link takes: itself, or a copy, one reference; NULL: there is none. */
struct message *pvm__link_form(struct message *);
/* Put such a message. */
enum put pvm__link_put(struct link *, const struct message *);
/* After PUT_LEFT: does the peer say by now what it takes? */
bool pvm__link_is_final(struct link *);
/* Then: does it take what was put last? If not, that is taken back. */
bool pvm__link_takes_last(struct link *);
/* Is a mark needed before something is put? */
static inline bool pvm__link_needs_mark(const struct link *l)
{
	return l->streamed;
}
/* Take back what peers have given back. */
void pvm__links_collect(void);
/* The peer holds nothing any more: take back all that is lent. */
void pvm__link_take_back(struct link *);
/* Is half of it free? */
bool pvm__link_roomy(struct link *);
/* How far the peer has come: changes when it makes progress. */
uint32_t pvm__link_progress(const struct link *);

/* ---- in (borrow.c) -------------------------------------------------------------- */

/* Take in one record. (struct way) */
bool pvm__link_take(struct way *);
/* Have a peer's segment mapped; NULL: it is not what it must be. */
struct lender *pvm__lender_new(struct link *, int fd);
/* The link does not use it any more; bodies that are held still do. */
void pvm__lender_leave(struct lender *);
struct mapping *pvm__lender_mapping(const struct lender *);
/* The bytes of each ring in it, which were right when it was mapped. */
uint32_t pvm__lender_ring(const struct lender *);
/* Nothing is left to take in, and nothing is held. */
bool pvm__link_is_empty(const struct link *);
/* The same of one whose peer is gone: what waits for a mark that no stream can bring is nothing. */
bool pvm__link_is_exhausted(const struct link *);
/* Is nothing taken in that is put now: a mark must come before, or this task has left? */
bool pvm__link_is_barred(const struct link *);
/* Has any link a record to take in? */
bool pvm__links_have(void);
/* List the link if it has a record to take in. True: it has. */
bool pvm__link_list(struct link *);
/* The same for all. */
void pvm__links_look(void);
/*
 * A message has come by a stream. What the task `src`, or, if that is a daemon, any task, has put
 * before comes first: note how much that is. Then: is there any that is not taken yet?
 */
void pvm__links_bar(int src);
bool pvm__links_before(int src);
/* Take in all that is before it. */
void pvm__links_take_before(int src);

/* ---- beginning and end (join.c) --------------------------------------------------- */

/* Have an own segment. False: that is not possible. */
bool pvm__share_segment(void);
/* In a restarted task: the own bell does not exist any more. */
void pvm__share_bell_gone(void);
/* A new one that is asked for, NULL: no slot is free, or no memory. */
struct link *pvm__link_new(int peer);
/*
 * Map the peer's segment and bell, which the link owns in any case, and attach to the slot that
 * the peer has for this task. False: something is not as it must be.
 */
bool pvm__link_attach(struct link *, const int fds[2], uint32_t slot);
/* Forget it. */
void pvm__link_drop(struct link *);
/* The peer has said CLOSE, DONE or STOP, or is GONE. */
void pvm__link_hear(struct link *, int what);
/* The pair has ended, and nothing that the peer writes is read any more. */
void pvm__link_end(struct link *);
/* Is DONE due? */
bool pvm__link_owes_done(const struct link *);
/* Has it ended, and can be dropped? */
bool pvm__link_is_over(const struct link *);
/* Drop what is over. */
void pvm__links_reap(void);
struct refusal {
	int peer, why;
};
/* What a peer has asked for, or accepted, is refused for this reason (SHARE_LATER ...). */
void pvm__share_refuse(int peer, int why);
/* The peer is gone: there is nothing to refuse. */
void pvm__share_unrefuse(int peer);
/* How many are to be said; the oldest, which counts as said then. */
unsigned pvm__share_refusals(void);
struct refusal pvm__share_next_refusal(void);
/* Have no links and no segment, and nothing to say. */
void pvm__share_reset(void);

/* ---- what is heard (hear.c) --------------------------------------------------------- */

extern bool pvm__share_offered; /* the daemon has own descriptors */
/*
 * Descriptors have come by the daemon's stream, which are taken over. If they are not a whole set,
 * who is next to have one has none.
 */
void pvm__share_descriptors(const int *fds, unsigned n);
/* Those whose word has not been heard yet, at most SHARE_UNHEARD; they have not come along in a move. */
enum { SHARE_UNHEARD = 128 };
unsigned pvm__share_unheard(int *fds);
void pvm__share_unheard_lost(void);
/* A stream has brought TC_SHARE with this body; or TC_MARK. */
void pvm__share_heard(const unsigned char *body);
void pvm__share_mark(int peer, uint32_t number);
/* It has brought TC_AGAIN, about the record of the peer's ring that ends there. */
void pvm__share_again(struct stream *, int peer, uint32_t end);
/* The peer's ring was left there for a move. */
void pvm__share_left_at(int peer, uint32_t final);
/* Is a fragment, perhaps the `last` of its message, one of a copy that is not to be taken in? */
bool pvm__share_is_copy(const struct stream *, int peer, bool last);
/* The connection to the daemon ends; the same in the child of a fork. */
void pvm__share_forget(void);
/*
 * If the task has left its memory for a move, and the last link of before has ended: there may be new
 * ones, with another segment.
 */
void pvm__share_settled(void);
/* It is about to end. What is held stays right; nothing comes or goes by memory any more. */
void pvm__share_part(void);

/* ---- what is said (say.c) ------------------------------------------------------------ */

/* Say what is due. Messages are not half written meanwhile. */
void pvm__share_settle(void);
/* This thread has left what it said by a jump. */
void pvm__share_left(void);
/*
 * A message of so many bytes goes to a task: if it is one of many, ask for a link. The link by
 * which it may go, or NULL.
 */
struct link *pvm__share_link(int peer, uint64_t bytes);
/* Take no more by memory from now on, but what has come. */
void pvm__share_leave(void);

/* ---- moving (withdraw.c) ------------------------------------------------------------- */

/*
 * Leave the memory for a move: what has come lies in private memory from now on, and all links are
 * closed. Allocates by mmap alone. False: there is no memory; links are closed in any case.
 */
bool pvm__share_withdraw(void);
/* Descriptors of memory, at most SHARE_DESCRIPTORS; some may be negative. */
enum { SHARE_DESCRIPTORS = SHARE_UNHEARD + SHARE_SLOTS + 2 };
unsigned pvm__share_own(int *fds);
/* In a restarted task: all pairs have ended, and those descriptors do not exist. */
void pvm__share_uproot(void);

/* ---- sleeping (bell.c) ------------------------------------------------------------ */

enum { LOOKOUT_PREFETCHED = 2 };

/* What a thread without the lock looks at. */
struct lookout {
	struct share_home *home;
	unsigned n;
	struct {
		const uint32_t *tail;
		uint32_t head;
		const void *record; /* where the next one will be */
		int peer;
		const struct share_home *home;
	} ring[SHARE_SLOTS];
};

/* Begin and end that, with the lock. */
void pvm__lookout_begin(struct lookout *);
void pvm__lookout_end(const struct lookout *);
/* This thread has left those that it had begun by a jump. */
void pvm__lookouts_left(void);
/* A ring into which something has been put that was not there at the beginning; -1: none. */
static inline int pvm__lookout_news(const struct lookout *o)
{
	for (unsigned i = 0; i < o->n; i++)
		if (__atomic_load_n(o->ring[i].tail, __ATOMIC_ACQUIRE) != o->ring[i].head)
			return (int)i;
	return -1;
}
/* Messages that those have sent and taken whose rings are looked at, so far. */
uint32_t pvm__lookout_traffic(const struct lookout *);
/*
 * Have what lies in the rings at hand: its memory comes from the writer's processor together with
 * the counter. With many rings that disturbs their writers more than it helps.
 */
static inline void pvm__lookout_prefetch(const struct lookout *o)
{
	for (unsigned i = 0; i < o->n && o->n <= LOOKOUT_PREFETCHED; i++)
		__builtin_prefetch(o->ring[i].record);
}
/* From now on, until it wakes, whoever puts something rings the bell. False: something is there. */
bool pvm__lookout_sleep(const struct lookout *);
void pvm__lookout_wake(const struct lookout *);
/* Another thread than the sleeping one has looked at the sockets, and may have heard the bell. */
void pvm__bell_heard(void);

#endif
