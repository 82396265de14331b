/* SPDX-License-Identifier: MIT */
/*
 * The public functions, what they share, and what the library exports besides pvm3.h.
 *
 * What every public function does when it begins and when it ends: the lock, and the trace
 * of a task that has a tracer.  A call inside another call is part of that one.
 *
 *	int pvm_kill(int tid)
 *	{
 *		API_ENTER(TEV_KILL, TEV_DID_TT, tid);
 *		return API_LEAVE(TEV_KILL, TEV_DID_CC, pvm__result("pvm_kill", kill_task(tid)));
 *	}
 *
 * A function that does something before begins with API_LOCK() (base.h) and has API_BEGIN for
 * API_ENTER; one without an event has API_LOCK() alone. Each returns PvmNotImpl if a signal handler
 * calls it in the middle of a call; so no function of the library calls a public one.
 *
 * Items are pairs of a data id and its value, of the type that the data id has: an
 * int, a string, an address, or an array and its length.  They are evaluated only
 * if the task has a tracer.
 */
#ifndef PVM3PY_LIBPVM_API_H
#define PVM3PY_LIBPVM_API_H

#include <stdarg.h>

#include "engine/engine.h"

/* Begin a public function. As in 3.4.6 that makes the process a task, if there is a daemon. */
#define API_ENTER(kind, ...) \
	API_LOCK(); \
	API_BEGIN(kind, ##__VA_ARGS__)

/* The same without that. */
#define API_ENTER_AS_IS(kind, ...) \
	API_LOCK(); \
	API_BEGIN_AS_IS(kind, ##__VA_ARGS__)

/* Both behind API_LOCK(). */
#define API_BEGIN(kind, ...) \
	pvm__connect_if_possible(); \
	API_BEGIN_AS_IS(kind, ##__VA_ARGS__)
#define API_BEGIN_AS_IS(kind, ...) \
	const bool api_traced = __builtin_expect(pvmtrc.trctid > 0, 0) && pvm__api_enter(); \
	if (__builtin_expect(api_traced, 0)) { \
		pvm__trace((kind) | TEV_EVENT_ENTRY, ##__VA_ARGS__, -1); \
	}

/* End it: value of the expression `code`, which is the event's item `did`; items may follow. */
#define API_LEAVE(kind, did, code, ...) \
	__extension__({ \
		int api_code = (code); \
		if (__builtin_expect(api_traced, 0)) { \
			pvm__trace((kind) | TEV_EVENT_EXIT, did, api_code, ##__VA_ARGS__, -1); \
			pvmtoplvl = 1; \
		} \
		api_code; \
	})

/*
 * In front of a function that is called often: a traced task goes another way, so that the
 * usual one has nothing of the trace but this comparison. It is made without the lock: a
 * call that begins while another thread sets a tracer is traced or not.
 */
#define API_IF_TRACED(call) \
	do { \
		if (__builtin_expect(__atomic_load_n(&pvmtrc.trctid, __ATOMIC_RELAXED) > 0, 0)) \
			return call; \
	} while (0)
#define API_TRACED_WAY static __attribute__((noinline, cold))

/* End a function that has no result or another one, with the event's items. */
#define API_END(kind, ...) \
	do { \
		if (__builtin_expect(api_traced, 0)) { \
			pvm__trace((kind) | TEV_EVENT_EXIT, ##__VA_ARGS__, -1); \
			pvmtoplvl = 1; \
		} \
	} while (0)

/* End a function whose end is no event. */
#define API_END_SILENT() \
	do { \
		if (__builtin_expect(api_traced, 0)) \
			pvmtoplvl = 1; \
	} while (0)

/* ---- errors (result.c) ----------------------------------------------------- */

/* Set pvm_errno to the negative code and act on PvmAutoErr. Returns code. */
int pvm__failed(const char *function, int code);
/* The same if code is negative. */
static inline int pvm__result(const char *function, int code)
{
	return __builtin_expect(code < 0, 0) ? pvm__failed(function, code) : code;
}

/* ---- asking the daemon (ask.c) --------------------------------------------- */

/*
 * Send the request (consumed; NULL counts as out of memory) to the daemon; connects first if
 * need be. pvm__ask_code returns the int that is the reply, or an error code; the others
 * leave the reply to the caller, to read and unref.
 */
int pvm__ask(int tag, struct message *req, struct message **reply);
int pvm__ask_code(int tag, struct message *req);
/* The same for requests that a resource manager serves if there is one. */
int pvm__ask_sched(int tm_tag, int sm_tag, struct message *req, struct message **reply);
/* The same for requests about moves and images, if the daemon has said that it can (move.c). */
int pvm__ask_mover(int tag, struct message *req, struct message **reply);
/*
 * Instead of asking, if an argument is wrong: `error`, but the error of connecting comes first, as
 * in 3.4.6.
 */
int pvm__refuse(int error);

/* ---- topics ---------------------------------------------------------------- */

/* Read a host as TM_CONFIG describes it (hosts.c). Names are the caller's to free. */
int pvm__get_host(struct message *, struct pvmhostinfo *);

/*
 * What public functions do without lock and trace, for others; arguments and results are theirs.
 * (buffer.c, hosts.c, mailbox.c, tasks.c)
 */
int pvm__renew_send_buffer(int encoding);
int pvm__get_header(int bufid, struct pvmminfo *);
int pvm__set_header(int bufid, const struct pvmminfo *);
/* Not reported. */
int pvm__list_hosts(int *nhost, int *narch, struct pvmhostinfo **hosts);
int pvm__list_noresets(int **tids, int *count);
int pvm__list_tasks(int where, int *ntask, struct pvmtaskinfo **tasks);
/* Ask for a signal to a task. 0, also when there is no such task; PvmBadParam. Not reported. */
int pvm__send_signal(int tid, int signum);

/*
 * Mailbox entries, without reports of errors; arguments as of pvm_putinfo, pvm_recvinfo and
 * pvm_delinfo. (mailbox.c)
 */

/* Store a record. Index that it got, or an error code. */
int pvm__mailbox_put(const char *name, int index, int flags, struct message *record);
/* The same with a record that is made for the purpose and consumed; NULL: PvmNoMem. */
int pvm__mailbox_put_new(const char *name, int index, int flags, struct message *record);
/* Fetch a record, which the caller unrefs. Its index, or an error code. */
int pvm__mailbox_get(const char *name, int index, int flags, struct message **record);
/* Delete a record. Its index, or an error code. */
int pvm__mailbox_remove(const char *name, int index, int flags);

/*
 * Receive into the active receive buffer what `match` chooses, NULL: by source, tag and
 * context. Id, 0 if none came until the deadline, or an error code. (recv.c)
 */
int pvm__receive(int (*match)(int mid, int tid, int tag), int tid, int tag, int64_t deadline);
/* The same by the rule that is set with pvm_recvf. */
int pvm__receive_by_rule(int tid, int tag, int64_t deadline);
/* Id of the message that this would receive, which is left in the list. */
int pvm__find_by_rule(int tid, int tag, int64_t deadline);

/* Send a message (consumed) to `n` tasks, as pvm_mcast. 0 or an error code. (send.c) */
int pvm__send_to_all(struct message *, const int *tids, int n);
/* May the program send to this task with this tag? (send.c) */
bool pvm__may_send(int tid, int tag);
/* Message of an id that a program gave: 0, PvmBadParam or PvmNoSuchBuf. (buffer.c) */
int pvm__lookup(int id, struct message **);

/* Bytes of `n` items of a PVM_... type: PvmBadParam, PvmNotImpl (strings), PvmOverflow. (send.c) */
int pvm__typed_bytes(int type, int n);

/* This thread has left its group call, if it was in one, by a jump. (for_groups.c) */
void pvm__group_left(void);

/* The end of a thread: free what calls returned to it. */
void pvm__hosts_thread_ends(void);
void pvm__tasks_thread_ends(void);
void pvm__mailbox_thread_ends(void);
void pvm__recv_thread_ends(void);
void pvm__register_thread_ends(void);

/* ---- exported besides pvm3.h ----------------------------------------------- */

/*
 * Programs and libraries built for PVM 3.4.6 import them, libgpvm3 those of for_groups.h.
 */
#pragma GCC visibility push(default)
#include "for_groups.h"

/* Errors. (result.c) */
int lpvmerr(const char *function, int code);

/* Connection. (connect.c, handler.c) */
int pvmbeatask(void);
int pvmendtask(void);
void pvmdisplaymhfinfo(char *who, char *text, int tid);
int pvmsettaskname(char *name);

/* Packing with an argument list. (packf.c) */
int pvm_vpackf(const char *format, va_list ap);
int pvm_vunpackf(const char *format, va_list ap);

/* Wait ids. (compat.c) */
int pvm_getmwid(int bufid);
int pvm_setmwid(int bufid, int wid);

/* Small helpers. (compat.c) */
int i_dump(int how);
void pvmbailout(int status);
int pvmgetclock(struct timeval *now);
int pvmsleep(int seconds);
char *pvmtmpnam(char *name);
int pvmputenv(char *setting);
int pvmstrtoi(char *text);
char *pvmnametag(int tag, int *found);
int pvmreset(int mytid, int killtasks, char *noreset_class, int index);
#pragma GCC visibility pop

#endif
