/* SPDX-License-Identifier: MIT */
/*
 * What is done with messages: waiting for them, the way that they take, requests and their
 * replies, handlers, and what a connection to the daemon begins and ends with.  Public calls
 * are above this.
 */
#ifndef PVM3PY_LIBPVM_ENGINE_H
#define PVM3PY_LIBPVM_ENGINE_H

#include "transport/link.h"

/* ---- what has come (arrival.c) --------------------------------------------- */

/* Treat a message (one reference, taken over) as if it had just arrived. */
void pvm__deliver(struct message *);
/* Run handlers and fill the receive list, unless that must wait. */
void pvm__settle(void);
/* The handler of this message (NULL: none) was left by a jump: go on with what came behind it. */
void pvm__dispatch_left(struct message *);
/* Forget all messages that the program has not received. */
void pvm__discard_received(void);

/* ---- taking in (poll.c) ---------------------------------------------------- */

/*
 * Whether waits for one kind of answer look for it before they sleep, which is worth it if that
 * comes at once. All 0 at first: they do.
 */
struct pace {
	unsigned char to_sleep; /* so many of the next sleep at once, */
	unsigned char slept;    /* and so many did after the last look */
	bool shared;            /* many others may wait for the same */
};

enum pass {
	PASS_LOOKING, /* looks at each connection that has nothing more that was read */
	PASS_SPARING, /* does so now and then */
};
/* Take in one message of what is listed, or lies in memory. True: there was one. */
bool pvm__take_listed(void);
/* Make a pass: take in one message of each connection. False: nothing was there. */
bool pvm__take_in(enum pass);
/* The same of what is listed, without a look at the sockets. */
bool pvm__take_listed(void);
/*
 * Make the passes that sends owe (task.engine.owed), and run the handlers. One that sends
 * owes more.
 */
void pvm__pay_owed(void);
static inline void pvm__pay(void)
{
	if (pvm__task.engine.owed)
		pvm__pay_owed();
}
/*
 * Before a send writes to a direct route: make one of its passes first if nobody has looked for a
 * while, since a task whose daemon is gone is not to be heard any more. Passes that it made.
 */
unsigned pvm__pass_early(void);
/*
 * Wait without the lock for something to take in, at most until the deadline; nothing is
 * listed before.
 */
void pvm__await_news(int64_t deadline);
/* This thread has left such a wait, if it was in one, by a jump. */
void pvm__sleep_left(void);
/*
 * The program is going to sleep on the watcher (pvm__watch_always), so peers are to ring the bell.
 * Milliseconds for which it may, INT_MAX: for ever; 0: something is there, or came since the last call.
 */
int pvm__doze(void);
/* Wait until the stream is writable or something was taken in: everything that is there. */
void pvm__await_room(struct stream *);
/*
 * Wait until a link is as it should be, as long as its peer makes progress; what arrives is taken
 * in. False: it is not; if the session is another, there is no such link.
 */
bool pvm__await_link(struct link *, bool (*enough)(struct link *));

/* ---- waiting (wait.c) ------------------------------------------------------ */

/*
 * The point in time `timeout` from now; WHILE_THERE for none, LIST_ONLY for a negative one,
 * NO_DEADLINE if it is far off.
 */
int64_t pvm__deadline(const struct timeval *timeout);
/*
 * Wait until what interests the thread has come, whoever read it, or a point in time by
 * pvm__now, or NO_DEADLINE. ONE_PASS and WHILE_THERE: make one pass without waiting; 1 if
 * something was there. 1, 0, PvmNoMem or PvmSysErr, which means also that the wait was given up.
 */
int pvm__engine_wait_for(const struct interest *, int64_t deadline);
/* The same with any message as interest. */
int pvm__engine_wait_until(int64_t deadline);
/*
 * Take in what arrives. Waits until at least one complete message has been queued or given to
 * a handler, by whichever thread, or a direct route has been opened. 1, PvmSysErr, or PvmNoMem
 * once if a message was lost for want of memory.
 */
int pvm__engine_wait(void);

#pragma GCC visibility push(default)
#include "for_python.h"
#pragma GCC visibility pop
/* For what waits otherwise, without the lock: is this thread's call to end? (pvmaskwaiting) */
bool pvm__given_up(void);

/* Wait until somebody calls pvm__wake with WAKE_STATE, or the connection ends. */
void pvm__await_change(void);

/* ---- to the daemon (post.c) ------------------------------------------------ */

/* Write to the daemon, while the caller holds handlers off. 0 or PvmSysErr. */
static inline int pvm__write_daemon(const struct parcel *parcels, int n)
{
	struct stream *daemon = pvm__task.daemon;

	return daemon && pvm__stream_write(daemon, parcels, n) ? 0 : PvmSysErr;
}

/* Write a message (consumed) to the daemon, whatever its destination. 0, PvmSysErr; PvmNotImpl as pvm__send. */
int pvm__send_daemon(struct message *, int dst);
/* The same with tag and context; consumes the message. 0, PvmSysErr, PvmNoMem if it is NULL. */
int pvm__post(struct message *, int tag, int ctx, int dst);
/*
 * Ask the daemon for a message with this tag, in context SYSCTX_TC, at the end of a task
 * (PvmTaskExit) or host (PvmHostDelete). 0, PvmSysErr, PvmNoMem.
 */
int pvm__ask_notice(int what, int tid, int tag);
/*
 * Does the daemon keep n more notices, going by what it has said? Then they count as asked for. It
 * may keep more, as those that were given do not count.
 */
bool pvm__notices_fit(int n);
/* The daemon has said that it keeps so many more. */
void pvm__notices_granted(int room);

/* ---- notices of the library (notice.c) ------------------------------------- */

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

/* ---- direct routes (route.c, meeting.c, passage.c, parting.c) --------------- */

/* At enrolment: have what answers requests for routes when memory is short. 0 or PvmNoMem. */
int pvm__routes_prepare(void);
/* The open direct route to a task, made if wanted; NULL: send through the daemon. */
struct stream *pvm__route_stream(int tid);
/* Wait until no route to one of the tasks is being made, but for those that were passed by. */
void pvm__routes_await(const int *tids, int n);
/*
 * A message to a task has gone by the daemon, as there was no open route. If there is one by now, or
 * it is being made, those that follow go by the daemon as well: by the route they would overtake it.
 */
void pvm__route_pass_by(int tid);
/*
 * A TC_TASKEXIT has come. If it tells of a host's end its tasks' routes are lost: at once, since
 * who waits for room in one would wait for ever.
 */
void pvm__routes_notice(struct message *);
/* The connection of some route was lost: forget such routes. True if there was one. */
bool pvm__routes_reap(void);
/* Take in all that has come by routes. True: there was some. */
bool pvm__routes_drain(void);
/* Close all routes. */
void pvm__routes_close(void);
/* In the child of a fork: lose all routes, which stay the parent's. */
void pvm__routes_abandon(void);
/* Connections to which this thread was writing, if it was and has left that by a jump, are lost. */
void pvm__writes_left(void);
/*
 * Descriptors of routes, as pvm__stream_select_fd gives them. `fds` has room for
 * task.engine.routes. Returns how many there are, or PvmSysErr.
 */
int pvm__route_fds(int *fds);
/* Take in what the route to a task has brought. */
void pvm__route_catch_up(int tid);
/* Leave those of tasks that are about to move, and have said so, but one that is being written to. */
void pvm__routes_heed(void);
/* Does the other task leave its route when it moves? Then there is nothing to be said about its end. */
bool pvm__route_is_leavable(int tid);
/* Is there an open direct route? */
bool pvm__route_exists(int tid);
/* Handlers of messages about them: buffer id. 0. */
int pvm__tc_conreq(int mid);
int pvm__tc_conack(int mid);
int pvm__tc_taskexit(int mid);

/* ---- sending (send.c) ------------------------------------------------------ */

/*
 * Send a message (consumed) of an enrolled task; ctx, tag and wid are the message's. Chooses the route,
 * opens a direct one if PvmRoute asks for it. Then takes in about one message of each connection
 * for two fragments, and while the socket is full all that come. 0, PvmSysErr, PvmNoMem; PvmNotImpl
 * in a signal handler that has interrupted the writing of a message.
 */
int pvm__send(struct message *, int dst);
/* The same to many tasks, but the message stays the caller's; each once and never to this one; the list is tidied for that. */
int pvm__multicast(struct message *, int *tids, int n);

/* ---- trace events (trace.c) ------------------------------------------------ */

/* Exported, as libgpvm3 makes events of its own with these. */
#pragma GCC visibility push(default)
typedef int (*trace_packer)(int did, int array, void *data, int n, int stride);
extern trace_packer *pvmtrccodef; /* packers by item type, then the one for strings */
int tev_begin(int kind, int entry_exit);
int tev_fin(void);
#pragma GCC visibility pop

/* Is this the outermost call?  Then calls inside it no longer are. */
bool pvm__api_enter(void);
/* Make an event, kind and half in `word`, of the items up to a data id of -1. */
void pvm__trace(int word, ...);
/* Send what is buffered, or counted. */
void pvm__trace_flush(void);
/* The tracer is another: it knows no descriptions yet. */
void pvm__trace_renew(void);
/* Send a PvmDataTrace buffer to the tracer if events of programs are traced. 0 or an error. */
int pvm__trace_user_event(struct message *);
/* Body bytes of a buffer (0: the send buffer is none), tag, context, source: of no buffer -1. */
struct trace_header {
	int bytes, tag, ctx, src;
};
struct trace_header pvm__trace_header_of(const struct message *);

/* ---- requests (request.c) -------------------------------------------------- */

/*
 * Ask the daemon and wait for the answer, as an enrolled task. `req` is consumed; NULL counts as
 * out of memory. The reply is ready for reading and the caller unrefs it. 0 or an error code.
 * Allowed in handlers.
 */
int pvm__request(int tag, struct message *req, struct message **reply);
/*
 * As pvm__request, but to the resource manager (sm_tag) if one is registered and
 * is not this task.
 */
int pvm__request_sched(int tm_tag, int sm_tag, struct message *req, struct message **reply);
/* Give a message with a tag of the system to the request it answers. True: taken. */
bool pvm__request_reply(struct message *);
/* This thread has left all its requests by a jump: forget them. */
void pvm__requests_left(void);
/* In the child of a fork: none waits. */
void pvm__requests_become_child(void);

/* ---- handlers (handler.c) -------------------------------------------------- */

/*
 * Have `f` get the messages of a source, tag and context, each -1: any, with the message as
 * current receive buffer. Id, PvmExists, PvmBadParam (f is NULL), PvmNoMem.
 */
int pvm__handler_add(int src, int tag, int ctx, int (*f)(int mid));
/* 0, PvmBadParam, PvmNotFound. */
int pvm__handler_remove(int id);
/* Hand a complete message to a matching handler; false: there is none. */
bool pvm__handler_dispatch(struct message *);
/* It was left by a jump, if there is one: end what it had, and the call that ran it. */
void pvm__handler_left(void);
/* Is there one? */
bool pvm__handler_exists(const struct message *);
/* Remove all handlers, of the library and of the program. */
void pvm__handlers_clear(void);
/* Print all of them on stdout. */
void pvm__handlers_print(void);

/* ---- output of children (output.c) ----------------------------------------- */

/* Have the output of future children written to a file; NULL: as before. 0 or PvmNoMem. */
int pvm__output_catch(FILE *);
/* Part of pvm_exit: wait for the output of children this task collects. */
void pvm__output_wait_children(void);
/* The connection has ended: nothing more comes from children. */
void pvm__output_forget(void);

/* ---- own output and trace (destination.c) ---------------------------------- */

/*
 * Send own output or trace to a task (0: nobody), with the context and tag that
 * are set; the daemon is told. Children then get the same. 0 or an error code.
 */
int pvm__redirect_output(int tid);
int pvm__redirect_trace(int tid);
/* Change the tag of own output or trace. 0 or an error code. */
int pvm__set_output_tag(int tag);
int pvm__set_trace_tag(int tag);

/* ---- messages from tasks to the library (control.c) ------------------------ */

/* At enrolment: add the handlers of the library. 0 or PvmNoMem. */
int pvm__handlers_install(void);

/* ---- moving (freeze.c) ------------------------------------------------------ */

/* At enrolment: have the signal handled that asks this task to stop. Its number; 0: there is none. */
int pvm__freeze_signal(void);
/* The version of images that this task makes; WIRE_IMAGE_NONE: it stays where it is. */
int pvm__freeze_image(void);
/* No call is under way, or it waits: stop for a move, if TM_FREEZE has come or is about to. */
void pvm__freeze_now(void);
/* A message of the daemon's: true if it is about this task's move, and has been noted. */
bool pvm__freeze_heard(struct message *);
/* The connection ends, or this is the child of a fork. */
void pvm__freeze_forget(void);
extern int pvm__movable; /* the option PvmMovable */
/* Have a function called before the image is made, or afterwards (PvmBeforeImage ...). 0 or PvmOutOfRes. */
int pvm__hook_add(int when, int (*f)(void *), void *arg);

/* ---- the connection (enrol.c) ---------------------------------------------- */

/*
 * End a program that runs as root, with an explanation, unless the environment says that PVM may.
 * Exported, as hosters written for 3.4.6 call it.
 */
#pragma GCC visibility push(default)
void pvmchkuid(void);
#pragma GCC visibility pop
/* For pvm__connect: wait for another thread that enrols, connect and enrol. 0 or an error code. */
int pvm__become_task(void);
/*
 * A signal handler has left this thread's call by a jump. What it waited for is forgotten, and a
 * connection to which it was writing is lost. If it was enrolling it is no task.
 */
void pvm__call_left(void);
/* Connect and enrol if that has not happened. 0 or an error code. */
static inline int pvm__connect(void)
{
	const struct task *t = &pvm__task;

	if (__builtin_expect(pvmmytid != -1 && t->daemon && !t->engine.enroller, 1))
		return 0;
	return pvm__become_task();
}
/*
 * The same for calls that do without a daemon, but have another effect in a task: it inherits a
 * context, has handlers, is the source of its messages. They go on if that fails, and it is not
 * tried again until another call has enrolled. True: the process has become a task.
 */
bool pvm__try_connect(void);
static inline bool pvm__connect_if_possible(void)
{
	return __builtin_expect(pvmmytid == -1, 0) && pvm__try_connect();
}
/* Leave the machine in order, if enrolled. 0, PvmSysErr; PvmNotImpl as pvm__send. */
int pvm__leave(void);
/* The daemon was lost: take in all that has come by other ways. True: there was some. */
bool pvm__last_words(void);
/* Drop every connection without telling anybody. */
void pvm__disconnect(void);
/* The same when the daemon was lost: pvm__connect does not wait for another to start. */
void pvm__hang_up(void);
/*
 * A call has what it waits for, so that it will succeed. If the daemon was lost behind that, since
 * the session had this number, the next call that needs a daemon says so.
 */
static inline void pvm__report_later(unsigned session)
{
	struct task *t = &pvm__task;

	if (t->session != session && t->engine.daemon_lost)
		t->engine.unreported = true;
}
/* In the child of a fork: leave the parent's connections alone and have none. */
void pvm__become_child(void);

#endif
