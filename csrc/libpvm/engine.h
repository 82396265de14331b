/* SPDX-License-Identifier: MIT */
/*
 * What the connection and engine files share among themselves: stream.c,
 * engine.c, watch.c, address.c, connect.c, route.c, rendezvous.c, send.c, recv.c, request.c,
 * handler.c.
 *
 * Reading sockets and acting on what came are separate steps. A pass over the
 * sockets only collects complete messages in pvm__task.arrived. pvm__settle
 * then runs handlers and queues the rest; it does so only while no message is
 * being written and no handler is running. So handlers may send and ask the
 * daemon like any other code, and nothing frees a stream under its reader or
 * writer.
 */
#ifndef PVM3PY_LIBPVM_ENGINE_H
#define PVM3PY_LIBPVM_ENGINE_H

#include "internal.h"

/* A descriptor that the engine waits for. */
struct source {
	int fd;
	void (*ready)(struct source *); /* it is readable */
};

enum { STREAM_BUFFER = 65536 };

/* One connected stream socket, to the daemon or to the task of a direct route. */
struct stream {
	struct source source;  /* first: a source's address is its stream's */
	int peer;              /* TIDPVMD, or the tid of the task */
	bool lost;             /* end of file or error; freed by pvm__settle */
	struct thread *writer; /* writes a message, also while it waits for room */
	unsigned claims;       /* how often it has claimed that */
	unsigned users;        /* threads that write or wait to: it is not freed before */
	bool orphan;           /* the last of them frees it */
	struct message *open;  /* unfinished messages, one per source */
	/* The fragment being read. */
	bool inside;         /* its header has been read */
	bool fresh;          /* nothing of its body has been read */
	bool last;           /* it ends its message */
	struct message *msg; /* NULL: its bytes are skipped */
	uint32_t left;       /* its bytes yet to come */
	/* Bytes read ahead and not parsed yet. */
	size_t at, end;
	unsigned char buf[STREAM_BUFFER];
};

/* Wrap a connected socket, which the stream then owns; NULL: out of memory (fd left open). */
struct stream *pvm__stream_new(int fd, int peer);
/* Free it, at once or when nobody uses it any more; the caller forgets it. */
void pvm__stream_free(struct stream *);
/*
 * Keep others from writing until the release; the same thread may claim it again. False: the
 * connection is lost, and the stream may be freed.
 */
bool pvm__stream_claim(struct stream *);
void pvm__stream_release(struct stream *);
/* The connection has ended or cannot be used any more. */
void pvm__stream_lose(struct stream *);
/* The same after what has come is read: it was sent before that. */
void pvm__stream_end(struct stream *);
/* Close the descriptor at once, which another process uses too, and lose the stream. */
void pvm__stream_abandon(struct stream *);
/* A message and where it goes. */
struct parcel {
	const struct message *message;
	int dst;
};

/*
 * Write whole messages one after the other, with own tid as source. Takes
 * in arriving messages while the socket is full. False: the connection is lost.
 */
bool pvm__stream_write(struct stream *, const struct parcel *, int n);
/*
 * Read once (flags for recvmsg, e.g. MSG_DONTWAIT) and deliver the messages
 * completed by it. True if as much came as there was room for, so that more may
 * be waiting. Sets `lost` at the end of the stream.
 */
bool pvm__stream_read(struct stream *, int flags);

/* The point in time `timeout` from now; 0 if that is not later, NO_DEADLINE if it is far off. */
int64_t pvm__deadline(const struct timeval *timeout);
/* Wait until the stream is writable or something else has been read. */
void pvm__wait_writable(struct stream *);
/*
 * Wait until what interests the thread has come, whoever read it, or a point in time by
 * pvm__now (0: one pass over the sockets without waiting; NO_DEADLINE). 1, 0 or PvmSysErr.
 */
int pvm__engine_wait_for(const struct interest *, int64_t deadline);
/* The same with any message as interest. */
int pvm__engine_wait_until(int64_t deadline);
/* Called before this thread does something else: another that waits may read the sockets. */
void pvm__let_others_read(void);
/* Wake the thread that sleeps on the sockets. */
void pvm__interrupt_reader(void);
/* The connection ends: forget the watcher. */
void pvm__watch_end(void);
/* The same in the child of a fork. */
void pvm__watch_abandon(void);
/* Run handlers and fill the receive list, unless that must wait. */
void pvm__settle(void);
/* Read what is there if that has not happened for a while; called by senders. */
void pvm__read_now_and_then(void);
/* Start and stop waiting for a source other than the daemon. 0 or PvmSysErr. */
int pvm__watch(struct source *);
void pvm__unwatch(struct source *);

/* Forget all messages that the program has not received. */
void pvm__discard_received(void);

/* A request and, when it has come, its reply. */
struct pending {
	struct pending *next;
	int src, tag, wid; /* src TIDPVMD: any daemon */
	bool any_wid;      /* of who may not return it: then the oldest such request is meant */
	struct message *reply;
	bool lost; /* the resource manager that was asked has ended */
};
/* Give the message to the request it answers. True: taken. */
bool pvm__request_reply(struct message *);

/*
 * Receive into the active receive buffer what `match` chooses, NULL: by source, tag and
 * context. Id, 0 if none came until the deadline, or an error code.
 */
int pvm__receive(int (*match)(int mid, int tid, int tag), int tid, int tag, int64_t deadline);

/* Bytes of `n` items of a PVM_... type: PvmBadParam, PvmNotImpl (strings), PvmOverflow. */
int pvm__typed_bytes(int type, int n);

/* Write a message to the daemon, whatever its destination. 0 or PvmSysErr. */
int pvm__send_daemon(struct message *, int dst);

/* At enrolment: have what answers requests for routes when memory is short. 0 or PvmNoMem. */
int pvm__routes_prepare(void);
/* The open direct route to a task, made if wanted; NULL: send through the daemon. */
struct stream *pvm__route_stream(int tid);
/*
 * A TC_TASKEXIT has come. If it tells of a host's end its tasks' routes are lost: at once, since
 * who waits for room in one would wait for ever.
 */
void pvm__routes_notice(struct message *);
/* The connection of some route was lost: forget such routes. True if there was one. */
bool pvm__routes_reap(void);
/* Close all routes. */
void pvm__routes_close(void);
/* In the child of a fork: lose all routes, which stay the parent's. */
void pvm__routes_abandon(void);
/* Descriptors of routes to wait for, at most `max`; returns how many there are. */
int pvm__route_fds(int *fds, int max);

/* Is there a daemon, or one that is just starting? A file of one that was killed does not count. */
bool pvm__daemon_exists(void);
/* Connect to the daemon, which may just be starting. 0, or PvmSysErr, reported, or PvmNoMem. */
int pvm__open_daemon(void);
/* Connect `fd` after checking a Unix peer's identity. 0 or -1 with errno. */
int pvm__connect_checked(int fd, const void *address, unsigned length);
/* Does the Unix socket's peer belong to this user? TCP peers always pass. */
bool pvm__peer_is_own(int fd);

/* What the library itself gives notice of. */
enum notice_kind { NOTICE_SELF_EXIT, NOTICE_ROUTE_ADD, NOTICE_ROUTE_DELETE, NOTICE_KINDS };
/*
 * Give a notice with this tag, in the current context: of the route to `tid` or of own exit; for
 * NOTICE_ROUTE_ADD `count` times, -1: always. 0 or PvmNoMem.
 */
int pvm__notice_add(enum notice_kind, int tag, int tid, int count);
/* Give it no longer. False: there was none. */
bool pvm__notice_drop(enum notice_kind, int tag, int tid);
/* The connection has ended: forget all of them. */
void pvm__notices_forget(void);
/* Part of pvm_exit: give those of own exit. */
void pvm__notice_self_exit(void);
/* A direct route was opened, or closed: give those of it. */
void pvm__notice_route_opened(int tid, int fd);
void pvm__notice_route_closed(int tid);
/* Tell now, in this context and with this tag, that there is no route to the task. */
void pvm__notice_no_route(int tid, int ctx, int tag);

/* Handlers of the library: add at enrolment; remove those and the program's at exit. */
int pvm__handlers_install(void);
void pvm__handlers_clear(void);
/* Print all handlers on stdout. */
void pvm__handlers_print(void);

#endif
