/* SPDX-License-Identifier: MIT */
/* Connections of tasks of this host, and what they send. */
#ifndef PVM3PY_SWITCH_TASKS_H
#define PVM3PY_SWITCH_TASKS_H

#include "base/proof.h"
#include "flow/flow.h"

/* A new read needs at least so much room, bytes. */
#define READ_ROOM 65536u
/* Descriptors, connections and accepted peers served in one pass. */
#define PASS_MAX 64
/* Connections of which a descriptor of the process is kept. */
#define SIGNALLED_MAX 32

/* One side of a pair: a task, and what it has said to the other. */
struct pair_side {
	struct link place; /* in sharing.pairs */
	struct pair *pair;
	struct conn *conn;
	bool closing; /* its SHARE_CLOSE is not answered yet */
};

/* Two tasks of which one has asked the other for a link. Ends with either connection. */
struct pair {
	struct pair_side asker, asked;
	bool linked;  /* the other one has accepted */
	bool stopped; /* both were told to close the link */
};

static inline struct pair_side *pair_other(const struct pair_side *side)
{
	return side == &side->pair->asker ? &side->pair->asked : &side->pair->asker;
}

/* What a connection has whose task may share memory. */
struct sharing {
	struct offer *arrived; /* descriptors that no SHARE_OFFER has claimed yet */
	struct offer *offer;   /* and those that one has */
	struct link pairs;     /* its sides of them */
	uint32_t count;
};

/* What is known of a connection only until it is a task. */
struct stranger {
	struct conn *conn;
	struct link place;          /* in strangers.list */
	int64_t due;                /* when it must be a task, ns */
	char proof[PROOF_PATH_MAX]; /* file that it is to write into; empty: none */
	bool proven;                /* it need not */
	/* Its request to be enrolled that is being served: enrol.c alone. */
	char head[MSGHDRLEN];
	char *body;
	uint32_t len;
};

/*
 * Who gets a multicast message, sorted by hosts: tasks here, whose host is 0, then those that a
 * host was told of, which gets one copy for all of them.
 */
struct receivers {
	bool awaited; /* a task that it names as one of another host is held */
	uint32_t count;
	struct receiver {
		uint32_t host; /* its daemon */
		uint32_t tid;
	} list[];
};

#define EAGER_HANGUP 1      /* the peer has hung up */
#define EAGER_DESCRIPTORS 2 /* the last read has ended behind descriptors */

struct conn {
	struct sw *sw;
	struct peer peer;
	uint32_t tid;        /* who sends here, even if forgotten meanwhile; 0: not bound yet */
	uint32_t manager;    /* task to which its SM_ messages are reported; 0: none */
	struct chunk *chunk; /* holds unparsed input start ... end, if not stashed */
	uint32_t start, end;
	char *stash; /* unparsed input while the connection is idle */
	uint32_t stashed;
	bool readable;  /* the socket may have input */
	uint8_t eager;  /* EAGER_ bits: read to the end whatever a short read suggests */
	bool closing;   /* sw_close: not read any more, closed when all is sent */
	bool announced; /* the caller knows it */
	bool finishing; /* sw_finish: no bounds */
	bool child;     /* SW_BIND_CHILD */
	bool muted;     /* sw_mute: the caller logs nothing about its spawns */
	bool parked;    /* it waits for a backlog, or for a receiver at another host */
	struct link
		place; /* in tasks.ready, held, dead or strangers.asking, or among those who wait */
	uint32_t pid, uid;         /* the peer process */
	int process_fd;            /* a descriptor of it; -1: none is kept */
	struct stranger *stranger; /* NULL: it is a task, or the caller serves enrolments */
	struct queue out;
	struct assembly in;
	struct receivers *receivers; /* of the next multicast message; NULL: none is announced */
	struct sharing *sharing;     /* NULL: the task cannot share memory */
	/* What it has sent to tasks and groups of them so far: whole messages, bytes with headers. */
	uint64_t sent_messages, sent_bytes;
	uint64_t batch; /* batch that these count in: */
	uint32_t batch_events;
	uint64_t batch_bytes;
};

/* The connection that a queue leads to. */
static inline struct conn *conn_of(const struct queue *q)
{
	return CONTAINER(q->peer, struct conn, peer);
}

/* The state of this floor. */
struct tasks {
	struct flow flow;
	int listen_fd;
	int spare_fd;        /* given up to refuse a peer when descriptors run out */
	bool accepting;      /* peers may be waiting */
	struct chunk *spare; /* chunk that the next connection reads into */
	struct link ready;   /* connections to serve */
	struct link held;    /* connections whose batch the caller handles, oldest first */
	struct link dead;    /* connections to free */
	/* Connections with a process_fd, and the next place to be taken: conn.c alone. */
	struct conn *signalled[SIGNALLED_MAX];
	uint32_t next_signalled;
	/* Connections that are no task yet, if the switch serves them. */
	struct strangers {
		char *stem;      /* of the names of files that they write into; NULL: it does not */
		unsigned number; /* of the next one */
		int64_t patience;   /* ns from connecting to the end of enrolment */
		struct link list;   /* all of them, oldest first: stranger.c alone */
		struct link asking; /* connections with a request that waits: enrol.c alone */
	} strangers;
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

/* conn.c */

/* Peers will come over a listening socket, which stays the caller's. */
void conn_init(struct sw *, int listen_fd);
/* End all connections. */
void conn_free(struct sw *);
/* The connection with this id, or NULL. */
struct conn *conn_find(struct sw *, uint64_t id);
/* Accept what waits at the listening socket. */
void conn_accept(struct sw *);
/* Take a connection's place in the lists: ready to be served. */
void conn_ready(struct conn *);
/* It waits no longer: it is ready if it has input. */
void conn_resume(struct conn *);
/* Let it wait in the list of those who wait for the same. */
void conn_wait_among(struct conn *, struct link *waiters);
/* It waits for nothing that is full: there are no bounds for it any more. */
void conn_unpark(struct conn *);
/*
 * How often multicasts under way name a task as one of another host. They end whatever the bounds:
 * who sends one might wait for another task that moves, and that for this one.
 */
uint32_t conn_await(struct sw *, uint32_t tid);
/* Let it wait until the backlog has drained. */
void conn_park(struct conn *, struct backlog *);
/*
 * Are there no bounds: because its process is dead, or what it sends must end before a task moves,
 * which may be itself?
 */
static inline bool conn_unbounded(const struct conn *c)
{
	return c->finishing || c->out.detour || (c->receivers && c->receivers->awaited);
}
/* Let it wait if the queue that it has added to is full. */
static inline void conn_hold_back(struct conn *c, struct queue *q)
{
	if (!conn_unbounded(c) && !c->place.next && backlog_full(c->sw, &q->load))
		conn_park(c, &q->load);
}
/*
 * Is there more in a queue than what a task asks for may add to? Requests give a queue no more room
 * than it has at first.
 */
static inline bool conn_asks_too_much(const struct conn *c, const struct queue *q)
{
	return !conn_unbounded(c) && q->load.bytes > c->sw->cf.queue_low;
}
/* Let it wait, in whatever list it is, until there is less in the queue. */
void conn_wait(struct conn *, struct queue *);
/* Let it wait if its own task does not take what it has asked for. */
static inline void conn_hold_asker(struct conn *c)
{
	if (!c->place.next && conn_asks_too_much(c, &c->out))
		conn_wait(c, &c->out);
}
/* Answer a request of its task with this head: a number, then more bytes. */
void conn_answer(struct conn *, const char *head, int32_t number, const char *data, uint32_t len);
/* The same: a whole body. */
void conn_answer_with(struct conn *, const char *head, const char *body, uint32_t len);
/*
 * Take over a descriptor of its process, or the one that is kept already. It stays in process_fd
 * until the connection ends, or others need the place.
 */
void conn_keep_process(struct conn *, int fd);
/* It is the task from now on, which may share memory or not; the same, and its route leads here. */
void conn_name(struct conn *, uint32_t tid, bool shares);
void conn_bind(struct conn *, uint32_t tid, bool shares);
/*
 * New connection over one end of a socket pair, which it owns from then on; the caller knows it.
 * NULL: there is no memory, or the system cannot watch it (errno); the socket stays open.
 */
struct conn *conn_adopt(struct sw *, int fd);
/* Read no more of it, and end it when all is sent. */
void conn_close(struct conn *);
/* Tell the caller of it with SW_OPEN, if it does not know it. */
void conn_announce(struct conn *, uint32_t reason);
/* End those that have not become tasks in time. */
void conn_expire(struct sw *);
/* End it: an SW_CLOSE event; text may be NULL. Freed by conn_bury. */
void conn_end(struct conn *, uint32_t reason, const char *text);
/* Free ended connections. */
void conn_bury(struct sw *);

/* receivers.c */

/* A multicast with so many receivers, to be filled in. False: there is no memory. */
bool receivers_new(struct conn *, uint32_t count);
/* Its message has ended, or will not come. */
void receivers_drop(struct conn *);
/* Where the next host's receivers begin behind one at `i`; tasks here are those of a host, too. */
uint32_t receivers_end(const struct receivers *, uint32_t i);
/* How often they name a task as one of another host; if at all, their message is awaited. */
uint32_t receivers_await(struct receivers *, uint32_t tid);

/* sharing.c */

/* The connection's task may share memory, from now on until sharing_end. */
void sharing_begin(struct conn *);
/* Its pairs end, its descriptors are closed. */
void sharing_end(struct conn *);
/* Read as recv does, and keep descriptors that come along. */
ssize_t sharing_read(struct conn *, char *to, size_t room);
/* Take the descriptors that have come as the task's offer. False: none, or not two, have come. */
bool sharing_offer(struct conn *);
/* The connection's side of its pair with a task; NULL: there is none. */
struct pair_side *pair_find(const struct conn *, uint32_t tid);
void pair_begin(struct conn *asker, struct conn *asked);
void pair_link(struct pair *);
void pair_end(struct pair *);
/* stranger.c */

void strangers_init(struct sw *);
/* A connection is there; false: the caller serves its enrolment. */
bool stranger_begin(struct conn *);
/* It ends, or is a task. */
void stranger_end(struct conn *);
/* A request to be enrolled: it waits for enrol_take. False: the caller is to serve it. */
bool stranger_ask(struct conn *, const char *head, const char *body, uint32_t len);
/*
 * Has it hung up behind all that was read of it, while the caller has its request? Nothing is read
 * of it until the caller has served that, so its end must be looked for.
 */
bool stranger_left(const struct conn *);
/* When the time of the first one is over, ns; NEVER. */
int64_t strangers_due(const struct sw *);
/* One whose time is over; NULL: none. */
struct conn *stranger_late(const struct sw *);

/* stream.c */

/* Serve a connection: parse what is left of its input, then read once. */
void stream_serve(struct conn *);

#endif
