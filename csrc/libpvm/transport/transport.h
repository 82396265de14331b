/* SPDX-License-Identifier: MIT */
/*
 * Sockets: whole messages out of them and into them, watching them, and waking the threads that
 * wait for what comes.  Nothing here waits for a message or decides what is done with it:
 * pvm__above has what stream.c and write.c ask of their owner.
 */
#ifndef PVM3PY_LIBPVM_TRANSPORT_H
#define PVM3PY_LIBPVM_TRANSPORT_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "message/message.h"
#include "moves.h"

/* ---- watching (watch.c) ---------------------------------------------------- */

/* A descriptor that is waited for. */
struct source {
	int fd;
	void (*ready)(struct source *); /* it is readable */
	bool edge;                      /* it says so once for each time that it becomes so */
	struct source *next_late;       /* pvm__watch_when_possible */
};

/*
 * The sources as an epoll. A thread that waits for it does so without the lock, so that it
 * is closed only when nobody does.
 */
struct watcher {
	unsigned users; /* the task itself, and threads that wait */
	int epoll_fd;
	int watched;        /* sources besides the daemon */
	bool kept;          /* it stays without any: one is counted for that */
	unsigned forgotten; /* changes when a source is no longer watched */
	struct source wake; /* eventfd that interrupts the waiting, fd -1: none is needed */
};

/* Start and stop waiting for a source other than the daemon. 0 or PvmSysErr. */
int pvm__watch(struct source *);
void pvm__unwatch(struct source *);
/* Have a watcher that stays as long as the connection: its descriptor, or PvmSysErr. */
int pvm__watch_always(void);
/*
 * Start waiting for a source that must not be given up. As long as memory lacks for that it is late:
 * who waits looks at it now and then.
 */
void pvm__watch_when_possible(struct source *);
/* Is any source late? Who sleeps then does so for LATE_MS at most. */
static inline bool pvm__watch_is_late(void)
{
	return pvm__task.transport.late;
}
enum { LATE_MS = 10 };
/* Try again to watch the late ones; those that are late still count as readable. */
void pvm__watch_late_ones(void);
static inline void pvm__watch_late(void)
{
	if (pvm__watch_is_late())
		pvm__watch_late_ones();
}
/* In a restarted task: make the descriptors again, under the numbers that they had. False: not possible. */
bool pvm__watch_renew(void);
/*
 * A source's descriptor is about to be closed, and another one got its number. Nothing else about the
 * watching changes meanwhile. False: it cannot be watched.
 */
void pvm__watch_pause(const struct source *);
bool pvm__watch_resume(struct source *);
/* Descriptors of its own: at most two, -1: there is none. */
void pvm__watch_descriptors(int fds[2]);
/* Give a new descriptor (-1: it could not be made) an old number. False: that is not possible. */
bool pvm__renumber(int fd, int number);
/* A user of the watcher less; the last one closes it. */
void pvm__watcher_release(struct watcher *);
/* The connection ends: forget the watcher. */
void pvm__watch_end(void);
/* The same in the child of a fork. */
void pvm__watch_abandon(void);
/* See that a thread that waits can be woken by others. False: that is not possible. */
bool pvm__interruptible(void);
/* Wake the thread that sleeps on the sockets. */
void pvm__interrupt_reader(void);

/* ---- ways (way.c) ---------------------------------------------------------- */

/*
 * What messages come by. Reading and taking in are two things: a way may read ahead, but it gives
 * its messages one at a time, when `take` asks for them. It is listed while one may be there.
 */
struct way {
	struct source source; /* first: a source's address is its way's */
	struct way *next;     /* listed, in the order of turns */
	int turn;             /* the daemon's is the lowest, a task's is its tid */
	uint64_t time;        /* of one in memory: when the next message was written */
	bool listed;
	bool common; /* its messages would come by the daemon if there were no memory */
	/* Take in one message. False: there is no whole one, and it is no longer listed. */
	bool (*take)(struct way *);
};

/* Something may be there to take in: list it. */
void pvm__way_list(struct way *);
void pvm__way_unlist(struct way *);
/*
 * Take in one message of each that is listed, in turn; of the common ones, which are one connection
 * to a program, one of all. True: there was one.
 */
bool pvm__ways_take(void);

/* ---- waking (wake.c) ------------------------------------------------------- */

/* A wait of this thread; may be inside another one (of a handler's). */
struct wait {
	struct interest outer;
	bool outer_waiting;
};

/* This thread waits for `interest` from now on: pvm__woken tells whether it has come. */
void pvm__wait_begin(struct wait *, const struct interest *);
bool pvm__woken(void);
/* It waits no longer; an outer wait goes on, and looks again. */
void pvm__wait_end(const struct wait *);
/* This thread has left all its waits by a jump. */
void pvm__waits_left(void);
/* In the child of a fork: no other thread waits. */
void pvm__waits_become_child(void);
/* Wake whoever waits for one of these (WAKE_...), or for anything. */
void pvm__wake(int wakes);
void pvm__wake_all(void);
/* Wake who waits for such a message; any that has a function to choose. */
void pvm__wake_receivers(const struct message *);
/* Wake who waits for this reply. */
void pvm__wake_asker(const struct pending *);
/* Called before this thread does something else: another that waits may take in what comes. */
void pvm__let_others_read(void);

/* ---- streams (stream.c) ---------------------------------------------------- */

enum { STREAM_BUFFER = 65536 };

/* One connected stream socket, to the daemon or to the task of a direct route. */
struct stream {
	struct way way;        /* first: a way's address is its stream's; whose turn: its peer */
	bool lost;             /* end of file or error; freed by pvm__settle */
	bool more;             /* more may be in the socket than has been read */
	struct thread *writer; /* writes a message, also while it waits for room */
	unsigned claims;       /* how often it has claimed that */
	unsigned users;        /* threads that write or wait to: it is not freed before */
	bool orphan;           /* the last of them frees it */
	struct message *open;  /* unfinished messages, one per source */
	struct message *whole; /* a message whose turn it is not yet, or NULL */
	bool barred;           /* what it comes after has been noted (link.h) */
	bool copies;           /* some link has said that it brings a copy (link.h) */
	bool settles;          /* at its end the peer is to have all before other ways are taken */
	/* The fragment being read. */
	bool inside;               /* its header has been read */
	bool fresh;                /* nothing of its body has been read */
	bool last;                 /* it ends its message */
	struct message *msg;       /* NULL: its bytes are skipped */
	uint32_t left;             /* its bytes yet to come */
	struct stand_in *stand_in; /* what select sees instead, or NULL */
	/* Bytes that were read before a move, and come before those of the socket (stash.c). */
	struct stash {
		unsigned char *bytes; /* NULL: there are none */
		size_t at, end, size;
	} stash;
	/* Bytes read ahead and not parsed yet. */
	size_t at, end;
	unsigned char buf[STREAM_BUFFER];
};

/*
 * Wrap a connected socket, which the stream then owns; NULL: out of memory (fd left open). With fd -1
 * the caller puts the socket into `way.source` later, or frees the stream by free().
 */
struct stream *pvm__stream_new(int fd, int peer);
/* Something may be there to take in, whatever the socket says. */
void pvm__stream_look(struct stream *);
/* Free it, at once or when nobody uses it any more; the caller forgets it. */
void pvm__stream_free(struct stream *);
/*
 * Keep others from writing until the release; the same thread may claim it again. False: the
 * connection is lost, and the stream may be freed.
 */
bool pvm__stream_claim(struct stream *);
void pvm__stream_release(struct stream *);
/* If this thread was writing and has left that by a jump: the stream is lost. */
void pvm__stream_left(struct stream *);
/* The connection has ended or cannot be used any more. */
void pvm__stream_lose(struct stream *);
/* Take in all that has come. True: there was some. */
bool pvm__stream_drain(struct stream *);
/* The same, then lose it: that was sent before the end. */
void pvm__stream_end(struct stream *);
/*
 * The descriptor that is readable while the stream has something to take in. From now on
 * nothing is read ahead, on any stream. A descriptor, or PvmSysErr.
 */
int pvm__stream_stand_in_fd(struct stream *);
/* Something was taken in: the stand-in's sign comes down when that was the last read ahead. */
void pvm__stream_caught_up(struct stream *);
static inline bool pvm__stream_reads_ahead(const struct stream *s)
{
	return s->stand_in || s->inside || s->at < s->end || !pvm__task.transport.exact;
}
static inline int pvm__stream_select_fd(struct stream *s)
{
	return pvm__stream_reads_ahead(s) ? pvm__stream_stand_in_fd(s) : s->way.source.fd;
}
/* Close the descriptor at once, which another process uses too, and lose the stream. */
void pvm__stream_abandon(struct stream *);

/* ---- reading (receive.c, stash.c) ------------------------------------------- */

/*
 * Read once from the socket, without waiting. Bytes, 0 at the end, or -1 with errno. *more: a read
 * ends behind descriptors, so there may be more than it has brought.
 */
ssize_t pvm__stream_receive(struct stream *, struct msghdr *, bool *more);

/* The body of a message in one fragment from the daemon, which is about moving. */
struct move_order {
	int tag;
	size_t length;
	unsigned char body[WIRE_MOVE_FRAGMENT];
};

/*
 * Have all that comes before the daemon's order with this tag, or one with the tag `or_tag` (0: there is no
 * such), lie in the stash, and take the order out of the stream. Waits for it as long as something comes
 * within `ms`, -1: for ever. While nothing is to be read ahead (task.transport.exact) the order must be
 * what comes next. 1; 0: it has not come; -1: the stream has ended, or there is no memory. Allocates
 * by mmap alone.
 */
int pvm__stash_until(struct stream *, int tag, int or_tag, struct move_order *, int ms);
/*
 * Have all that there is lie in the stash. 1: that is all, the connection has ended; 0: more may come;
 * -1: there is no memory. Allocates by mmap alone.
 */
int pvm__stash_rest(struct stream *);
/* Has it something to take in? */
static inline bool pvm__stash_has(const struct stream *s)
{
	return __builtin_expect(s->stash.bytes != NULL, 0);
}
/* Take bytes out of it, as pvm__stream_receive. */
ssize_t pvm__stash_take(struct stream *, const struct msghdr *, bool *more);
/* Give its memory back. */
void pvm__stash_end(struct stream *);

/* Room for descriptors that go with bytes, as the system wants it. */
enum { DESCRIPTORS_MAX = 8 }; /* that one read may bring */
union descriptors {
	struct cmsghdr head; /* for the alignment */
	char room[CMSG_SPACE(DESCRIPTORS_MAX * sizeof(int))];
};

/* ---- writing (write.c) ----------------------------------------------------- */

/* A message and where it goes. */
struct parcel {
	const struct message *message;
	int dst;
	const int *fds; /* two descriptors that go with it; NULL: none */
};

/*
 * Write whole messages one after the other, with own tid as source. Takes
 * in arriving messages while the socket is full. False: the connection is lost.
 */
bool pvm__stream_write(struct stream *, const struct parcel *, int n);

/* ---- leaving a direct route's socket, also in a signal handler (settled.c, part.c) ---- */

/* Is it a Unix socket? */
bool pvm__stream_is_local(const struct stream *);
/* Has the peer's system all that was written, or has it broken the connection? */
bool pvm__stream_is_acknowledged(const struct stream *);
/* Wait for that, for a second at most. */
void pvm__stream_await_acknowledged(const struct stream *);
/* Nothing is read any more from who writes (`reading`), or written. */
void pvm__stream_stop(const struct stream *, bool reading);
/* Close the descriptors, and keep their numbers. */
void pvm__stream_close(const struct stream *);
/* After that: have a connection that has ended take the socket's place. False: not possible. */
bool pvm__stream_renew_ended(struct stream *);

/* ---- what select sees of what was read ahead (stand_in.c) ------------------- */

struct stand_in;

/* Make one for a socket, its sign up; NULL: no memory or descriptor. */
struct stand_in *pvm__stand_in_new(int fd);
void pvm__stand_in_free(struct stand_in *); /* NULL is allowed */
/* Close its descriptors, before pvm__stand_in_renew. NULL is allowed. */
void pvm__stand_in_close(const struct stand_in *);
/* From now on it is as readable as the socket. */
void pvm__stand_in_lower(struct stand_in *);
/* Its two descriptors (-1: there is none); make them again, in a restarted task. False: not possible. */
void pvm__stand_in_descriptors(const struct stand_in *, int fds[2]);
bool pvm__stand_in_renew(const struct stand_in *, int fd);
/* Its descriptor; -1: its sign is down, the socket itself will do. */
int pvm__stand_in_fd(const struct stand_in *);

/* ---- the daemon (address.c) ------------------------------------------------ */

/* Does a daemon answer at the address in the sock file? A file alone does not count. */
bool pvm__daemon_exists(void);
/*
 * Connect to the daemon; `patient`: wait some seconds for one that is just starting. 0, or
 * PvmSysErr, reported, or PvmNoMem.
 */
int pvm__open_daemon(bool patient);
/* Connect `fd` after checking a Unix peer's identity. 0 or -1 with errno. */
int pvm__connect_checked(int fd, const void *address, unsigned length);
/* Does the Unix socket's peer belong to this user? TCP peers always pass. */
bool pvm__peer_is_own(int fd);

/* ---- where two tasks meet (rendezvous.c) ----------------------------------- */

/* The socket by which two tasks get a connection: bound by the one, listened on by the other. */
struct rendezvous {
	struct source source;    /* first: the socket, fd -1 if it is not needed */
	bool watched;            /* it listens */
	int reserve;             /* listening: descriptor kept for the connection, else -1 */
	struct sockaddr_in from; /* listening on TCP: where the other side connects from */
	char path[sizeof((struct sockaddr_un *)0)->sun_path]; /* of a bound Unix socket, or "" */
};

enum { ADDRESS_TEXT = 128 }; /* a Unix path or "xxxxxxxx:yyyy" */

/*
 * Bind a new socket, a Unix or a TCP one, and write its address to `text`
 * (ADDRESS_TEXT bytes). False: there is no such socket.
 */
bool pvm__rendezvous_bind(struct rendezvous *, bool unix_socket, char *text);
/* Address text of the socket that is bound already. */
bool pvm__rendezvous_address(const struct rendezvous *, char *text);
/* Connect the bound socket to the address that the other task sent. False, with errno. */
bool pvm__rendezvous_connect(struct rendezvous *, const char *text);
/* Listen for the task that asked with the address `wanted`; `ready`: it may have connected. */
bool pvm__rendezvous_listen(struct rendezvous *, const char *wanted,
	void (*ready)(struct source *));
/* Accept that task's connection. Its descriptor; -1: there is none, or it was somebody else. */
int pvm__rendezvous_accept(struct rendezvous *);
/* Close the bound or listening socket and remove its name. */
void pvm__rendezvous_close(struct rendezvous *);
/* Of a Unix socket: nobody connects any more; who has can still be accepted. */
void pvm__rendezvous_refuse(const struct rendezvous *);
/* Close it in a signal handler; pvm__rendezvous_close follows later. */
void pvm__rendezvous_leave(struct rendezvous *);
/* Close it in the child of a fork: the name is the parent's. */
void pvm__rendezvous_abandon(struct rendezvous *);

#endif
