/* SPDX-License-Identifier: MIT */
/*
 * Threads in the library (docs/threads.md).
 *
 * One lock protects everything. A thread holds it from the begin of its outermost public
 * call to the end, except while it waits or runs a handler of the program's.
 *
 * Some of the task's state belongs to a thread: a few numbers, and its view, which is the
 * active buffers and the context. It stands in the usual variables (pvm__task.sbuf,
 * pvmmyctx, pvmtoplvl, ...) as long as its owner was the last that had the lock; another
 * thread that takes the lock puts it aside and brings its own.
 */
#ifndef PVM3PY_LIBPVM_THREAD_H
#define PVM3PY_LIBPVM_THREAD_H

#include <stdbool.h>
#include <stdint.h>

#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#define pvm__single_threaded() (__libc_single_threaded)
#else
#define pvm__single_threaded() false
#endif

struct message;
struct pending;

/* Active buffers and context: the task's own, of a handler, of a thread, of a group call. */
struct view {
	struct view *next;  /* of all views */
	struct view *outer; /* the thread's one before; NULL: its usual one */
	struct message *sbuf, *rbuf;
	int ctx;
};

/* What a waiting thread wants to be woken for. */
enum {
	WAKE_MESSAGE = 1, /* a message in the receive list that `tid`, `tag` and `ctx` select */
	WAKE_REPLY = 2,   /* the reply to `request` */
	WAKE_NEWS = 4,    /* any message, also one that a handler had; a direct route opened */
	WAKE_STATE = 8,   /* a change of what pvm__await_change waits for */
};
struct interest {
	int wakes;
	int tid, tag, ctx; /* -1: any */
	const struct pending *request;
};

enum {
	SIGN_WOKEN = 1,  /* what the wait is for has come */
	SIGN_NUDGED = 2, /* nobody reads the sockets: look again */
};

struct thread {
	unsigned number; /* in the lock; 0: the thread has made no call yet */
	unsigned depth;  /* calls inside calls, 0: the lock is not held */
	/* What stands in the task's variables meanwhile, see pvm__lock_first. */
	int sending, in_handler, toplevel, error;
	struct view *view; /* innermost of handlers and group calls; NULL: the usual one */
	struct view own;   /* with PvmThreadBuffers */
	bool has_own;
	bool unrouted; /* asks for no direct routes */
	/* Cancellation is off while the lock is held or waited for. */
	bool uncancellable;
	int cancel_state;
	/* Waiting. */
	struct thread *next_waiting;
	bool waiting;   /* in the list */
	bool reading;   /* asleep on the sockets, without the lock */
	bool idle;      /* asleep on `signs`, and could read the sockets instead */
	unsigned signs; /* SIGN_... */
	struct interest interest;
};

/* This thread. */
extern __thread struct thread pvm__self;

/* ---- the lock ---------------------------------------------------------------- */

void pvm__lock_first(void);
void pvm__unlock_last(void);

static inline void pvm__lock(void)
{
	if (pvm__self.depth)
		pvm__self.depth++;
	else
		pvm__lock_first();
}

static inline void pvm__unlock(void)
{
	if (pvm__self.depth > 1)
		pvm__self.depth--;
	else
		pvm__unlock_last();
}

/* Give the lock up, however many calls hold it. Returns what pvm__relock needs. */
unsigned pvm__unlock_all(void);
void pvm__relock(unsigned depth);

static inline char pvm__lock_scope(void)
{
	pvm__lock();
	return 0;
}

static inline void pvm__unlock_scope(const char *scope)
{
	(void)scope;
	pvm__unlock();
}

/* First line of a public function: hold the lock until it returns. */
#define API_LOCK() LOCK_SCOPE(api_lock)
#define LOCK_SCOPE(name) \
	const char name __attribute__((cleanup(pvm__unlock_scope), unused)) = pvm__lock_scope()

/* ---- views --------------------------------------------------------------------- */

/* Begin a view of this thread's; its storage is the caller's until the end. */
void pvm__view_begin(struct view *, struct message *sbuf, struct message *rbuf, int ctx);
/* End the innermost view, whatever is active in it. */
void pvm__view_end(struct view *);
/* The message is no active buffer of any thread any more. */
void pvm__views_drop(const struct message *);
/* Is it an active buffer of some thread? */
bool pvm__is_active(const struct message *);
/* PvmThreadBuffers: give each thread a view of its own, or end that. */
void pvm__views_per_thread(bool on);

/* ---- waiting -------------------------------------------------------------------- */

/* A wait of this thread; may be inside another one (of a handler's). */
struct wait {
	struct interest outer;
	bool outer_waiting;
};

/* Wait for `interest` from now on: pvm__woken tells whether it has come. */
void pvm__wait_begin(struct wait *, const struct interest *);
bool pvm__woken(void);
void pvm__wait_end(const struct wait *);
/* Sleep until woken or nudged, at most until the deadline (as pvm__engine_wait_until). */
void pvm__sleep(int64_t deadline);
/* Sleep until somebody calls pvm__wake with WAKE_STATE, or the connection ends. */
void pvm__await_change(void);
/* Wake whoever waits for one of these. */
void pvm__wake(int wakes);
void pvm__wake_all(void);
/* Wake who waits for such a message; any that has a function to choose. */
void pvm__wake_receivers(const struct message *);
/* Wake who waits for this reply. */
void pvm__wake_asker(const struct pending *);
/* Wake a thread that can read the sockets, which nobody does now. */
void pvm__wake_reader(void);

#endif
