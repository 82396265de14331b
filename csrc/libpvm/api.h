/* SPDX-License-Identifier: MIT */
/*
 * What every public function does when it begins and when it ends: the lock, and the trace
 * of a task that has a tracer.  A call inside another call is part of that one.
 *
 *	int pvm_kill(int tid)
 *	{
 *		API_ENTER(TEV_KILL, TEV_DID_TT, tid);
 *		return API_LEAVE(TEV_KILL, TEV_DID_CC, pvm__result("pvm_kill", kill_task(tid)));
 *	}
 *
 * A function that does something before, or has no event, begins with API_LOCK() (thread.h).
 *
 * Items are pairs of a data id and its value, of the type that the data id has: an
 * int, a string, an address, or an array and its length.  They are evaluated only
 * if the task has a tracer.
 */
#ifndef PVM3PY_API_H
#define PVM3PY_API_H

#include "compat.h"

/* Begin a public function. */
#define API_ENTER(kind, ...) \
	LOCK_SCOPE(api_held); \
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

/* Is this the outermost call?  Then calls inside it no longer are. (event.c) */
bool pvm__api_enter(void);
/* Make an event, kind and half in `word`, of the items up to a data id of -1. (event.c) */
void pvm__trace(int word, ...);
/* Send what is buffered, or counted. (event.c) */
void pvm__trace_flush(void);
/* The tracer is another: it knows no descriptions yet. (event.c) */
void pvm__trace_renew(void);
/* Send a PvmDataTrace buffer to the tracer if events of programs are traced. 0 or an error. */
int pvm__trace_user_event(struct message *);
/* Body bytes of a buffer (0: the send buffer is none), tag, context, source: of no buffer -1. */
struct trace_header {
	int bytes, tag, ctx, src;
};
struct trace_header pvm__trace_header_of(const struct message *);

#endif
