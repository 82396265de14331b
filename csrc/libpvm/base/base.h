/* SPDX-License-Identifier: MIT */
/*
 * What the folder base has, and the rules of the library.
 *
 * Folders, the lowest first; each has one header, and `make lint-layers` keeps the order:
 *   base       the task's state, the lock, errors, the system, names of trace events
 *   checkpoint images of the process, written by itself at any instant
 *   message    messages: bytes in fragments, typed items in them, ids
 *   transport  sockets: whole messages out and in, watching, waking; decides nothing
 *   engine     what is done with messages: waiting, ways, requests, handlers, enrolment
 *   calls      the public functions
 * A file uses files of its own folder that are below it, and lower folders; none in a circle.
 *
 * Public functions are called pvm_x; functions shared between files pvm__x;
 * everything else is static.  A function that can fail returns a negative
 * Pvm... code; public functions end in `return pvm__result("pvm_x", code)`.
 */
#ifndef PVM3PY_LIBPVM_BASE_H
#define PVM3PY_LIBPVM_BASE_H

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/time.h>
#include <time.h>

#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#define pvm__single_threaded() (__libc_single_threaded)
#else
#define pvm__single_threaded() false
#endif

/* Everything is compiled hidden (-fvisibility=hidden) but what these declare. */
#pragma GCC visibility push(default)
#include "pvm3.h"
#include "pvmtev.h"

/*
 * Data that programs and libgpvm3 import.  Programs hold copies of it: sizes and types must not
 * change.  Each is the one place of its fact.  (task.c, error.c, trace_names.c)
 */
extern int pvmmytid;                     /* own tid, -1: not enrolled */
extern int pvmmyctx;                     /* current context */
extern struct Pvmtracer pvmtrc, pvmctrc; /* output and trace settings, own and of future children */
extern int pvmtoplvl;                    /* 0 inside a call that is traced already */
extern int pvm_errno; /* negative code of the last call that failed, of the last thread here */
#define PVM_NERR 37
extern int pvm_nerr;
extern const char *pvm_errlist[PVM_NERR]; /* text of code -k is entry k */
extern struct Pvmtevdid pvmtevdidlist[TEV_DID_MAX + 1];
extern struct Pvmtevinfo pvmtevinfo[TEV_MAX + 1];
#pragma GCC visibility pop
#include "pvmproto.h"
#include "layout.h"

struct message;
struct stream;
struct watcher;
struct way;
struct pending;
struct pace;

/* ---- threads (lock.c; docs/threads.md) ------------------------------------- */

/*
 * One lock protects everything. A thread holds it from the begin of its outermost public
 * call to the end, except while it waits or runs a handler of the program's.
 *
 * Some of the task's state belongs to a thread: a few numbers, and its view, which is the
 * active buffers and the context. It stands in the usual variables (pvm__task.sbuf,
 * pvmmyctx, pvmtoplvl, ...) as long as its owner was the last that had the lock; another
 * thread that takes the lock puts it aside and brings its own.
 */

/* Active buffers and context: the task's own, of a handler, of a thread, of a group call. */
struct view {
	struct view *next;  /* of all views */
	struct view *outer; /* the thread's one before; NULL: its usual one */
	struct message *sbuf, *rbuf;
	int ctx;
};

/* What a waiting thread wants to be woken for (transport/wake.c). */
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
	struct pace *pace; /* of the answers waited for; NULL: of messages (engine/linger.c) */
};

/* What a sleeping thread is told. */
enum {
	SIGN_WOKEN = 1,  /* what the wait is for has come */
	SIGN_NUDGED = 2, /* nobody reads the sockets: look again */
};

/* In the frame of a public function; once it has waited, its own address while the frame is there. */
struct call {
	volatile struct call *self;
};

enum { TURNS_MAX = 8, KEPT_MAX = 16 };

/* Something that a call frees, with the function that does. */
struct kept {
	void *what;
	void (*end)(void *);
};

/* What belongs to a thread. */
struct thread {
	unsigned number; /* in the lock; 0: the thread has made no call yet */
	/*
	 * The outermost call, from before it takes the lock until it has given it back; NULL: none. A
	 * call that begins meanwhile is a signal handler's, and refused, unless the program's code
	 * runs inside the call, which `open` says: it is then depth + 1.
	 */
	volatile struct call *call;
	unsigned depth; /* calls inside that one */
	unsigned open;
	/* The outermost of calls that wait, or run a handler, without the lock; NULL: none. */
	volatile struct call *suspended;
	/* What stands in the task's variables meanwhile, see pvm__lock_first. */
	int sending, in_handler, toplevel, error;
	/* In the frame that runs a handler of the program's: `mark` as long as the frame is there. */
	const volatile uint64_t *frame; /* NULL: no such handler */
	uint64_t mark;
	struct view *view; /* innermost of handlers and group calls; NULL: the usual one */
	int *written;      /* counts the next message that it writes; NULL: that is not counted */
	struct kept kept[KEPT_MAX]; /* what is freed if its calls are left by a jump (kept.c) */
	unsigned nkept;
	/* A group call, which a signal handler's calls must not enter. */
	bool grouped;          /* there is one, around what the thread does */
	bool masked;           /* signals wait, except while it waits, */
	sigset_t mask;         /* and this is what the program has masked */
	int *turns[TURNS_MAX]; /* what it has the turn for, as pvmturn's `holder`; NULL: none */
	struct view own;       /* with PvmThreadBuffers */
	bool has_own;
	bool unrouted; /* asks for no direct routes */
	/* Cancellation is off while the lock is held or waited for. */
	bool uncancellable;
	int cancel_state;
	/* Waiting: wake.c, and who sleeps. */
	struct thread *next_waiting;
	bool waiting;            /* in the list */
	bool reading;            /* asleep on the sockets, without the lock */
	struct watcher *watcher; /* what it sleeps on, or NULL */
	bool idle;               /* asleep on `signs`, and could read the sockets instead */
	unsigned signs;          /* SIGN_... */
	/*
	 * What it polls when it is asleep on the sockets: they, and a descriptor that does not exist
	 * once a signal handler's call has had its turn, so that poll returns at once.
	 */
	struct pollfd polled[2];
	struct interest interest;
	bool signalled; /* a signal came while it slept */
	bool given_up;  /* its last wait was given up, so its call takes nothing any more */
	unsigned pins;  /* of mappings (mapping.c) */
};

/* This thread. (task.c) */
extern __thread struct thread pvm__self;

/* For the begin and end of calls: the usual way, which works in all cases. */
extern unsigned pvm__owner;        /* the lock: number of the thread that has it, and a bit */
extern struct thread *pvm__simple; /* whose variables are loaded, with nothing to undo; or NULL */
bool pvm__call_begin_any(struct call *);
void pvm__unlock_any(void);

/*
 * Begin a public function, with a variable of its frame: take the lock. A thread may do so again
 * where the program's code runs inside a call. False, and pvm_errno is PvmNotImpl: a signal
 * handler calls in the middle of a call, and is refused.
 */
static inline bool pvm__call_begin(struct call *call)
{
	struct thread *me = &pvm__self;

	if (!__builtin_expect(pvm__single_threaded() && !me->call && pvm__simple == me, 1))
		return pvm__call_begin_any(call);
	/* In a process of one thread that is only noted. */
	me->call = call;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	__atomic_store_n(&pvm__owner, me->number, __ATOMIC_RELAXED);
	return true;
}

/* End it. */
static inline void pvm__call_end(void)
{
	struct thread *me = &pvm__self;

	if (!__builtin_expect(pvm__single_threaded() && !me->depth && pvm__simple == me, 1)) {
		pvm__unlock_any();
		return;
	}
	__atomic_store_n(&pvm__owner, 0, __ATOMIC_RELAXED);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	me->call = NULL;
}

/* Is nobody else there, and this thread's state in the variables? Then who only reads needs no lock. */
static inline bool pvm__alone(void)
{
	return pvm__single_threaded() && pvm__simple == &pvm__self;
}
/* And no call is under way? Then who only sets one word needs no lock either. */
static inline bool pvm__at_rest(void)
{
	return pvm__alone() && !pvm__self.call;
}

/*
 * The task is to stop for a move as soon as no call is under way, or one waits: then what is called
 * is pvm__above.stop. Without that nothing is looked at: it makes the usual way unusable.
 */
extern sig_atomic_t pvm__stop_due;
void pvm__stop_later(void);
static inline bool pvm__stop_is_due(void)
{
	return __builtin_expect(__atomic_load_n(&pvm__stop_due, __ATOMIC_RELAXED), 0);
}

/* Take the lock, also inside calls. */
void pvm__lock(void);
/* In a group call: from now on signals wait, until pvm__unmask; not while the lock is given up. */
void pvm__mask(void);
void pvm__unmask(void);
/* Give it back, as often as it was taken. */
static inline void pvm__unlock(void)
{
	pvm__call_end();
}

/* Code of the program's begins that may call the library, inside a call. For pvm__closed. */
static inline unsigned pvm__opened(void)
{
	unsigned before = pvm__self.open;

	pvm__self.open = pvm__self.depth + 1;
	return before;
}

/* It ends. */
static inline void pvm__closed(unsigned before)
{
	pvm__self.open = before;
}

/* What a thread held when it gave the lock up. */
struct held {
	volatile struct call *call, *suspended;
	unsigned depth, open;
	bool masked;
};
/* Give the lock up, however many calls hold it. Returns what pvm__relock needs. */
struct held pvm__unlock_all(void);
/* Have it as before that. */
void pvm__relock(const struct held *);
/*
 * The same with signals still held off, if they are, which the sleep itself lets in meanwhile: its
 * mask is pvm__self.mask.
 */
struct held pvm__unlock_unheard(void);
void pvm__relock_unheard(const struct held *);
/*
 * pvm__unlock_all, to run a handler of the program's: `frame` is a variable of the caller's, and
 * gets a mark. If the handler does not return, but jumps away or ends its thread, the thread's next
 * outermost call finds the frame gone, and calls pvm__above.handler_left.
 */
struct held pvm__unlock_for_handler(volatile uint64_t *frame);
/* The handler has returned. */
void pvm__relock_after_handler(const struct held *);

/* For the macros. */
static inline void pvm__call_scope_end(const char *scope)
{
	(void)scope;
	pvm__call_end();
}

/* Hold the lock until the end of the block, also inside calls. */
#define LOCK_SCOPE(name) \
	pvm__lock(); \
	const char name __attribute__((cleanup(pvm__call_scope_end), unused)) = 0
/* First line of a public function: hold the lock until that returns. */
#define API_LOCK() API_LOCK_OR(PvmNotImpl)
/* The same with what it returns to a signal handler that is refused. */
#define API_LOCK_OR(refusal) \
	struct call api_call; \
	if (__builtin_expect(!pvm__call_begin(&api_call), 0)) \
		return refusal; \
	const char api_lock __attribute__((cleanup(pvm__call_scope_end), unused)) = 0

/*
 * Around what runs handlers: have `what` (NULL: nothing) freed by `end` if one of them jumps away.
 * What was kept last is the first that is kept no longer. If there is too much, it leaks then.
 */
void pvm__keep(void *what, void (*end)(void *));
void pvm__kept(const void *what);
/* This thread's calls were left: free all of it. */
void pvm__kept_left(void);

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
/*
 * Make the view of the thread whose state is loaded the active one; with PvmThreadBuffers its
 * first call makes it. This is done whenever that view becomes another. (views.c)
 */
void pvm__view_choose(struct thread *);
/* The thread ends: free the buffers of its own. */
void pvm__view_thread_ends(struct thread *);
/* In the child of a fork: other threads have no views. */
void pvm__views_become_child(struct thread *);
/* What the library does around a fork of the process. (lock.c) */
void pvm__fork_before(void);
void pvm__fork_in_parent(void);
void pvm__fork_in_child(void);

/* ---- the task's state (task.c) --------------------------------------------- */

/* Messages in order of arrival. */
struct queue {
	struct message *head, *tail;
};

/* What several files know of the task; one instance. Comments name who changes it. */
struct task {
	/* Of the thread whose calls run (lock.c). */
	struct message *sbuf, *rbuf; /* current buffers; their ids hold the references */
	int sending;                 /* this thread writes a message: handlers wait */
	int in_handler;              /* this thread runs a handler: it may not wait for messages */

	/* As the program wants it (option.c). */
	struct {
		int route, debug_mask, auto_err, resv_tids, show_tids, noreset;
		int frag_size;
		bool frag_size_set; /* enrolment does not change it */
	} option;

	/* What is known of the machine (enrol.c). */
	char *name;               /* from pvmsettaskname, or NULL */
	int ptid;                 /* parent, 0: none, PvmParentNotSet */
	int *siblings, nsiblings; /* from control.c; -1: not known yet */
	int schedtid;             /* resource manager; 0: none */
	int place;                /* tid of the host where it is; 0: the one that its tid names */
	int capabilities;         /* WIRE_EXT_ bits of the daemon */
	char daemon_addr[32];     /* IP and port of the daemon, "%08x:%04x" */

	struct segment *segment; /* own one; NULL: none (segment.c) */

	/* The connection. */
	unsigned session;      /* changes when it ends (enrol.c) */
	struct stream *daemon; /* NULL: not connected (address.c, enrol.c) */
	struct {
		struct source *late;     /* sources that memory did not suffice to watch yet */
		struct watcher *watcher; /* of all sources; NULL: there is only the daemon */
		struct way *listed;      /* those that may have a message to take in (way.c) */
		bool exact;              /* nothing is read before it is taken in (stream.c) */
		bool route_lost;         /* some route's connection ended */
	} transport;

	struct {
		struct thread *enroller;   /* NULL: nobody is enrolling (enrol.c) */
		struct thread *reader;     /* waits for the sockets; NULL: nobody does (wait.c) */
		struct thread *dispatcher; /* runs handlers; NULL: nobody does (arrival.c) */
		struct queue inbox;        /* complete messages that nobody took yet */
		unsigned long serial;      /* of the message that came into it last */
		int routes;                /* direct ones, open or not (route.c) */
		unsigned owed;             /* passes that sends are still to make (poll.c) */
		bool short_of_memory;      /* a message was lost for that; the next wait says so */
		bool incomplete;           /* the same, since enrolment */
		bool daemon_lost; /* while this was a task; nobody has enrolled or left since */
		bool unreported;  /* the daemon was lost in a call that could not say so */
	} engine;
};
extern struct task pvm__task;

/*
 * The tid of the host where a task runs, as far as that is known here: of other tasks the one whose
 * number the tid bears. Of the tid of a daemon or host, that host.
 */
static inline int pvm__place(int tid)
{
	return tid == pvmmytid && pvm__task.place ? pvm__task.place : tid & TIDHOST;
}

/* The tracer is another: API_IF_TRACED (api.h) looks at it without the lock. */
static inline void pvm__set_tracer(int tid)
{
	__atomic_store_n(&pvmtrc.trctid, tid, __ATOMIC_RELAXED);
}

/* ---- what goes up (calls/above.c) ------------------------------------------ */

/* What files need of others above them; the file at the top fills it in. */
struct above {
	/* lock.c: this thread ends. What calls returned to it is freed. */
	void (*thread_ended)(void);
	/* lock.c: this is the child of a fork. It leaves the parent's connections alone. */
	void (*became_child)(void);
	/* lock.c: a buffer of a thread that ends. It loses its id. */
	void (*retire)(struct message *);
	/* lock.c: a handler was left by a jump, and with it the call that ran it. That is undone. */
	void (*handler_left)(void);
	/* lock.c: a signal handler has left a call by a jump. That is undone, as far as it goes. */
	void (*call_left)(void);
	/* handler.c: a call was left by a jump. If it was a group call, that is undone. */
	void (*group_left)(void);
	/* lock.c: the task is to stop, and is outside calls, or waits. It does so. */
	void (*stop)(void);
	/* fragments.c, segment.c: blocks of the arena are wanted. What peers have given back is free. */
	void (*collect)(void);
	/* stream.c: a message has come whole. Whoever it is for gets it, and the reference. */
	void (*complete)(struct message *);
	/* write.c: the socket is full. Waits until there is room, or something else was read. */
	void (*full)(struct stream *);
	/* stream.c: another thread writes. Waits until some state has changed (WAKE_STATE). */
	void (*turn)(void);
	/* arrival.c: a message with a tag of the system. A request takes it that it answers. */
	bool (*answer)(struct message *);
	/* arrival.c: it is a message's turn. Its handler runs; false: there is none. */
	bool (*handle)(struct message *);
	/* arrival.c: it is not yet. Is there a handler for it? */
	bool (*has_handler)(const struct message *);
	/* arrival.c: the end of a task or host was told of. Routes that it cuts off are lost. */
	void (*notice_routes)(struct message *);
	/* arrival.c: a route was lost. Such routes are forgotten; true: there was one. */
	bool (*reap_routes)(void);
	/* poll.c: room is waited for. Routes to tasks that are about to move are left meanwhile. */
	void (*leave_routes)(void);
	/* stream.c: a task's message has come by the daemon. What it has sent by a route comes first. */
	void (*catch_up)(int tid);
	/* borrow.c: is there an open route to that task, which may still bring something? */
	bool (*has_route)(int tid);
	/* arrival.c: the daemon was lost. Takes in what has come by routes; true: there was some. */
	bool (*last_words)(void);
	/* arrival.c: the daemon was lost. All connections are dropped. */
	void (*hang_up)(void);
};
extern const struct above pvm__above;

/* ---- memory that is shared with other processes (mapping.c) ------------------ */

struct mapping {
	struct mapping *next;
	unsigned char *base;
	size_t size;
	bool own, detached;
	unsigned users; /* it is unmapped with the last one */
	void *owner;
	/* NULL, or: call `keep` with what messages have of it. */
	void (*in_use)(struct mapping *, void (*keep)(unsigned char *at, size_t size));
};

/* Map a file, for reading, or the own segment, for one user; NULL: that does not work. */
struct mapping *pvm__mapping_new(int fd, size_t size, bool own);
/* A user less. */
void pvm__mapping_unref(struct mapping *);
/* This thread looks at mapped memory without the lock: nothing is unmapped until that ends. */
void pvm__mappings_pin(void);
void pvm__mappings_unpin(unsigned n);
/* Around a fork: the child has private memory at the same places, with what is in use. */
void pvm__mappings_before_fork(void);
void pvm__mappings_after_fork(bool child);
/*
 * Have private memory in place of all of them; `more` calls its argument with what is to be kept
 * besides. Allocates by mmap alone. False: the system has no memory, and some are shared still.
 */
bool pvm__mappings_withdraw(void (*more)(void (*keep)(unsigned char *at, size_t size)));
/* The same for one whose owner is about to use it anew. */
void pvm__mapping_detach(struct mapping *);

/* Bytes that the control group of this process leaves to all in it; UINT64_MAX: no limit. (limits.c) */
uint64_t pvm__group_memory(void);

/* ---- errors (error.c) ------------------------------------------------------ */

/* If code is negative: set pvm_errno without printing. Returns code. */
int pvm__quiet(int code);
/* A message from `src` could not be kept: log it, and have the next wait return PvmNoMem. */
void pvm__lost_for_memory(int src);
/* "libpvm [t40001] text" on stderr. */
void pvm__log(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* "libpvm [t40001]: text" on stderr, the form of what users are told. */
void pvm__report(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- the system (system.c) ------------------------------------------------- */

/* Make a system call, again if a signal interrupts it. */
#define UNINTERRUPTED(call) \
	__extension__({ \
		long result_; \
		do \
			result_ = (call); \
		while (result_ < 0 && errno == EINTR); \
		result_; \
	})

enum { NS_PER_S = 1000000000 };
/* Instead of a point in time by pvm__now. */
enum {
	ONE_PASS = 0,     /* take in one message of each connection, if it is there */
	NO_DEADLINE = -1, /* for ever */
	WHILE_THERE = -2, /* take in until nothing is there */
	LIST_ONLY = -3,   /* take in nothing */
	BRIEFLY = -4,     /* only as long as a wait looks before it sleeps */
};
enum { PASSES_MAX = 65536 }; /* of WHILE_THERE, so that a flood does not keep a call for ever */

/* A clock in nanoseconds. */
static inline int64_t pvm__clock(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

/* How far the clock of the host where the task began is ahead of the one here, nanoseconds. */
extern int64_t pvm__clock_ahead;

/* Monotonic clock, nanoseconds; it goes on where it was when the task moves. */
static inline int64_t pvm__now(void)
{
	return pvm__clock(CLOCK_MONOTONIC) + pvm__clock_ahead;
}

/* Data signature of this machine, which only this knows. */
static inline uint32_t pvm__dsig(void)
{
	const unsigned order = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 3 : 0;
	const unsigned long_size = sizeof(long) == 8 ? 3 : 2;

	return 1 | order << 3 | 2 << 5 | order << 8 | long_size << 10 | order << 13 | 1 << 15 |
		order << 19 | 2 << 21 | order << 25;
}

/* A variable of the environment: where a search has found it, or the end; the answer. */
struct setting {
	char **environment, *first;
	size_t at, before;
	char *entry, *entry_before; /* NULL: there was none */
	char *value;
};
/*
 * Value of a variable; `otherwise` if it is not set, or empty. It is not searched for again while
 * the environment is the same, and the process has one thread; `kept` is 0 at first.
 */
char *pvm__setting(const char *name, struct setting *kept, const char *otherwise);

enum { TEMP_NAME_MAX = 128 };
/* A name PVM_TMP/pvmtmpPPPPPP.N for the program's own use; false if it does not fit. */
bool pvm__temp_name(char *name, size_t size);
/*
 * Make a file or socket of the library's under such a name, which is written to `name`. `make` is
 * called with names until one is not taken (EEXIST, EADDRINUSE); if others have taken the next
 * ones, with names that nobody can foresee. What `make` returned, or -1 with errno.
 */
int pvm__temp_make(char *name, size_t size, int (*make)(const char *name, void *with), void *with);
/* Remove what was made. */
void pvm__temp_remove(const char *name);
/* The same of a file that another process may still look for: the next has another name. */
void pvm__temp_abandon(const char *name);
/*
 * Move a new descriptor away from 0 to 2, which stay free for standard streams when the
 * program has closed those. Returns it; -1 for -1 or if there is no other.
 */
int pvm__off_stdio(int fd);
/*
 * Sleep while *word is `value`, at most until the deadline by pvm__now (NO_DEADLINE: for ever).
 * True: a signal ended that.
 */
bool pvm__futex_wait(unsigned *word, unsigned value, int64_t deadline);
/* Wake at most n threads that sleep on the word. */
void pvm__futex_wake(unsigned *word, int n);

#endif
