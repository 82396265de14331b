/* SPDX-License-Identifier: MIT */
/* Connections of tasks of this host, and what they send. */
#ifndef PVM3PY_SWITCH_TASKS_H
#define PVM3PY_SWITCH_TASKS_H

#include "flow/flow.h"

/* A new read needs at least so much room, bytes. */
#define READ_ROOM 65536u
/* Descriptors, connections and accepted peers served in one pass. */
#define PASS_MAX 64

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
	struct link place; /* in tasks.ready, held or dead, or among those who wait */
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
/* Let it wait until the backlog has drained. */
void conn_park(struct conn *, struct backlog *);
/* Let it wait if the queue that it has added to is full. */
static inline void conn_hold_back(struct conn *c, struct queue *q)
{
	if (!c->finishing && !c->place.next && backlog_full(c->sw, &q->load))
		conn_park(c, &q->load);
}
/*
 * Is there more in a queue than what a task asks for may add to? Requests give a queue no more room
 * than it has at first.
 */
static inline bool conn_asks_too_much(const struct conn *c, const struct queue *q)
{
	return !c->finishing && q->load.bytes > c->sw->cf.queue_low;
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
/* End it: an SW_CLOSE event; text may be NULL. Freed by conn_bury. */
void conn_end(struct conn *, uint32_t reason, const char *text);
/* Free ended connections. */
void conn_bury(struct sw *);

/* stream.c */

/* Serve a connection: parse what is left of its input, then read once. */
void stream_serve(struct conn *);

#endif
