/* SPDX-License-Identifier: MIT */
/*
 * What the files of libpvm share.  Nothing here is exported.
 *
 * Layers, lowest first:
 *   message.c buffer.c   messages: fragments of bytes; ids and current buffers
 *   codec.c xdr.c pack.c packf.c nested.c
 *                        putting typed items in and taking them out
 *   stream.c             one connected socket: fragments out, messages in
 *   engine.c watch.c     the wait loop over all streams, receive list, handlers
 *   thread.c             the lock, what belongs to each thread, sleeping and waking
 *   address.c            finding the daemon and connecting to it
 *   connect.c            enrolment, leaving
 *   route.c rendezvous.c direct task-to-task connections
 *   send.c recv.c        the public message calls
 *   request.c ask.c      request/reply with the daemon; used by all topics below
 *   hosts.c start.c tasks.c spawn.c notify.c mailbox.c context.c option.c
 *   output.c register.c export.c error.c trace.c trace_names.c compat.c
 *   shared.c             what libgpvm3 needs for threads
 *   api.h event.c        begin and end of every public function: its trace
 *
 * Public functions are called pvm_x; functions shared between files pvm__x;
 * everything else is static.  A function that can fail returns a negative
 * Pvm... code; public functions end in `return pvm__result("pvm_x", code)`.
 */
#ifndef PVM3PY_LIBPVM_INTERNAL_H
#define PVM3PY_LIBPVM_INTERNAL_H

#include "message/message.h"
#include "thread.h"

/* ---- connection and engine ----------------------------------------------- */

/* Connect and enrol if that has not happened. 0 or an error code. */
int pvm__connect(void);
/* Leave the machine in order, if enrolled. 0 or PvmSysErr. */
int pvm__leave(void);
/* Drop every connection without telling anybody. */
void pvm__disconnect(void);
/* In the child of a fork: leave the parent's connections alone and have none. */
void pvm__become_child(void);
/* The end of a thread: free what calls returned to it. */
void pvm__hosts_thread_ends(void);
void pvm__tasks_thread_ends(void);
void pvm__mailbox_thread_ends(void);
void pvm__recv_thread_ends(void);
void pvm__register_thread_ends(void);

/*
 * Send a message; ctx, tag and wid are the message's. Chooses the route, opens
 * a direct one if PvmRoute asks for it, takes in arriving messages while the
 * socket is full. 0, PvmSysErr, PvmNoMem.
 */
int pvm__send(struct message *, int dst);
/* The same to many tasks, each once and never to this one; the list is tidied for that. */
int pvm__multicast(struct message *, int *tids, int n);

/*
 * Take in what arrives. Waits until at least one complete message has been queued or given to
 * a handler, by whichever thread, or a direct route has been opened. 1, PvmSysErr, or PvmNoMem
 * once if a message was lost for want of memory.
 */
int pvm__engine_wait(void);

/*
 * Ask the daemon and wait for the answer; connects first if need be. `req` is
 * consumed. The reply is ready for reading and the caller unrefs it. 0 or an
 * error code. Allowed in handlers.
 */
int pvm__request(int tag, struct message *req, struct message **reply);
/*
 * As pvm__request, but to the resource manager (sm_tag) if one is registered and
 * is not this task.
 */
int pvm__request_sched(int tm_tag, int sm_tag, struct message *req, struct message **reply);
/*
 * Ask the daemon for a message with this tag, in context SYSCTX_TC, at the end of a task
 * (PvmTaskExit) or host (PvmHostDelete). 0, PvmSysErr, PvmNoMem.
 */
int pvm__ask_notice(int what, int tid, int tag);
/* The common case: reply is one int, which is returned; or an error code. */
int pvm__request_code(int tag, struct message *req);

/* Message handlers of library and program (handler.c). */
int pvm__handler_add(int src, int tag, int ctx, int (*f)(int mid));
int pvm__handler_remove(int id);
/* Hand a complete message to a matching handler; false: there is none. */
bool pvm__handler_dispatch(struct message *);
/* Is there one? */
bool pvm__handler_exists(const struct message *);

/*
 * Handlers that the library has from enrolment to exit; each gets the message
 * as current receive buffer like a program's handler (ids 0 to 8, handler.c).
 */
int pvm__tc_conreq(int mid); /* route.c */
int pvm__tc_conack(int mid);
int pvm__tc_taskexit(int mid);
int pvm__tc_noop(int mid);     /* handler.c */
int pvm__tc_settrace(int mid); /* trace.c */
int pvm__tc_settmask(int mid);
int pvm__tc_settrcbuf(int mid);
int pvm__tc_settrcopt(int mid);
int pvm__tc_siblings(int mid); /* tasks.c */

/* Is there an open direct route? */
bool pvm__route_exists(int tid);

/* Have the output of future children written to a file; NULL: as before. 0 or PvmNoMem. */
int pvm__output_catch(FILE *);
/* Part of pvm_exit: wait for the output of children this task collects (output.c). */
void pvm__output_wait_children(void);
/* The connection has ended: nothing more comes from children (output.c). */
void pvm__output_forget(void);
/* Treat a message (one reference, taken over) as if it had just arrived. */
void pvm__deliver(struct message *);
/* ---- errors -------------------------------------------------------------- */

/* If code is negative: set pvm_errno and act on PvmAutoErr. Returns code. */
int pvm__result(const char *function, int code);

#endif
