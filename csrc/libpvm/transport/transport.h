/* SPDX-License-Identifier: MIT */
/*
 * Sockets: whole messages out of them and into them, watching them, and waking the threads that
 * wait for what comes.  Nothing here waits for a message or decides what is done with it:
 * pvm__above has what stream.c asks of its owner.
 */
#ifndef PVM3PY_LIBPVM_TRANSPORT_H
#define PVM3PY_LIBPVM_TRANSPORT_H

#include <netinet/in.h>
#include <sys/un.h>

#include "message/message.h"

/* ---- watching (watch.c) ---------------------------------------------------- */

/* A descriptor that is waited for. */
struct source {
	int fd;
	void (*ready)(struct source *); /* it is readable */
};

/*
 * The sources as an epoll. A thread that waits for it does so without the lock, so that it
 * is closed only when nobody does.
 */
struct watcher {
	unsigned users; /* the task itself, and threads that wait */
	int epoll_fd;
	int watched;        /* sources besides the daemon */
	unsigned forgotten; /* changes when a source is no longer watched */
	struct source wake; /* eventfd that interrupts the waiting, fd -1: none is needed */
};

/* Start and stop waiting for a source other than the daemon. 0 or PvmSysErr. */
int pvm__watch(struct source *);
void pvm__unwatch(struct source *);
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
/* In the child of a fork: no other thread waits. */
void pvm__waits_become_child(void);
/* Wake whoever waits for one of these (WAKE_...), or for anything. */
void pvm__wake(int wakes);
void pvm__wake_all(void);
/* Wake who waits for such a message; any that has a function to choose. */
void pvm__wake_receivers(const struct message *);
/* Wake who waits for this reply. */
void pvm__wake_asker(const struct pending *);
/* Called before this thread does something else: another that waits may read the sockets. */
void pvm__let_others_read(void);

/* ---- streams (stream.c) ---------------------------------------------------- */

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
/* Connect the bound socket to the address that the other task sent. */
bool pvm__rendezvous_connect(struct rendezvous *, const char *text);
/* Listen for the task that asked with the address `wanted`; `ready`: it may have connected. */
bool pvm__rendezvous_listen(struct rendezvous *, const char *wanted,
	void (*ready)(struct source *));
/* Accept that task's connection. Its descriptor; -1: there is none, or it was somebody else. */
int pvm__rendezvous_accept(struct rendezvous *);
/* Close the bound or listening socket and remove its name. */
void pvm__rendezvous_close(struct rendezvous *);
/* Close it in the child of a fork: the name is the parent's. */
void pvm__rendezvous_abandon(struct rendezvous *);

#endif
