/* SPDX-License-Identifier: MIT */
/*
 * The switch: its lowest floor, on which all others stand.
 *
 *   base     memory, the lock, the form of packets, start of processes
 *   flow     what moves: events for the caller, queues to tasks, back-pressure, the table of tids
 *   tasks    connections of tasks, and the fragments that they send
 *   links    other hosts, and packets to and from them
 *   routing  where fragments and messages go, and what the switch itself answers
 *   loop     passes of the loop, the standby thread, the switch as the caller sees it
 *
 * A file uses its own floor and those below. Each floor has one header, named like it; packet.h,
 * process.h, proof.h and mailbox.h are what one file of the name offers. What goes up goes through
 * `struct above`.
 *
 * Received bytes lie in reference-counted chunks. A connection cuts its stream
 * into fragments; each goes to the daemon's inbox or by its tid to the output
 * queue of another connection, which holds references to the bytes, not copies,
 * or to the link of another host.
 *
 * All connections are in one edge-triggered epoll, so none is ever masked: one
 * that is readable but must wait (for its receiver's queue, or for the next
 * batch of events) merely is not in the list of ready ones.
 *
 * Everything here needs the lock (lock_enter), which sw_run gives up while
 * it sleeps.
 */
#ifndef PVM3PY_SWITCH_BASE_H
#define PVM3PY_SWITCH_BASE_H

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

struct chunk {
	struct chunk *next; /* in the list of kept ones */
	uint32_t refs;
	uint32_t used; /* bytes of data that are not free */
	uint32_t room;
	uint32_t pad;
	char data[];
};

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

/* Identifiers in epoll data, besides those of connections (which are larger). */
enum { ID_LISTEN = 1, ID_WATCH, ID_WAKE, ID_NET, ID_CHILDREN };
/* That of a pipe, with its descriptor in the other bits. */
#define ID_PIPE 0x80000000u

struct backlog;
struct conn;
struct host;
struct net;
struct sockaddr_in;

/* What lower floors have done by those above them. The top file, loop/switch.c, fills it in. */
struct above {
	/*
	 * A connection has a complete fragment, header first, in its chunk at off, len: pass it on.
	 * May park, hold or end the connection.
	 */
	void (*fragment)(struct conn *, uint32_t off, uint32_t len);
	/* A connection that may share memory ends: tell those whom it is paired with. */
	void (*ended)(struct conn *);
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

/* memory.c */

/*
 * malloc and realloc that end the process when the system has no memory left: for what is small,
 * or bounded by a limit of sw_config. What a peer can make large is got by malloc, and refused.
 */
void *mem_new(size_t);
void *mem_grow(void *, size_t);
/* Chunk with one reference; chunks of CHUNK_ROOM are reused. */
struct chunk *chunk_new(struct sw *, uint32_t room);
/* The same; NULL: no memory. */
struct chunk *chunk_try(struct sw *, uint32_t room);
void chunk_unref(struct sw *, struct chunk *);
/* Free the unused ones. */
void chunk_trim(struct sw *);

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

#endif
