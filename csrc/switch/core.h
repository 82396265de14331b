/* SPDX-License-Identifier: MIT */
/*
 * Inside of the switch.
 *
 * Received bytes lie in reference-counted chunks. A connection cuts its stream
 * into fragments (conn.c); each goes to the daemon's inbox (inbox.c) or by its
 * tid (route.c) to the output queue of another connection (queue.c), which
 * holds references to the bytes, not copies. On the way manager.c reports what
 * goes between tasks and their resource manager, and mail.c answers requests to
 * the mailbox. switch.c runs the loop, standby.c the thread that takes over
 * while the caller is busy.
 *
 * All connections are in one edge-triggered epoll, so none is ever masked: one
 * that is readable but must wait (for its receiver's queue, or for the next
 * batch of events) merely is not in the list of ready ones.
 *
 * Everything here needs the lock (lock_enter), which sw_run gives up while
 * it sleeps.
 */
#ifndef PVM3PY_SWITCH_CORE_H
#define PVM3PY_SWITCH_CORE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "layout.h"
#include "switch.h"

/* Memory of one receive chunk, its head included. */
#define CHUNK_BYTES 262144u
/* What a receive chunk holds. A longer fragment is passed on in pieces of this size. */
#define CHUNK_ROOM ((uint32_t)(CHUNK_BYTES - sizeof(struct chunk)))
/* Unused receive chunks that are kept. */
#define CHUNKS_KEPT 8
/* A new read needs at least so much room, bytes. */
#define READ_ROOM 65536u
/* A connection keeps that much input of an unfinished fragment in memory of its own. */
#define STASH_MAX 4096u
/* Queued pieces below this size do not hold their receive chunk while their receiver is slow. */
#define SETTLE_MAX 65536u
/* A fragment up to this size is copied where sharing its chunk would cost more. */
#define FRAGMENT_COPY_MAX 1024u
/* Descriptors, connections and accepted peers served in one pass. */
#define PASS_MAX 64
/* Message bodies up to this size are collected in the arena of a batch. */
#define ARENA_BODY 4096u
/* Bytes of messages that one connection may add to a batch, besides its budget. */
#define BUDGET_BYTES (1u << 20)

#define NS_PER_MS 1000000ll
#define NEVER INT64_MAX

#define TID_DAEMON 0x80000000u

/* Element of a circular doubly linked list; an element outside any list has next NULL. */
struct link {
	struct link *prev, *next;
};

#define CONTAINER(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))

static inline void list_init(struct link *list)
{
	list->prev = list->next = list;
}

static inline bool list_empty(const struct link *list)
{
	return list->next == list;
}

static inline void list_append(struct link *list, struct link *l)
{
	l->prev = list->prev;
	l->next = list;
	list->prev->next = l;
	list->prev = l;
}

static inline void list_remove(struct link *l)
{
	if (l->next) {
		l->prev->next = l->next;
		l->next->prev = l->prev;
		l->next = NULL;
	}
}

/* Monotonic time, ns. */
static inline int64_t clock_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

struct backlog;
struct conn;
struct host;
struct net;
struct sockaddr_in;

struct chunk {
	struct chunk *next; /* in the list of kept ones */
	uint32_t refs;
	uint32_t used; /* bytes of data that are not free */
	uint32_t room;
	uint32_t pad;
	char data[];
};

/* Bytes to send. */
struct span {
	struct chunk *chunk;
	uint32_t off, len;
};

/* What is queued to one receiver, and who waits for it. */
struct backlog {
	uint64_t bytes;
	uint64_t bound;      /* with more bytes than this, senders are parked */
	bool progress;       /* something was sent since the last stall check */
	struct link waiters; /* connections parked here, by `place` */
	struct link remotes; /* struct pause: senders of other hosts that were asked to pause */
	struct link stalled; /* in sw.stalled: somebody waits */
};

/* The socket of a connection. */
struct peer {
	uint64_t id; /* generation << 32 | slot */
	int fd;      /* -1: closed, the connection waits to be freed */
};

/* Output to one connection, or to a task that is expected to connect. */
struct queue {
	const struct peer *peer; /* NULL: expected */
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
	struct link touched; /* in sw.touched: to be flushed */
};

/* Message for the daemon that is being put together. */
struct assembly {
	bool open;
	uint32_t dst, src; /* src: of messages from other hosts */
	char head[MSGHDRLEN];
	char *body;
	uint32_t len, size;
};

struct conn {
	struct sw *sw;
	struct peer peer;
	uint32_t tid;        /* who sends here, even if forgotten meanwhile; 0: not bound yet */
	uint32_t manager;    /* task to which its SM_ messages are reported; 0: none */
	struct chunk *chunk; /* holds unparsed input start ... end, if not stashed */
	uint32_t start, end;
	char *stash; /* unparsed input while the connection is idle */
	uint32_t stashed;
	bool readable;     /* the socket may have input */
	bool hangup;       /* read to the end whatever a short read suggests */
	bool closing;      /* sw_close: not read any more, closed when all is sent */
	bool finishing;    /* sw_finish: no bounds */
	struct link place; /* in sw.ready, sw.held, sw.dead or the waiters of a queue */
	struct queue out;
	struct assembly in;
	uint32_t *receivers; /* of the next multicast message: tasks here, daemons of other hosts */
	uint32_t receiver_count;
	uint64_t batch; /* batch that these count in: */
	uint32_t batch_events;
	uint64_t batch_bytes;
};

/* The connection that a queue leads to. */
static inline struct conn *conn_of(const struct queue *q)
{
	return CONTAINER(q->peer, struct conn, peer);
}

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
};

/* Local parts of tids, in pages that come into being when needed. */
#define ROUTE_PAGE 1024u
#define ROUTE_PAGES ((TIDLOCAL + 1u) / ROUTE_PAGE)

/*
 * The state of a switch, in floors: each begins with that of the floor below, and has accessors
 * that lead from any floor's to its own. Who includes a floor's header sees its state and that of
 * those below.
 */
struct sw {
	struct sw_config cf;
	struct sw_stats stats;
	uint32_t own_tid;
	int epoll_fd;
	/* Unused chunks: memory.c alone. */
	struct pool {
		struct chunk *kept;
		uint32_t count;
	} pool;
	/* lock.c alone. */
	struct {
		pthread_mutex_t turn, mutex;
		atomic_bool wanted; /* the caller waits */
	} lock;
};

/* ---- flow ---- */

struct flow {
	struct sw sw;
	struct events {
		struct batch batches[2];
		struct batch *filling, *shown;
		uint64_t number; /* of the batch being filled */
	} events;
	struct link touched; /* queues to flush: queue.c alone */
	/* Backlogs that somebody waits for: backlog.c alone. */
	struct stalls {
		struct link list;
		int64_t check; /* time of the next look, ns */
	} stalls;
	struct queue **routes[ROUTE_PAGES]; /* table.c alone */
};

static inline struct flow *flow_of(const struct sw *sw)
{
	return CONTAINER(sw, struct flow, sw);
}

/* ---- tasks ---- */

struct tasks {
	struct flow flow;
	int listen_fd;
	int spare_fd;        /* given up to refuse a peer when descriptors run out */
	bool accepting;      /* peers may be waiting */
	struct chunk *spare; /* chunk that the next connection reads into */
	struct link ready;   /* connections to serve */
	struct link held;    /* connections whose batch the caller handles, oldest first */
	struct link dead;    /* connections to free */
	/* Connections by slot: conn.c alone. */
	struct slots {
		struct conn **conns;
		uint32_t *generations;
		uint32_t size, used;
		uint32_t *free, free_count;
	} slots;
};

static inline struct tasks *tasks_of(const struct sw *sw)
{
	return CONTAINER(sw, struct tasks, flow.sw);
}

/* ---- links ---- */

struct links {
	struct tasks tasks;
	struct net *net; /* NULL: none */
};

static inline struct links *links_of(const struct sw *sw)
{
	return CONTAINER(sw, struct links, tasks.flow.sw);
}

static inline struct net *net_of(const struct sw *sw)
{
	return links_of(sw)->net;
}

/* ---- routing ---- */

struct routing {
	struct links links;
	struct mailbox *mail;
};

static inline struct routing *routing_of(const struct sw *sw)
{
	return CONTAINER(sw, struct routing, links.tasks.flow.sw);
}

/* ---- loop ---- */

struct loop {
	struct routing routing;
	int watch_fd;               /* the caller's descriptors, an epoll within epoll_fd */
	int wake_fd;                /* eventfd within epoll_fd */
	bool watch_ready;           /* descriptors of the caller may be ready, */
	struct sw_fd fds[PASS_MAX]; /* and those that are */
	uint32_t fd_count;
	bool inside; /* the caller is in sw_run */
	/* The standby thread: standby.c alone. */
	struct standby {
		bool exists, armed, stop; /* armed: the timer is set */
		int64_t left;             /* when the caller left sw_run, ns */
		int timer_fd;
		pthread_t helper;
	} standby;
};

static inline struct loop *loop_of(const struct sw *sw)
{
	return CONTAINER(sw, struct loop, routing.links.tasks.flow.sw);
}

static inline struct sw *sw_of(struct loop *loop)
{
	return &loop->routing.links.tasks.flow.sw;
}

/* Identifiers in epoll data, besides those of connections (which are larger). */
enum { ID_LISTEN = 1, ID_WATCH, ID_WAKE, ID_NET };

/* memory.c */

/* malloc and realloc that end the process when the system has no memory left. */
void *mem_new(size_t);
void *mem_grow(void *, size_t);
/* Chunk with one reference; chunks of CHUNK_ROOM are reused. */
struct chunk *chunk_new(struct sw *, uint32_t room);
void chunk_unref(struct sw *, struct chunk *);
/* Free the unused ones. */
void chunk_trim(struct sw *);

/*
 * What files have done by those above them, whom they must not name. switch.c fills it in.
 */
struct above {
	/*
	 * A connection has a complete fragment, header first, in its chunk at off, len: pass it on.
	 * May park, hold or end the connection.
	 */
	void (*fragment)(struct conn *, uint32_t off, uint32_t len);
	/* A backlog has drained, or ends: let those go on who waited for it. */
	void (*resume)(struct sw *, struct backlog *);
	/* The network's socket has a packet, in a chunk that may be referred to and changed. */
	void (*packet)(struct net *, struct chunk *, uint32_t off, uint32_t len,
		const struct sockaddr_in *from, int64_t now);
	/*
	 * Is there room for data from the host for this address? Else the packet is not
	 * acknowledged, and so comes again.
	 */
	bool (*room)(const struct host *, uint32_t dst);
	/* A link has the next data from its host in order, with a packet header: pass them on. */
	void (*deliver)(struct host *, struct chunk *, uint32_t off, uint32_t len);
	/* A link has ended, which is reported: drop what every floor keeps for the host. */
	void (*lost)(struct host *);
};

extern const struct above sw__above;

/* lock.c */

void lock_init(struct sw *);
void lock_destroy(struct sw *);
/* Take the lock, as the standby thread does. */
void lock_take(struct sw *);
/* Take it, as the caller does: the standby thread cuts its pass short. */
void lock_enter(struct sw *);
/* Does the caller wait for it? */
bool lock_wanted(struct sw *);
void lock_leave(struct sw *);

/* pass.c */

/*
 * Wait at most `ns` (-1: no limit), without the lock, then serve what is ready,
 * as far as one pass goes. helper: on the standby thread, which makes way for
 * the caller. 0 or -errno.
 */
int pass_run(struct sw *, int64_t ns, bool helper);
/* How long a pass may wait, ns: at most `ns` (-1: no limit). */
int64_t pass_patience(struct sw *, int64_t ns);

/* standby.c */
int standby_start(struct sw *);
void standby_stop(struct sw *);
/* The caller leaves sw_run: let the thread look after a while. */
void standby_arm(struct sw *);

/* conn.c */

/* Peers will come over a listening socket, which stays the caller's. */
void conn_init(struct sw *, int listen_fd);
/* End all connections. */
void conn_free(struct sw *);
/* New connection over a connected socket, which it owns from then on; an SW_OPEN event. */
struct conn *conn_add(struct sw *, int fd, uint32_t pid, uint32_t uid);
/* The connection with this id, or NULL. */
struct conn *conn_find(struct sw *, uint64_t id);
/* Accept what waits at the listening socket. */
void conn_accept(struct sw *);
/* Take a connection's place in the lists: ready to be served. */
void conn_ready(struct conn *);
/* Let it wait until the backlog has drained. */
void conn_park(struct conn *, struct backlog *);
/* Let it wait if the queue that it has added to is full. */
void conn_hold_back(struct conn *, struct queue *);
/* Answer a request of its task with this head: a number, then more bytes. */
void conn_answer(struct conn *, const char *head, int32_t number, const char *data, uint32_t len);
/* End it: an SW_CLOSE event; text may be NULL. Freed by conn_bury. */
void conn_end(struct conn *, uint32_t reason, const char *text);
/* Free ended connections. */
void conn_bury(struct sw *);

/* stream.c */

/* Serve a connection: parse what is left of its input, then read once. */
void stream_serve(struct conn *);

/* events.c */

void events_init(struct sw *);
/* New event of the batch being filled; valid until the next one. */
struct sw_event *events_add(struct sw *, uint32_t type, uint64_t conn);
/* The same with a text. */
struct sw_event *events_text(struct sw *, uint32_t type, uint64_t conn, const char *text);
/*
 * The same with a whole message; `owned` is its body if that is a block to
 * give away, else NULL.
 */
struct sw_event *events_message(struct sw *, uint64_t conn, uint32_t dst, uint32_t src,
	const char *head, const char *body, uint32_t len, char *owned);
/* Show the batch filled so far to the caller, and begin the next. */
void events_turn(struct sw *);
void events_free(struct sw *);

/* Begin a message with this message header; add to its body; drop it. */
void assembly_open(struct assembly *, uint32_t dst, const char *head);
void assembly_gather(struct assembly *, const char *data, uint32_t len);
void assembly_drop(struct assembly *);

/* backlog.c */
void backlog_init(struct sw *, struct backlog *);
/* More is queued than senders may add to? */
bool backlog_full(const struct sw *, const struct backlog *);
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

/* queue.c */
void queue_init(struct sw *, struct queue *, const struct peer *, uint32_t tid);
/* Drop what is queued, release who waits, report the drain if asked to. */
void queue_clear(struct sw *, struct queue *);
/* Add bytes of a chunk by reference, or a copy of bytes. */
void queue_ref(struct sw *, struct queue *, struct chunk *, uint32_t off, uint32_t len);
void queue_copy(struct sw *, struct queue *, const char *data, size_t len);
/* Add a multicast fragment, header first, for one of its receivers; a long body is shared. */
void queue_multicast(struct sw *, struct queue *, uint32_t dst, struct chunk *, uint32_t off,
	uint32_t len);
/* Move everything, waiting senders too, from one queue to the end of another. */
void queue_move(struct sw *, struct queue *from, struct queue *to);
/* Send what the socket takes. True: that was all, or the peer is gone. */
bool queue_flush(struct sw *, struct queue *);
/* The socket takes more. The same. */
bool queue_writable(struct sw *, struct queue *);
/* Flush all queues that were added to. */
void queue_flush_touched(struct sw *);
/* Report SW_DRAINED if it is due. */
void queue_check_mark(struct sw *, struct queue *);

/* table.c */

/* Is tid a task of this host? */
bool table_local(const struct sw *, uint32_t tid);
/* Where messages for the tid go; NULL: unknown. */
struct queue *table_find(const struct sw *, uint32_t tid);
/* The same for a fragment that is on its way; without a receiver it is counted as dropped. */
struct queue *table_receiver(struct sw *, uint32_t tid);
void table_set(struct sw *, uint32_t tid, struct queue *);
/* Free all. */
void table_free(struct sw *);

/* route.c */

/*
 * Pass on a fragment, header first, that lies in c's chunk. May park, hold or
 * end c.
 */
void route_fragment(struct conn *, uint32_t off, uint32_t len);

/* remote.c */

/*
 * A task's fragment, header first, in its connection's chunk, for a task or a
 * multicast address of another host. May park the connection.
 */
void remote_fragment(struct conn *, uint32_t host, uint32_t dst, uint32_t off, uint32_t len);
/* A whole message to the daemon of another host. */
void remote_message(struct sw *, uint32_t dst, uint32_t src, const char *head, const char *body,
	uint32_t len);
/* Announce a multicast of task `src` to another host's tasks. */
void remote_announce(struct sw *, uint32_t src, const uint32_t *tids, uint32_t count);
/* Frame of the caller for another host. False: unknown host. */
bool remote_frame(struct sw *, const char *frame, uint32_t len);
/* Senders of other hosts may go on. */
void remote_resume(struct sw *, struct backlog *);

/* manager.c */

/* A task's fragment, header first, for tid: is it for its manager, so that the caller gets it? */
bool manager_asked(const struct conn *, uint32_t tid, const char *frag);
/*
 * Rename a fragment, header first, of the queue's speaker, ahead of queueing it. True: it was the
 * first of its message, which is reported.
 */
bool manager_spoke(struct sw *, struct queue *, char *frag, uint32_t len);

/* mail.c */

/* A TM_DB request of a connection. False: not answered, the caller is to do it. */
bool mail_serve(struct conn *, const char *head, const char *body, uint32_t len);

/* inbox.c */

/* A fragment for a daemon, this one or that of another host. */
void inbox_fragment(struct conn *, const char *frag, uint32_t len);
/* The connection has added an event of so many bytes; at the end of its budget it is held. */
void inbox_charge(struct conn *, uint32_t bytes);
/* Log event about a connection's fragment; counts in its budget. */
void inbox_log(struct conn *, const char *text);
/* The caller has handled the batch that it was shown: who was held for it goes on. */
void inbox_handled(struct sw *);

#endif
