/* SPDX-License-Identifier: MIT */
/* What moves through the switch: events for the caller, output to tasks, and who must wait. */
#ifndef PVM3PY_SWITCH_FLOW_H
#define PVM3PY_SWITCH_FLOW_H

#include <sys/types.h>

#include "base/base.h"

/* A fragment up to this size is copied where sharing its chunk would cost more. */
#define FRAGMENT_COPY_MAX 1024u
/* So many quiet events wake the caller. */
#define QUIET_MAX 64u

struct msghdr;

/* A body that belongs to a batch, not in its arena. */
struct block {
	uint32_t event;
	char *data;
};

/* Events for the caller. */
struct batch {
	struct sw_event *events;
	uint32_t count, size;
	char *arena;
	size_t used, arena_size;
	struct block *blocks;
	uint32_t block_count, block_size;
	uint64_t remote_bytes; /* that messages from other hosts have added */
	/* Places of the events that the caller need not be woken for, */
	uint32_t quiet[QUIET_MAX], quiet_count;
	int64_t due; /* and when it gets them nevertheless, ns, if there are any */
};

/* Message for the daemon that is being put together. */
struct assembly {
	bool open;
	bool too_long;     /* see assembly_refuse: the caller is told at its end */
	uint32_t dst, src; /* src: of messages from other hosts */
	char head[MSGHDRLEN];
	char *body;
	uint32_t len, size;
};

/* What is queued to one receiver, and who waits for it. */
struct backlog {
	uint64_t bytes;
	uint64_t bound;      /* with more bytes than this, senders are parked */
	bool fixed;          /* the bound never grows */
	bool progress;       /* something was sent since the last stall check */
	struct link waiters; /* places of connections that are parked here */
	struct link remotes; /* struct pause (remote.c): hosts that were asked to hold back */
	struct link stalled; /* in flow.stalls: somebody waits */
};

/* The socket of a connection. */
struct peer {
	uint64_t id; /* generation << 32 | slot */
	int fd;      /* -1: closed, the connection waits to be freed */
};

/* Bytes to send. */
struct span {
	struct chunk *chunk;
	uint32_t off, len;
};

/* Descriptors that a task has sent along: of its segment, and of its bell. Shared by reference. */
enum { OFFER_SEGMENT, OFFER_BELL, OFFER_FDS };

struct offer {
	uint32_t refs;
	int fds[OFFER_FDS];
};

/* Descriptors that go out with a byte of a queue. */
struct enclosure {
	struct enclosure *next;
	struct offer *offer;
	uint64_t
		behind; /* bytes between that byte and the one before with descriptors, or the head */
};

/* Bytes of an answer that an invitation has. */
#define INVITATION_MAX 32u

/* A child of the caller that the switch may enrol: its process, and what its answer alone has. */
struct invitation {
	uint32_t pid, len;
	char words[INVITATION_MAX];
};

/* Output to one connection, or what is kept for a task that is expected to connect or that moves. */
struct queue {
	const struct peer *peer; /* NULL: kept */
	uint32_t tid;            /* whose route leads here; 0: none */
	struct span *spans;      /* ring of `size` (a power of two) */
	uint32_t size, head, count;
	uint32_t settled;   /* so many spans at the head need not be copied any more */
	struct chunk *tail; /* own chunk, for copies */
	struct backlog load;
	uint64_t mark;       /* SW_DRAINED is due at so many bytes */
	bool notify;         /* mark is set */
	bool broken;         /* the peer cannot receive any more */
	bool blocked;        /* the socket is full: wait for EPOLLOUT */
	bool watched;        /* EPOLLOUT is asked for */
	bool renaming;       /* the speaker's message gets the name of the receiver's manager */
	uint32_t speaker;    /* task whose messages are reported (manager.c); 0: none */
	struct link touched; /* in flow.touched: to be flushed */
	struct enclosure
		*enclosures;  /* in the order of their bytes; none in that of one expected */
	struct queue *detour; /* its task moves: what it is sent is kept there; NULL: it does not */
	struct invitation *invitation; /* of a task that is expected; NULL: it has none */
};

/* Where a task is that is not, or may soon not be, where the host in its tid says: moved.c alone. */
struct moved {
	struct moved *next; /* at its place */
	uint32_t tid;
	uint32_t host;       /* daemon of the other host where it is; 0: none */
	struct queue *queue; /* of its connection, or, without a peer, what is held; NULL: away */
	struct queue
		*source;  /* while that is held: of the connection that a thaw leads to, or NULL */
	uint32_t awaited; /* while that is held: multicasts under way that go the old way */
};
#define MOVED_PLACES 1024u

/* Local parts of tids, in pages that come into being when needed. */
#define TABLE_PAGE 1024u
#define TABLE_PAGES ((TIDLOCAL + 1u) / TABLE_PAGE)

/* The state of this floor. */
struct flow {
	struct sw sw;
	struct events {
		struct batch batches[2];
		struct batch *filling, *shown;
		uint64_t number;  /* of the batch being filled */
		uint64_t handled; /* of the last batch that the caller has handled */
	} events;
	struct link touched; /* queues to flush: queue.c alone */
	/* Backlogs that somebody waits for: backlog.c alone. */
	struct stalls {
		struct link list;
		int64_t check; /* time of the next look, ns */
	} stalls;
	struct queue **table[TABLE_PAGES]; /* table.c alone, as are the next two */
	/* a bit for each local number: it is a task's, from sw_expect or sw_bind to sw_forget */
	uint64_t alive[(TIDLOCAL + 1u) / 64];
	uint32_t last_number; /* the local number given last */
	struct {
		struct moved *places[MOVED_PLACES];
		uint32_t count;
	} moved;
	uint64_t assembled; /* bytes of all unfinished messages for the daemon: events.c alone */
};

static inline struct flow *flow_of(const struct sw *sw)
{
	return CONTAINER(sw, struct flow, sw);
}

/* events.c */

void events_init(struct sw *);
/* New event of the batch being filled; valid until the next one. */
struct sw_event *events_add(struct sw *, uint32_t type, uint64_t conn);
/* The same with data; with a text. */
struct sw_event *events_data(struct sw *, uint32_t type, uint64_t conn, const void *data,
	uint32_t len);
struct sw_event *events_text(struct sw *, uint32_t type, uint64_t conn, const char *text);
/*
 * The same with a whole message; `owned` is its body if that is a block to
 * give away, else NULL.
 */
struct sw_event *events_message(struct sw *, uint64_t conn, uint32_t dst, uint32_t src,
	const char *head, const char *body, uint32_t len, char *owned);
/* The same with one that was refused. */
void events_too_long(struct sw *, uint64_t conn, uint32_t dst, uint32_t src, const char *head);
/*
 * The event added last is quiet: it tells of what is done already. The caller gets it before all
 * later ones, but is woken for it only after a while, or when there are many. If there is no room
 * for it, it is an event like others.
 */
void events_quiet(struct sw *);
/* May there be one more? Else what it would tell of is left to the caller. */
bool events_room(const struct sw *);
/* The event added last, if it is a quiet one, and its data; NULL: it is not. */
const struct sw_event *events_last_quiet(const struct sw *, const char **data);
/* Take that one back. */
void events_retract(struct sw *);
/* Has the caller handled all events but quiet ones? */
bool events_settled(const struct sw *);
/* Is the caller to get the batch being filled now? */
bool events_pressing(const struct sw *);
/* When it is to get that at the latest, ns; NEVER: there is nothing. */
int64_t events_due(const struct sw *);
/* Show the batch filled so far to the caller, and begin the next. */
void events_turn(struct sw *);
void events_free(struct sw *);

/* Begin a message with this message header. */
void assembly_open(struct sw *, struct assembly *, uint32_t dst, const char *head);
/* It is longer than a message may be, or there is no memory for it: only its end is awaited. */
void assembly_refuse(struct sw *, struct assembly *);
/* Add to its body, or refuse it: it gets too long, or all of them together do. */
void assembly_gather(struct sw *, struct assembly *, const char *data, uint32_t len);
/* It ends: its body is the caller's, its length in *len; NULL: it was too long, or is empty. */
char *assembly_take(struct sw *, struct assembly *, uint32_t *len);
void assembly_drop(struct sw *, struct assembly *);

/* backlog.c */

void stalls_init(struct sw *);
void backlog_init(struct sw *, struct backlog *);
/* More is queued than senders may add to? */
static inline bool backlog_full(const struct sw *sw, const struct backlog *b)
{
	return b->bytes > b->bound ||
		(sw->stats.queued_bytes > sw->cf.queue_total && b->bytes > sw->cf.queue_low);
}
/* So many bytes were queued; were sent or dropped, which may let senders go on. */
void backlog_add(struct sw *, struct backlog *, uint64_t bytes);
void backlog_take(struct sw *, struct backlog *, uint64_t bytes);
/* Somebody waits: see to it that the backlog gets room if it makes no progress. */
void backlog_watch(struct sw *, struct backlog *);
/* Let all who wait go on. */
void backlog_release(struct sw *, struct backlog *);
/* When backlog_check_stalls is to be called again, ns; NEVER. */
int64_t backlog_due(const struct sw *);
/* Give room to backlogs without progress. */
void backlog_check_stalls(struct sw *);

/* enclosure.c */

/* Take over descriptors; the last reference closes them. */
struct offer *offer_new(const int fds[OFFER_FDS]);
void offer_unref(struct offer *);
/* Let descriptors go out with the byte that is queued next to a connected task. */
void enclosure_add(struct queue *, struct offer *);
uint32_t enclosure_count(const struct queue *);
/* Drop all of a queue's. */
void enclosure_drop(struct queue *);
/*
 * Of a message that begins at the queue's head leave what goes out by one call, with the first
 * descriptors or before them; returns its bytes. Then send it, and return what sendmsg does. If the
 * system takes no more descriptors, they are left out.
 */
uint64_t enclosure_cut(const struct queue *, struct msghdr *);
ssize_t enclosure_send(struct queue *, struct msghdr *);

/* queue.c */

void queues_init(struct sw *);
void queue_init(struct sw *, struct queue *, const struct peer *, uint32_t tid);
/* Drop what is queued, release who waits, report the drain if asked to. */
void queue_clear(struct sw *, struct queue *);
/* Add bytes of a chunk by reference, or a copy of bytes. */
void queue_ref(struct sw *, struct queue *, struct chunk *, uint32_t off, uint32_t len);
void queue_copy(struct sw *, struct queue *, const char *data, size_t len);
/* Add a multicast fragment, header first, for one of its receivers; a long body is shared. */
void queue_multicast(struct sw *, struct queue *, uint32_t dst, struct chunk *, uint32_t off,
	uint32_t len);
/*
 * Take the first frame, header first, off a queue of whole frames: in one piece, and with a
 * reference to its chunk. False: the queue is empty.
 */
bool queue_take(struct sw *, struct queue *, struct span *frame);
/* Bytes in a queue; a copy of so many of them from its head. */
uint64_t queue_bytes(const struct queue *);
void queue_look(const struct queue *, char *to, uint32_t len);
/* Where what is sent to a connection's task goes: its queue, or what is held for it. */
static inline struct queue *queue_way(struct queue *q)
{
	return q->detour ? q->detour : q;
}
/* Move everything, waiting senders too, from one queue to the end of another. */
void queue_move(struct sw *, struct queue *from, struct queue *to);
/* Send what the socket takes. True: that was all, or the peer is gone. */
bool queue_flush(struct sw *, struct queue *);
/* The socket takes more. The same. */
bool queue_writable(struct sw *, struct queue *);
/* Flush all queues that were added to. */
void queue_flush_touched(struct sw *);
/* The queue of a connection is no task's any more. */
void queue_disown(struct sw *, struct queue *);
/* Report SW_DRAINED if it is due. */
void queue_check_mark(struct sw *, struct queue *);

/* moved.c */

/* What is known of a task that has moved or is about to; NULL: nothing. */
struct moved *moved_find(const struct sw *, uint32_t tid);
/* Is what is sent to it held? */
static inline bool moved_held(const struct moved *m)
{
	return m->queue && !m->queue->peer;
}
/* table_hold and table_thaw but for the table. */
struct moved *moved_hold(struct sw *, uint32_t tid);
/* A connection's queue is the source of a held task. */
void moved_attach(struct moved *, struct queue *source);
void moved_thaw(struct sw *, struct moved *);
/* The task is at another host, whose daemon is given. The same; m NULL: nothing was known of tid. */
void moved_place(struct sw *, struct moved *m, uint32_t tid, uint32_t host);
/* A multicast that named a task as one of another host, and was begun before the hold, has ended. */
void moved_arrived(struct sw *, uint32_t tid);
/* Report SW_HELD if no multicast is awaited. */
void moved_check(struct sw *, const struct moved *);
/* The task has ended. */
void moved_forget(struct sw *, struct moved *);
/* A connection ends, with its queue: it is no task's any more. */
void moved_unbind(struct sw *, struct moved *, const struct queue *);
/* Hand each task that is held to a function. */
void moved_each_held(struct sw *, void (*visit)(struct sw *, struct queue *held, void *arg),
	void *arg);
/* Free all. */
void moved_free(struct sw *);

/* table.c */

/* Does tid bear the number of this host? It is one of its tasks then, unless it has moved. */
static inline bool table_local(const struct sw *sw, uint32_t tid)
{
	return wire_is_task(tid) && (tid & TIDHOST) == (sw->own_tid & TIDHOST);
}

/* Where messages for the tid go; NULL: unknown, or to another host. */
static inline struct queue *table_find(const struct sw *sw, uint32_t tid)
{
	const struct moved *m = flow_of(sw)->moved.count ? moved_find(sw, tid) : NULL;
	struct queue **page;

	if (m)
		return m->queue;
	if (!table_local(sw, tid))
		return NULL;
	page = flow_of(sw)->table[(tid & TIDLOCAL) / TABLE_PAGE];
	return page ? page[(tid & TIDLOCAL) % TABLE_PAGE] : NULL;
}

/* Where a task is that has moved to another host: the daemon there; 0: it has not. */
static inline uint32_t table_moved(const struct sw *sw, uint32_t tid)
{
	const struct moved *m = flow_of(sw)->moved.count ? moved_find(sw, tid) : NULL;

	return m ? m->host : 0;
}

/* A tid of the other host where a task is; 0: it is here, or its messages are held here. */
static inline uint32_t table_elsewhere(const struct sw *sw, uint32_t tid)
{
	const struct moved *m = flow_of(sw)->moved.count ? moved_find(sw, tid) : NULL;

	if (m)
		return m->host;
	return wire_is_task(tid) && !table_local(sw, tid) ? tid : 0;
}

/* table_find for a fragment that is on its way; without a receiver it is counted as dropped. */
static inline struct queue *table_receiver(struct sw *sw, uint32_t tid)
{
	struct queue *q = table_find(sw, tid);

	if (q && !q->broken)
		return q;
	sw->stats.dropped++;
	return NULL;
}

/* Does the caller know a task of this host by that tid? Its connection may have ended. */
static inline bool table_alive(const struct sw *sw, uint32_t tid)
{
	return table_local(sw, tid) && flow_of(sw)->alive[(tid & TIDLOCAL) / 64] >> (tid % 64) & 1;
}

/* As sw_next_tid. */
uint32_t table_next_tid(struct sw *);
/* If a tid bears the number of this host, it is some task's until table_end. */
static inline void table_use(struct sw *sw, uint32_t tid)
{
	if (table_local(sw, tid))
		flow_of(sw)->alive[(tid & TIDLOCAL) / 64] |= UINT64_C(1) << tid % 64;
}
/* Let the route of a task that bears the number of this host lead there; NULL: nowhere. */
void table_set(struct sw *, uint32_t tid, struct queue *);
/* The queue of a task that is expected to connect; NULL: it is not. */
static inline struct queue *table_expected(const struct sw *sw, uint32_t tid)
{
	struct queue *q = table_find(sw, tid);

	return q && !q->peer ? q : NULL;
}

/* Free the queue of a task that was expected, with its invitation. */
void table_free_expected(struct sw *, struct queue *);
/* Hold what is sent to a task from now on. */
struct moved *table_hold(struct sw *, uint32_t tid);
/* The route leads to the source from now on; nothing is held any more, and the entry may be gone. */
void table_thaw(struct sw *, struct moved *);
/* A connection's queue ends: if it is a task's, its route does. */
void table_unbind(struct sw *, const struct queue *);
/* tid is gone: nothing is sent to it any more; false: it was not known. */
bool table_forget(struct sw *, uint32_t tid);
/* The same, and the task is not alive any more. */
bool table_end(struct sw *, uint32_t tid);
/* Free all. */
void table_free(struct sw *);

#endif
