/* SPDX-License-Identifier: MIT */
/*
 * The daemon's data plane: accepts task connections, cuts the streams into
 * fragments, forwards them from task to task, and hands what is addressed to
 * the daemon to its control plane. Knows nothing of Python.
 *
 * One thread calls all functions except where noted. The switch is the selector
 * of the caller's event loop: sw_run() forwards until the time is over or
 * something for the caller has happened, and reports it as a batch of events
 * (connections, messages) and of ready descriptors that the caller watches.
 *
 * Tids are host order. "Frames" are complete wire fragments (header and body)
 * laid end to end, header words big-endian, as csrc/wire/layout.h describes.
 */
#ifndef PVM3PY_SWITCH_H
#define PVM3PY_SWITCH_H

#include <stddef.h>
#include <stdint.h>

struct sw;

/* Kinds of events. */
/*
 * a connection was accepted, or, if the switch serves enrolments, has something for the caller;
 * pid, uid of the peer process are set, and reason
 */
#define SW_OPEN 1
#define SW_CLOSE 2 /* it ended (all it had written was forwarded or reported before); reason set */
#define SW_MESSAGE 3 /* a whole message for the daemon, but those that the switch serves itself */
#define SW_DRAINED 4 /* the queue of tid `dst` fell to the mark asked for by sw_notify_drain */
#define SW_LOG 5 /* something was ignored or refused: text in data; conn is 0 if none is meant */
/* another host is lost or has left: dst is its daemon; reason, text in data; once a host */
#define SW_HOST 6
/* a child process ended: pid is set, reason is as waitpid() has it, data is a struct sw_times */
#define SW_CHILD 8
/*
 * a spawn of what is no program, see sw_programs: src is who asked, ctx and wid are the request's,
 * enc is the number of tasks; the name of the file in data. The caller answers it, unless reason is
 * SW_ANSWERED
 */
#define SW_NO_PROGRAM 9
/*
 * a task has enrolled and was answered, see sw_keep_welcome: src is its tid, pid its process; data
 * is when it was there, 8 bytes, ns of CLOCK_BOOTTIME, and its name. No SW_OPEN comes before
 */
#define SW_ENROLLED 10
/* a message passed, see sw_manager: all as in SW_MESSAGE, 64 bytes of its body at most */
#define SW_SPOKE 7

/*
 * a pipe that the caller waits for, see sw_await_pipe: dst is its descriptor; reason is SW_EOF if its
 * writers have closed it and nothing is left in it, else SW_DATA. It is not waited for any more
 */
#define SW_READABLE 11

/* nothing more goes the old way to task dst, see sw_task_hold */
#define SW_HELD 12

/* Why a connection closed (field reason of SW_CLOSE). */
#define SW_EOF 0      /* the peer closed or died */
#define SW_PROTOCOL 1 /* it sent what the protocol does not allow; text in data */
#define SW_CLOSED 2   /* sw_close or sw_finish was called */

/* Field reason of SW_READABLE: there is something in it. */
#define SW_DATA 9

/* Field reason of SW_OPEN: it asks to be enrolled, and has written into the file made for it. */
#define SW_PROVEN 7

/* Why a message has no body (field reason of SW_MESSAGE): it is longer than there is room for. */
#define SW_TOO_LONG 6
/* The switch has answered: the caller only takes note (of SW_MESSAGE and SW_NO_PROGRAM). */
#define SW_ANSWERED 8

/* What became of a host (field reason of SW_HOST). */
#define SW_HOST_SILENT 3 /* it does not answer */
#define SW_HOST_LEFT 4   /* it said so */
#define SW_HOST_CLOSED 5 /* it agreed to the end that sw_host_close asked for */

struct sw_event {
	uint64_t conn; /* connection: slot and generation, never reused for another peer */
	uint32_t type;
	uint32_t reason;
	/*
	 * Of a message; src is the sender's tid, WIRE_TID_NONE before sw_bind. conn is
	 * 0 if it comes from another host: from its daemon or a task there.
	 */
	uint32_t dst, src;
	uint32_t enc, tag, ctx, wid;
	uint32_t pid, uid; /* of SW_OPEN; pid of SW_CHILD and SW_ENROLLED */
	uint32_t len;      /* bytes at data: message body (contiguous), or text */
	const char *data;  /* valid until the next sw_run */
};

/* Processor time that a child used, itself and in the system, microseconds. */
struct sw_times {
	uint64_t user, system;
};

struct sw_fd {
	int fd;
	int mask; /* 1 readable, 2 writable */
};

/* Limits; 0 takes the default. */
struct sw_config {
	/* bytes of memory that the defaults of other limits are parts of; 0: all of the machine */
	uint64_t memory;
	uint32_t budget; /* events of one connection per batch (default 4) */
	/* bytes queued to one task before its senders are parked, first bound */
	uint64_t queue_low;
	uint64_t queue_high; /* the bound after growing, doubled for every 20 ms without progress */
	uint64_t queue_total; /* bytes in all queues above which only the first bound is granted */
	/* longest message to the daemon itself, bytes; all unfinished ones may take queue_total */
	uint32_t message_max;
	/*
	 * the standby thread takes over after so long, or up to 8 times that if it has been woken
	 * in vain again and again; 0: default 300; UINT32_MAX: none
	 */
	uint32_t standby_us;
	/* notices of ends of tasks that the switch keeps for a task; 0: none, the caller serves all */
	uint32_t notices;
	uint64_t mail_room; /* bytes that all entries of the mailbox together may take */
	uint32_t uid; /* only this user's processes are served (SO_PEERCRED); UINT32_MAX: anyone */
};

struct sw_stats {
	uint64_t fragments, bytes; /* forwarded or reported so far */
	uint64_t parked;           /* times that a sender had to wait for its receiver */
	uint64_t dropped;          /* fragments without a receiver */
	uint64_t refused;          /* connections of other users */
	uint64_t connections;      /* open now */
	uint64_t queued_bytes;     /* in all queues now */
	uint64_t offers;           /* segments of tasks, of which descriptors are kept now */
	uint64_t links;            /* pairs of tasks that exchange messages through memory now */
	uint64_t packets;          /* with data to other hosts so far */
	uint64_t retransmitted;    /* of these, those sent again */
	uint64_t packets_received; /* with data, duplicates included */
	/* of strangers, damaged, malformed, too far ahead, or without room */
	uint64_t packets_dropped;
};

/* What sw_run returns: a set of these. */
#define SW_RUN_EVENTS 1 /* sw_events has something */
#define SW_RUN_FDS 2    /* sw_ready has something */

/*
 * New switch over a listening Unix stream socket (non-blocking). The caller
 * keeps ownership of listen_fd. own_tid is the daemon's tid (0x80000000|host).
 * NULL: errno says why.
 */
struct sw *sw_new(int listen_fd, uint32_t own_tid, const struct sw_config *);
void sw_free(struct sw *);

/* Accept from another listening socket from now on. 0 or -errno, with the present one kept. */
int sw_listen(struct sw *, int listen_fd);

/*
 * Serve enrolments from now on: TM_CONNECT is answered here, and the caller does not get to know a
 * connection before it sends another message. stem: that of the paths of authentication files.
 * patience_us: microseconds that a connection has to be bound; then it is ended. A message TM_EXIT
 * of a bound connection is always answered here, and the connection is closed: that message is the
 * last event of it. 0 or -ENOMEM.
 */
int sw_enrolment(struct sw *, const char *stem, int64_t patience_us);

/*
 * Report the ends of all child processes of the caller from now on. Blocks SIGCHLD in the calling
 * thread, which must be the first one, or the caller must have no other yet. 0 or -errno.
 */
int sw_children(struct sw *);

/* Watch a descriptor of the caller: mask as in sw_fd, 0 stops. 0 or -errno. */
int sw_watch(struct sw *, int fd, int mask);

/*
 * Report SW_READABLE once for a pipe of the caller: at once if there is something in it; up to
 * 20 ms late if it has only been closed by its writers. Closing fd ends the wait. 0 or -errno.
 */
int sw_await_pipe(struct sw *, int fd);

/*
 * Forward for at most `us` microseconds (-1: no limit, 0: one pass). Returns
 * early when there are events or ready descriptors: a set of SW_RUN_ bits, or
 * -errno (-EINTR).
 */
int sw_run(struct sw *, int64_t us);
/* What the last sw_run found. */
const struct sw_event *sw_events(struct sw *, uint32_t *count);
const struct sw_fd *sw_ready(struct sw *, uint32_t *count);
/* The memory that holds the short message bodies and all texts of sw_events, end to end. */
const char *sw_arena(struct sw *, size_t *len);

/*
 * Tids. sw_next_tid: use up the next one; their local parts are 1, 2, 3, ... around, without those
 * of tasks that live: from sw_expect or sw_bind to sw_forget. 0: none is free.
 */
uint32_t sw_next_tid(struct sw *);

/* The task may exchange messages with others through memory, as csrc/wire/share.h says. */
#define SW_BIND_SHARES 1
/* Its process is a child of the caller's: it is gone when that ends, not when it leaves. */
#define SW_BIND_CHILD 2
/*
 * sw_expect: keep what is sent to tid until its task connects.
 * sw_bind: the connection is task tid from now on. The answer to its enrolment,
 * frames (none if len is 0), is queued in the same step, since the task may send
 * as soon as it has read it; what was kept follows. flags: SW_BIND_ bits. sw_forget: tid is gone, what
 * is kept for it is dropped, later messages to it too; what was already queued
 * on its connection stays there. A tid also ends with its connection. All
 * return 0 or -errno.
 */
int sw_expect(struct sw *, uint32_t tid);
int sw_bind(struct sw *, uint64_t conn, uint32_t tid, const char *frames, size_t len,
	unsigned flags);
int sw_forget(struct sw *, uint32_t tid);

/*
 * Route frames of the daemon's own: dst of each, a task of any host or another
 * daemon, says where to. Never refused for want of room; frames to unknown tids
 * are dropped. 0, or -EINVAL (a length that overruns `len`: the frames before
 * it are queued).
 */
int sw_send(struct sw *, const char *frames, size_t len);
/* Queue frames on a connection, bound or not. */
int sw_send_conn(struct sw *, uint64_t conn, const char *frames, size_t len);

/* Stop reading, send what is queued (flush: 1) or drop it (0), then close: SW_CLOSE follows. */
int sw_close(struct sw *, uint64_t conn, int flush);
/*
 * The peer process is dead: take in all it wrote whatever the bounds, even if
 * a child of it still holds the connection, then close: SW_CLOSE follows.
 */
int sw_finish(struct sw *, uint64_t conn);

/*
 * A task's resource manager. SM_ messages of the connection's task to the task
 * `manager` are not passed on but reported (SW_MESSAGE with that dst); messages of
 * the task `speaker` to it are reported as they pass (SW_SPOKE), and its SM_
 * messages arrive as the manager's. 0: nobody. What the task sends behind a message that is
 * reported waits for the next sw_run, so that the caller can pass that on before. 0 or -ENOENT.
 */
int sw_manager(struct sw *, uint64_t conn, uint32_t manager, uint32_t speaker);

/*
 * The first bytes of the segment that a task has offered, a struct share_home, as they are now.
 * 0, -ENOENT: it has offered none, -EIO: it cannot be read.
 */
int sw_share_home(struct sw *, uint32_t tid, void *home, size_t len);

/*
 * What a task here has sent to other tasks by this switch so far: messages, a multicast being one,
 * and bytes with headers. 0, or -ENOENT: it is not connected.
 */
int sw_sent(struct sw *, uint32_t tid, uint64_t *messages, uint64_t *bytes);

/* Bytes queued for tid; UINT64_MAX: its host has asked to hold back what is for it. */
uint64_t sw_queued(struct sw *, uint32_t tid);
/*
 * Report SW_DRAINED once, when sw_queued is at most `mark`, or tid is gone. Another host that asked
 * to hold back is taken for drained when it asks to go on.
 */
int sw_notify_drain(struct sw *, uint32_t tid, uint64_t mark);

/*
 * What the connection asked for has added to the queue of tid, a task or daemon: do not read it
 * while that queue is full. Such a wait for its own task's queue happens without this call. 0 or
 * -ENOENT.
 */
int sw_hold(struct sw *, uint64_t conn, uint32_t tid);

void sw_statistics(struct sw *, struct sw_stats *);
/*
 * Have all threads of this process allocate from one arena; to be called before there are any. Those
 * of a daemon take turns, and an arena for each would take 64 MiB of an address space with a limit.
 */
void sw_one_arena(void);
/* Give memory that is not in use back to the system. */
void sw_trim(struct sw *);

/*
 * Keep the body of an answer: tasks of this host that send the daemon a message with this tag and
 * body get it without the caller, as long as that has handled all events, until
 * sw_forget_answers. Bounded: answers that are too long, and older ones, are not kept.
 */
void sw_keep_answer(struct sw *, uint32_t tag, const char *body, size_t len, const char *answer,
	size_t answer_len);
void sw_forget_answers(struct sw *);
/*
 * Keep the body of an answer to a TM_CONN2: tasks that ask the same, but for process, cookie and
 * name, get it too. They must be tasks that the caller would treat alike, and that nobody is told of.
 * Each is reported with SW_ENROLLED. flags: SW_BIND_ bits. An answer that is too long is not kept.
 *
 * Without SW_BIND_CHILD it is for tasks that name no cookie, as long as other answers: with another
 * tid at its second word. One that leaves before the caller is there again is not reported.
 *
 * With it, it is for tasks that were invited, until sw_forget_child_welcome.
 */
void sw_keep_welcome(struct sw *, const char *body, size_t len, const char *answer,
	size_t answer_len, unsigned flags);
void sw_forget_child_welcome(struct sw *);
/*
 * Invite a task that is expected: `pid`, a child of the caller's, if it names that number as its
 * cookie or, without one, as its process. The answer that is kept for children then has these bytes
 * from its second word on. 0, -ENOENT: it is not expected, -EINVAL: they are more than 32.
 */
int sw_invite(struct sw *, uint32_t tid, uint32_t pid, const char *words, size_t len);

/*
 * Programs. Where tasks may have programs from, directories up to a NULL, for as long as there is no
 * network. From now on a spawn of a name that is in none of them is reported with SW_NO_PROGRAM;
 * one that names a host or a path, or is odd, as the message that it is. 0 or -ENOMEM.
 * sw_mute: such spawns of the connection are answered with PvmNoFile before they are reported, as
 * the caller does not log them now.
 */
int sw_programs(struct sw *, const char *const directories[]);
void sw_mute(struct sw *, uint64_t conn, int muted);

/*
 * Contexts. Tasks of this host get and free theirs without the caller (TM_CONTEXT). sw_context does
 * it for a task: 0 takes a free one, another number gives that back; a context, PvmOk, or a
 * negative PVM code. sw_free_contexts: the task has ended. sw_context_take gives a task one that it
 * had before: 0, -EEXIST: another task has it, -EINVAL: it is not of this host.
 */
int32_t sw_context(struct sw *, uint32_t context, uint32_t owner);
int sw_context_take(struct sw *, uint32_t context, uint32_t owner);
/* Those of a task, `room` at most; how many there are. */
uint32_t sw_contexts_list(struct sw *, uint32_t owner, uint32_t *list, uint32_t room);
void sw_free_contexts(struct sw *, uint32_t owner);

/*
 * Notices of ends of tasks. Tasks of this host ask for them and cancel them without the caller
 * (TM_NOTIFY of PvmTaskExit), as long as all tids are of this host and they get no more than they
 * may have. A task lives from sw_expect or sw_bind to sw_forget.
 */
struct sw_notice {
	uint32_t owner; /* who gets the message */
	uint32_t tid;   /* whose end it is about */
	uint32_t ctx, tag, wid;
};

/*
 * Keep a notice of a task of this host for another one; give it at once if there is no such task.
 * cancelled: give one that is kept with the same owner, tid, ctx and tag, if there is one. 0 or
 * -ENOMEM.
 */
int sw_notify(struct sw *, const struct sw_notice *, int cancelled);
/* How many the switch keeps for a task. */
uint32_t sw_notices(struct sw *, uint32_t owner);
/* What is kept for a task, `room` at most; how many. `take`: it is kept no longer, as it is elsewhere. */
uint32_t sw_notices_list(struct sw *, uint32_t owner, struct sw_notice *list, uint32_t room,
	int take);
/* A task has ended, and sw_forget was called: give the notices about it, drop those for it. */
void sw_notify_end(struct sw *, uint32_t tid);

/*
 * The mailbox. Bodies are those of TM_DB. sw_mail_serve: from now on requests of
 * tasks of this host to put, get, remove or list are answered without the caller, if
 * they are ordinary.
 */
void sw_mail_serve(struct sw *);

#define SW_MAIL_ENTRY 200 /* bytes that an entry takes besides message and class name */
#define SW_MAIL_DONE 0
#define SW_MAIL_WAIT 1

/*
 * Do a request to put, get, remove or list, whoever makes it: SW_MAIL_DONE with the
 * reply, valid until the next call about the mailbox. SW_MAIL_WAIT: a get that
 * waits for an entry; from then on until sw_mail_serve is called the caller
 * gets all requests to put. -EINVAL: malformed.
 */
int sw_mail(struct sw *, const char *body, size_t len, const char **reply, size_t *reply_len);
/* A task has ended: its entries go; persistent ones that are not doomed stay without owner. */
void sw_mail_disown(struct sw *, int32_t owner);
/*
 * TMDB_RESET in a class (name_len 0: all) at an index (-1: all): persistent entries
 * without an owner go. kill: those of other owners than `keep` are doomed.
 */
void sw_mail_reset(struct sw *, const char *name, size_t name_len, int32_t index, int kill,
	const int32_t *keep, uint32_t kept);

/*
 * Tasks that move. Where a task is is told by its tid, unless the switch knows better: that it is at
 * another host (sw_task_place), or connected here though it bears another number, or that what is
 * sent to it is held. All that other functions say of a tid is true for such a task, too. sw_forget:
 * it has ended. The daemons agree on who does what when; docs/architecture.md has the order.
 *
 * sw_task_hold: keep what is sent to a task from now on, up to the first bound of a queue; then
 * senders wait. SW_HELD follows, when multicasts that go the old way have ended: what the caller
 * sends from then on comes behind all that had been sent to the task before. If the task is
 * connected here, there are no bounds for what it sends, so that it can end its message, and the
 * answers to its requests are held, too; sw_send_conn reaches it nevertheless. -ENOENT: it bears
 * the number of this host, and is not connected. -EINVAL: not a task.
 *
 * sw_task_adopt: one end of a socket pair, which is the switch's from then on, is the connection of
 * a held task, as if it had been connected before sw_task_hold; *conn is set. flags: SW_BIND_ bits.
 * -ENOENT: it is not held. -EEXIST: it has a connection.
 *
 * sw_task_thaw: what was held follows what is queued on the task's connection, and so does what is
 * sent to it from then on. -ENOENT: it is not held, or has no connection.
 *
 * sw_task_place: it is at another host: what was held goes there, and what is sent to it from then
 * on. Its connection here is no task's any more. At home it needs no word, which is the same as to
 * say so. -EINVAL: not a task, or that host is unknown or does not know that tasks move; -EBUSY: it
 * is connected or expected here, and not held.
 *
 * sw_task_await: as sw_task_hold, of a task that is nowhere, and is to be made of an image here. Its
 * tid is in use from then on. -EINVAL: not a task; -EEXIST: it is connected, expected or held here.
 *
 * sw_task_held: copy all frames that are held for a task to `room` bytes, if these are enough.
 * Returns how many bytes there are, 0 if nothing is held.
 *
 * sw_task_hand_over: what a task here, which is frozen, has sent to tasks that are held here is to
 * be held at another host, where it will send more. -EINVAL: as sw_task_place.
 *
 * What is sent to another host's daemon, or to a connection, comes behind all that the switch had
 * accepted for that host, or that connection: so sw_send and sw_send_conn mark a place in both.
 */
int sw_task_hold(struct sw *, uint32_t tid);
int sw_task_adopt(struct sw *, int fd, uint32_t tid, unsigned flags, uint64_t *conn);
int sw_task_thaw(struct sw *, uint32_t tid);
int sw_task_place(struct sw *, uint32_t tid, uint32_t host);
int sw_task_await(struct sw *, uint32_t tid);
uint64_t sw_task_held(struct sw *, uint32_t tid, char *to, uint64_t room);
int sw_task_hand_over(struct sw *, uint32_t tid, uint32_t host);

/*
 * Other hosts. Packets are exchanged with the hosts that were named by sw_host;
 * those of strangers change nothing.
 */

/* Flag: packets are sent to it, but what it sends is dropped unacknowledged. */
#define SW_HOST_PENDING 1
/*
 * Flag: it knows that tasks move. Its packets are known by their address whatever task they come
 * from, and it may send what is for a task that bears another host's number.
 */
#define SW_HOST_MOVES 2

struct sw_host {
	uint32_t tid;     /* its daemon: 0x80000000 | index << 18 */
	uint32_t address; /* IPv4, host order */
	uint32_t port;
	uint32_t mtu; /* longest packet it takes, as advertised in the machine's host table */
	uint32_t flags;
	/* a daemon of this project is lost after so long a silence; 0: the rule of 3.4.6 alone */
	uint32_t silence_ms;
};

/*
 * Exchange packets over a bound non-blocking IPv4 UDP socket, which stays the
 * caller's. mtu: longest packet that is taken here from 3.4.6. Once in the
 * switch's life. 0 or -errno.
 */
int sw_network(struct sw *, int udp_fd, uint32_t mtu);
/* Add a host, or change one in place: its link goes on. 0 or -errno. */
int sw_host(struct sw *, const struct sw_host *);
/* End the link to a host, ahead of what is queued for it: SW_HOST follows. 0 or -ENOENT. */
int sw_host_close(struct sw *, uint32_t tid);
/* Drop a host with all that is queued for it; farewell: tell it once. 0 or -ENOENT. */
int sw_host_forget(struct sw *, uint32_t tid, int farewell);

#endif
