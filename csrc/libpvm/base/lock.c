/* SPDX-License-Identifier: MIT */
/*
 * Threads: the library's lock, and what belongs to each thread.
 *
 * The lock is one word: the number of the thread that has it, and a bit if others may
 * wait for it. A thread's call is noted before that and until after it, so that a signal handler
 * which calls at any instant in between is seen, and refused.
 */
#define _GNU_SOURCE 1 /* pthread_getattr_np */
#include "base/base.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>

#define WAITERS 0x80000000u

enum { SIGNAL_FRAME = 512 }; /* bytes of stack that a signal takes, at least, on any machine */

unsigned pvm__owner;
sig_atomic_t pvm__stop_due;
struct thread *pvm__simple;

static struct call frameless; /* the call that no public function makes */
static unsigned numbers;      /* the last one given out */
static struct thread *loaded; /* whose state and view the task's variables have, or NULL */
static pthread_key_t end_key;
static sigset_t of_others; /* signals that wait during group calls */

/* ---- whose state is in the task's variables ---------------------------------------- */

static void switch_thread(struct thread *me)
{
	static bool begun; /* what the program set before its first call is that thread's */
	struct task *t = &pvm__task;

	if (!begun)
		me->error = pvm_errno;
	begun = true;
	if (loaded) {
		loaded->sending = t->sending;
		loaded->in_handler = t->in_handler;
		loaded->toplevel = pvmtoplvl;
		loaded->error = pvm_errno;
	}
	loaded = me;
	t->sending = me->sending;
	t->in_handler = me->in_handler;
	pvmtoplvl = me->toplevel;
	pvm_errno = me->error;
	pvm__view_choose(me);
}

/* The end of a thread: its buffers and tables are freed. */
static void end_thread(void *thread)
{
	struct thread *me = thread;

	pvm__lock();
	pvm__view_thread_ends(me);
	pvm__above.thread_ended();
	loaded = pvm__simple = NULL;
	pvm__unlock();
	me->number = 0; /* a call of a later destructor begins anew */
}

/* ---- processes ---------------------------------------------------------------------- */

/* It holds the lock: the other threads do not exist here. */
void pvm__fork_in_child(void)
{
	struct thread *me = &pvm__self;

	__atomic_store_n(&pvm__owner, me->number, __ATOMIC_RELAXED);
	pvm__views_become_child(me);
	pvm__mappings_after_fork(true);
	pvm__above.became_child();
	pvm__unlock();
}

void pvm__fork_before(void)
{
	pvm__lock();
	pvm__mappings_before_fork();
}

void pvm__fork_in_parent(void)
{
	pvm__mappings_after_fork(false);
	pvm__unlock();
}

/* Note the signals that the program's own code does not cause. */
static void list_signals(void)
{
	static const int of_the_code[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT,
		SIGSYS };

	sigfillset(&of_others);
	for (size_t i = 0; i < sizeof of_the_code / sizeof *of_the_code; i++)
		sigdelset(&of_others, of_the_code[i]);
}

static void prepare(void)
{
	list_signals();
	pthread_key_create(&end_key, end_thread);
	pthread_atfork(pvm__fork_before, pvm__fork_in_parent, pvm__fork_in_child);
}

/* The key's function must not be called when it is no longer in memory. */
static void __attribute__((destructor)) forget_key(void)
{
	if (numbers)
		pthread_key_delete(end_key);
}

/* The first call of a thread. */
static void begin_thread(struct thread *me)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	unsigned n;

	pthread_once(&once, prepare);
	pthread_setspecific(end_key, me);
	do
		n = __atomic_add_fetch(&numbers, 1, __ATOMIC_RELAXED) & ~WAITERS;
	while (!n);
	me->toplevel = 1;
	me->number = n;
}

/* ---- the lock ----------------------------------------------------------------------- */

/* Take the lock from whoever has it. */
static void contend(unsigned number)
{
	unsigned seen = 0;

	/* Whether others wait for it is not known: say so. */
	while (!__atomic_compare_exchange_n(&pvm__owner, &seen, number | WAITERS, false,
		__ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
		if (seen & WAITERS ||
			__atomic_compare_exchange_n(&pvm__owner, &seen, seen | WAITERS, false,
				__ATOMIC_RELAXED, __ATOMIC_RELAXED))
			pvm__futex_wait(&pvm__owner, seen | WAITERS, NO_DEADLINE);
		seen = 0;
	}
}

static void acquire(unsigned number)
{
	unsigned unowned = 0;

	if (pvm__single_threaded())
		__atomic_store_n(&pvm__owner, number, __ATOMIC_RELAXED);
	else if (!__atomic_compare_exchange_n(&pvm__owner, &unowned, number, false,
			 __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		contend(number);
}

static void release(void)
{
	if (pvm__single_threaded())
		__atomic_store_n(&pvm__owner, 0, __ATOMIC_RELAXED);
	else if (__atomic_exchange_n(&pvm__owner, 0, __ATOMIC_RELEASE) & WAITERS)
		pvm__futex_wake(&pvm__owner, 1);
}

/* ---- calls and handlers that were left by a jump ---------------------------------------- */

/* Does a signal handler with a stack of its own run? */
static bool on_signal_stack(void)
{
	stack_t s;

	return sigaltstack(NULL, &s) < 0 || s.ss_flags & SS_ONSTACK;
}

/* Are both addresses of the stack that the system gave this thread? Allocates memory. */
static bool on_own_stack(const volatile void *a, const volatile void *b)
{
	pthread_attr_t attr;
	void *bottom = NULL;
	size_t size = 0;

	if (pthread_getattr_np(pthread_self(), &attr))
		return false;
	pthread_attr_getstack(&attr, &bottom, &size);
	pthread_attr_destroy(&attr);
	return (uintptr_t)a - (uintptr_t)bottom < size && (uintptr_t)b - (uintptr_t)bottom < size;
}

/*
 * Is the frame gone that runs this thread's handler? What a handler calls is below its frame, and
 * leaves the mark alone. Calls above it come after a jump, or are of another stack.
 */
static bool __attribute__((noinline, no_sanitize("address"))) frame_is_gone(const struct thread *me)
{
	const char *here = __builtin_frame_address(0);

	if (here < (const char *)me->frame)
		return *me->frame != me->mark;
	return !on_signal_stack() && on_own_stack(here, me->frame);
}

/*
 * Has a call not returned that is over, as another one that begins is not below it? At least a
 * signal's frame is between a call and those of the handler that interrupts it.
 */
static bool is_left(volatile struct call *call, volatile struct call *now)
{
	return call != &frameless && now != &frameless &&
		(uintptr_t)now + SIGNAL_FRAME >= (uintptr_t)call && !on_signal_stack();
}

/* The same of one that waits, which shows it also if the other one is below. */
static bool __attribute__((noinline, no_sanitize("address"))) wait_is_left(
	volatile struct call *call, volatile struct call *now)
{
	return is_left(call, now) || (call->self != call && !on_signal_stack());
}

struct held pvm__unlock_for_handler(volatile uint64_t *frame)
{
	static uint64_t marks;
	struct thread *me = &pvm__self;

	marks += 0x9e3779b97f4a7c15; /* no value that a stack is likely to have */
	*frame = me->mark = marks;
	me->frame = frame;
	return pvm__unlock_all();
}

void pvm__relock_after_handler(const struct held *held)
{
	pvm__self.frame = NULL;
	pvm__relock(held);
}

/* ---- the lock in calls ------------------------------------------------------------------ */

/* The lock is to be had by this thread, which has it not, and its state in the variables. */
static void lock_first(volatile struct call *call)
{
	struct thread *me = &pvm__self;

	me->call = call;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (!me->number)
		begin_thread(me);
	if (!me->uncancellable && !pvm__single_threaded()) {
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &me->cancel_state);
		me->uncancellable = true;
	}
	acquire(me->number);
	if (loaded != me)
		switch_thread(me);
}

/* A thread's calls take another than the usual way if one is suspended, or cancellation is off. */
static void choose_way(struct thread *me)
{
	pvm__simple = me->suspended || me->uncancellable ? NULL : me;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (pvm__stop_is_due())
		pvm__simple = NULL;
}

void pvm__stop_later(void)
{
	__atomic_store_n(&pvm__stop_due, 1, __ATOMIC_RELAXED);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	pvm__simple = NULL;
}

/* The begin of a thread's outermost call. */
static void lock_outermost(struct call *call)
{
	struct thread *me = &pvm__self;

	lock_first(call);
	if (me->frame && frame_is_gone(me)) {
		me->frame = NULL;
		me->suspended = NULL;
		pvm__above.handler_left();
	} else if (!me->frame && me->suspended && wait_is_left(me->suspended, call)) {
		me->suspended = NULL;
		pvm__above.call_left();
	}
	choose_way(me);
}

/* The end of a thread's outermost call. A wait that it has interrupted is to look again. */
static void unlock_last(void)
{
	struct thread *me = &pvm__self;
	bool cancellable = me->uncancellable;
	int state = me->cancel_state;

	if (me->suspended)
		*(volatile int *)&me->polled[1].fd = INT_MAX;
	me->uncancellable = false;
	release();
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	me->call = NULL;
	if (cancellable)
		pthread_setcancelstate(state, NULL);
	if (pvm__stop_is_due())
		pvm__above.stop();
}

/* A signal handler has left this thread's call, and another one begins. */
static void abandon_call(struct call *now)
{
	struct thread *me = &pvm__self;

	me->depth = me->open = 0;
	if ((__atomic_load_n(&pvm__owner, __ATOMIC_RELAXED) & ~WAITERS) == me->number)
		release();
	lock_first(now);
	me->suspended = NULL;
	pvm__above.call_left();
	choose_way(me);
}

/* ---- signals in group calls --------------------------------------------------------------- */

static void hold_signals(void)
{
	pthread_sigmask(SIG_BLOCK, &of_others, &pvm__self.mask);
}

static void let_signals(void)
{
	pthread_sigmask(SIG_SETMASK, &pvm__self.mask, NULL);
}

void pvm__mask(void)
{
	if (!pvm__self.masked)
		hold_signals();
	pvm__self.masked = true;
}

void pvm__unmask(void)
{
	if (pvm__self.masked)
		let_signals();
	pvm__self.masked = false;
}

/* ---- begin and end of calls ----------------------------------------------------------------- */

/* Refuse a call. */
static bool refuse(void)
{
	struct thread *me = &pvm__self;
	unsigned owner = __atomic_load_n(&pvm__owner, __ATOMIC_RELAXED) & ~WAITERS;

	if (owner == me->number && loaded == me)
		pvm_errno = PvmNotImpl;
	else
		me->error = PvmNotImpl;
	return false;
}

bool pvm__call_begin_any(struct call *call)
{
	struct thread *me = &pvm__self;

	if (!me->call) {
		lock_outermost(call);
		if (!me->grouped)
			return true;
		/* A group call waits. */
		unlock_last();
		return refuse();
	}
	if (me->open == me->depth + 1)
		me->depth++;
	else if (is_left(me->call, call))
		abandon_call(call);
	else
		return refuse();
	return true;
}

void pvm__lock(void)
{
	if (pvm__self.call)
		pvm__self.depth++;
	else
		lock_outermost(&frameless);
}

void pvm__unlock_any(void)
{
	if (pvm__self.depth)
		pvm__self.depth--;
	else if (pvm__self.call)
		unlock_last();
}

struct held pvm__unlock_unheard(void)
{
	struct thread *me = &pvm__self;
	struct held held = { me->call, me->suspended, me->depth, me->open, me->masked };

	me->open = me->depth = 0;
	me->masked = false;
	if (me->call)
		me->call->self = me->call;
	me->suspended = me->suspended ? me->suspended : me->call;
	pvm__simple = NULL;
	release();
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	me->call = NULL;
	if (pvm__stop_is_due())
		pvm__above.stop();
	return held;
}

struct held pvm__unlock_all(void)
{
	struct held held = pvm__unlock_unheard();

	if (held.masked)
		let_signals();
	return held;
}

void pvm__relock(const struct held *held)
{
	if (held->masked)
		hold_signals();
	pvm__relock_unheard(held);
}

void pvm__relock_unheard(const struct held *held)
{
	struct thread *me = &pvm__self;

	lock_first(held->call);
	me->masked = held->masked;
	me->suspended = held->suspended;
	choose_way(me);
	me->depth = held->depth;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	me->open = held->open;
}
