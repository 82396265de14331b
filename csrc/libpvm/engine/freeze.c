/* SPDX-License-Identifier: MIT */
/*
 * The task stops for a move: at any instant at which no call of the library is under way, or one
 * waits without the lock. The daemon sends a signal, then TM_FREEZE as the last of the stream. The
 * signal's handler stops at once, or has the next end of a call, or begin of a wait, do it. All that
 * may run in it: it takes no lock, and allocates by mmap alone.
 *
 * The process that a restarter makes of the image comes out of the same call as the one that has
 * written it, when its daemon says TM_GO; that one, when its daemon says TM_THAW.
 */
#define _GNU_SOURCE 1
#include "engine/move.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	ORDER_MS = 5000, /* without a byte, from the signal to the order */
	HOOKS_MAX = 16,
};

int pvm__movable = 1;

static uint32_t level;                /* of the processor that the task keeps to */
static int heeded;                    /* the signal that this program has us handle; 0: none */
static volatile sig_atomic_t awaited; /* signals for which no order has come yet */
static bool stopping;                 /* the task stops */
static bool ordered;                  /* TM_FREEZE has come, */
static struct freeze freeze;          /* and said this */

/* What the task changes from one checkpoint to the next. */
static struct image_tracker tracker = { .fd = -1 };

/* Functions of the program's, in the order in which they were given. */
static struct hook {
	int when;
	int (*f)(void *);
	void *arg;
} hooks[HOOKS_MAX];
static unsigned nhooks;
static bool resumed; /* those for afterwards are to be called */

/* ---- functions of the program's --------------------------------------------------------- */

int pvm__hook_add(int when, int (*f)(void *), void *arg)
{
	if (nhooks == HOOKS_MAX)
		return PvmOutOfRes;
	hooks[nhooks++] = (struct hook){ when, f, arg };
	return 0;
}

static bool has_hook(int when)
{
	for (unsigned i = 0; i < nhooks; i++)
		if (hooks[i].when == when)
			return true;
	return false;
}

/* Call them; the first result that is not 0 ends that. */
static int call_hooks(int when)
{
	int code = 0;

	for (unsigned i = 0; i < nhooks && code == 0; i++)
		if (hooks[i].when == when)
			code = hooks[i].f(hooks[i].arg);
	return code;
}

/* ---- may it be? -------------------------------------------------------------------------- */

/* Has the process one thread? It may have had more, which the C library need not tell. */
static bool is_single(void)
{
	enum { OTHER_LINKS = 2 };
	struct stat st;

	return pvm__single_threaded() ||
		(stat("/proc/self/task", &st) == 0 && st.st_nlink == OTHER_LINKS + 1);
}

/* Is the task connected, and nothing half done on the stream to the daemon? */
static bool is_ready(void)
{
	const struct task *t = &pvm__task;

	return pvmmytid != -1 && t->daemon && !t->daemon->lost && !t->engine.enroller &&
		!t->daemon->writer && !pvm__routes_written();
}

/* Descriptors that the library makes again, or closes. */
static size_t list_own(int *fds)
{
	size_t n = pvm__share_own(fds), kept = 0;

	pvm__watch_descriptors(fds + n);
	pvm__stand_in_descriptors(pvm__task.daemon->stand_in, fds + n + 2);
	n += 4;
	fds[n++] = pvm__task.daemon->way.source.fd;
	fds[n++] = pvm__image_tracks(&tracker) ? tracker.fd : -1;
	for (size_t i = 0; i < n; i++)
		if (fds[i] >= 0)
			fds[kept++] = fds[i];
	return kept;
}

/* What the library itself has against it. */
static struct objection own_objection(void)
{
	struct image_report report = { .reason = WHY_THREADS };

	if (!pvm__movable)
		return pvm__objection(PvmNotMovable, WIRE_WHY_OFF);
	if (!is_single())
		return pvm__image_objection(&report);
	return (struct objection){ 0 };
}

/* ---- the image ---------------------------------------------------------------------------- */

/* An image that is about to be made. */
struct departure {
	struct image_order order;
	struct image_extra extra;
	struct image_pvm pvm;
	int own[SHARE_DESCRIPTORS + 7];
};

static void prepare(struct departure *d)
{
	d->pvm = (struct image_pvm){ pvm__task.daemon->way.source.fd, freeze.epoch };
	d->extra = (struct image_extra){ IMAGE_PVM, &d->pvm, sizeof d->pvm };
	d->order = (struct image_order){
		.fd = -1,
		.how = IMAGE_CHECK,
		.own = d->own,
		.owned = list_own(d->own),
		.tid = pvmmytid,
		.epoch = freeze.epoch,
		.level = level,
		.extra = &d->extra,
		.extras = 1,
	};
}

/* The image goes to a new file; a child writes it, and says so on what was connected. */
static struct objection divert(struct departure *d)
{
	int fd = pvm__off_stdio(open(freeze.file,
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));

	if (fd < 0) {
		close(d->order.fd);
		return pvm__objection(PvmBusy, WIRE_WHY_FILE);
	}
	d->order.outcome = d->own[d->order.owned++] = d->order.fd;
	d->order.fd = fd;
	d->order.how = IMAGE_SNAPSHOT | IMAGE_ORPHAN | IMAGE_TOLD;
	d->order.tracker = freeze.noted ? &tracker : NULL;
	d->order.base = freeze.base;
	return (struct objection){ 0 };
}

/* Leave all ways, see whether the process can be imaged, and connect to who takes the image. */
static struct objection depart(struct departure *d)
{
	struct objection o = own_objection();
	struct image_report report;

	if (!o.code)
		o = pvm__routes_leave(freeze.epoch);
	if (o.code)
		return o;
	pvm__share_withdraw();
	prepare(d);
	if (!freeze.file[0] && pvm__image_save(&d->order, &report) < 0)
		return pvm__image_objection(&report);
	d->order.how = 0;
	d->order.fd = pvm__journey_open(&freeze);
	if (d->order.fd < 0)
		return pvm__objection(PvmBusy, WIRE_WHY_CONNECT);
	return freeze.file[0] ? divert(d) : o;
}

/* ---- afterwards --------------------------------------------------------------------------- */

/* What has come must be looked at, though the socket may have nothing: also by a wait that goes on. */
static void go_on(void)
{
	struct stream *s = pvm__task.daemon;

	s->more = true;
	pvm__way_list(&s->way);
	if (pvm__self.suspended)
		*(volatile int *)&pvm__self.polled[1].fd = INT_MAX;
}

/* Wait until the daemon gives the move up. If it ends instead, the task runs elsewhere, perhaps. */
static void await_thaw(bool written)
{
	struct stream *s = pvm__task.daemon;
	struct move_order order;
	int found;

	do
		found = pvm__stash_until(s, TM_THAW, TM_LEAVE, &order, -1);
	while (found > 0 && !(order.tag == TM_THAW && pvm__order_first(&order) == freeze.epoch));
	if (found < 0 && written)
		_exit(1);
}

/* This is the restarted process: it has another daemon, and is to run when that says so. */
static void arrive(int64_t before)
{
	struct stream *s = pvm__task.daemon;
	struct move_order order;

	pvm__clock_ahead = before - (pvm__now() - pvm__clock_ahead);
	pvm__image_untrack(&tracker, true);
	pvm__share_uproot();
	if (!pvm__watch_renew() || !pvm__stand_in_renew(s->stand_in, s->way.source.fd) ||
		pvm__stash_until(s, TM_GO, 0, &order, -1) < 0 || !pvm__settings_take(&order) ||
		!pvm__routes_renew())
		_exit(1);
}

/* Write the image, or have a child do it: what that returns. With 1 this is the restarted process. */
static int make_image(const struct departure *d, struct image_report *report)
{
	int64_t now = pvm__now();
	int code = pvm__image_save(&d->order, report);

	if (code > 0) {
		pvm__image_forget(report);
		arrive(now);
	} else {
		close(d->order.fd);
	}
	return code;
}

/* The image is written, and the process waits; or it is the restarted one. */
static void leave(const struct departure *d)
{
	struct image_report report;
	int code = make_image(d, &report);

	if (code > 0)
		return;
	await_thaw(code == 0);
	pvm__routes_renew();
}

/* Have a child write the image to the file. True: this is the restarted process. */
static bool snapshot(const struct departure *d, struct objection *o)
{
	struct image_report report;
	int code = make_image(d, &report);

	if (code > 0)
		return true;
	close(d->order.outcome);
	if (code < 0)
		*o = pvm__image_objection(&report);
	return false;
}

/* ---- stopping ------------------------------------------------------------------------------ */

/* Note an order. */
static void note_order(const struct move_order *order)
{
	awaited--;
	if (order->tag == TM_LEAVE)
		pvm__route_told(pvm__order_first(order));
	else
		ordered = pvm__freeze_read(order, &freeze);
}

/* Take an order that has come, or, if a signal has said so, comes soon. False: there is none. */
static bool take_order(void)
{
	struct move_order order;
	int ms = awaited > 0 ? ORDER_MS : 0;

	if (pvm__stash_until(pvm__task.daemon, TM_FREEZE, TM_LEAVE, &order, ms) > 0) {
		note_order(&order);
		return true;
	}
	if (awaited > 0)
		awaited = 0;
	return false;
}

/* Leave routes to tasks that move; is this task itself to stop? */
static bool find_order(void)
{
	bool more;

	do {
		more = !ordered && take_order();
		pvm__routes_heed();
	} while (more && !ordered && awaited > 0);
	return ordered;
}

/*
 * Forget signals that wait: what they were for is done, or will be. From TM_FROZEN on they may be for
 * another order.
 */
static void forget_signals(void)
{
	const struct timespec none = { 0, 0 };
	sigset_t set;

	awaited = 0;
	sigemptyset(&set);
	if (heeded && sigaddset(&set, heeded) == 0)
		while (sigtimedwait(&set, NULL, &none) > 0) {}
}

/* Say whether the task has stopped; then wait, or write the image and wait. */
static void report(const struct departure *d, const struct objection *o)
{
	if (!pvm__frozen_write(pvm__task.daemon->way.source.fd, freeze.epoch, o) || o->code) {
		pvm__routes_renew();
	} else if (d->order.how) {
		await_thaw(false);
		pvm__routes_renew();
	} else {
		leave(d);
	}
}

/* Do what the order says; all signals wait. `no`: the program's own objection, or NULL. */
static void obey(const struct objection *no)
{
	static struct departure d;
	struct objection o = no ? *no : depart(&d);
	bool to_file = freeze.file[0];

	ordered = false;
	forget_signals();
	if (o.code || !to_file || !snapshot(&d, &o))
		report(&d, &o);
	resumed = !o.code || has_hook(PvmBeforeImage);
}

/* Must the task wait for a call to end or wait, since this is a signal handler? */
static bool must_wait(void)
{
	return (pvm__movable == 2 && !pvm__self.suspended) || has_hook(PvmBeforeImage);
}

/* Stop in a signal handler, outside calls, or in one that waits. */
static void stop_in_handler(void)
{
	bool found = find_order();

	if (found && must_wait())
		pvm__stop_later();
	else if (found)
		obey(NULL);
	go_on();
	resumed = resumed && has_hook(PvmAfterResume);
	if (resumed)
		pvm__stop_later();
}

/* The same in the thread's usual way, where functions of the program's can be called. */
static void stop_in_call(void)
{
	struct objection no = pvm__objection(PvmBusy, WIRE_WHY_CALLBACK);
	bool refused;
	sigset_t all, before;

	if (!find_order()) {
		go_on();
		return;
	}
	refused = call_hooks(PvmBeforeImage) != 0;
	if (!is_ready())
		return;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	obey(refused ? &no : NULL);
	go_on();
	/* A signal that waits is for another order. */
	stopping = false;
	sigprocmask(SIG_SETMASK, &before, NULL);
}

/* With several threads nobody but the holder of the lock may write. */
static void refuse_with_lock(void)
{
	struct image_report report = { .reason = WHY_THREADS };
	struct objection o = pvm__image_objection(&report);

	LOCK_SCOPE(lock);
	if (!pvm__routes_written())
		pvm__routes_heed();
	if (!ordered)
		return;
	ordered = false;
	pvm__post(pvm__compose("iiis", freeze.epoch, o.code, o.reason, o.text), TM_FROZEN,
		SYSCTX_TM, (int)TIDPVMD);
}

void pvm__freeze_now(void)
{
	int error = errno;

	__atomic_store_n(&pvm__stop_due, 0, __ATOMIC_RELAXED);
	if (stopping)
		return;
	if (!is_single()) {
		refuse_with_lock();
	} else if (!is_ready()) {
		if (pvm__task.daemon && pvm__task.daemon->writer)
			pvm__stop_later();
	} else {
		stopping = true;
		if (!resumed)
			stop_in_call();
		if (resumed) {
			resumed = false;
			call_hooks(PvmAfterResume);
		}
		stopping = false;
	}
	errno = error;
}

/* The signal, in a process that can stop. */
static void take_signal(void)
{
	awaited++;
	if (pvm__self.call || !is_ready() || pvm__stop_is_due()) {
		pvm__stop_later();
		return;
	}
	stopping = true;
	stop_in_handler();
	stopping = false;
}

static void on_signal(int number)
{
	int error = errno;

	(void)number;
	if (pvmmytid != -1 && !stopping && is_single())
		take_signal();
	errno = error;
}

bool pvm__freeze_heard(struct message *m)
{
	struct move_order order;
	int n = pvm__bytes_left(m) < sizeof order.body ? (int)pvm__bytes_left(m) : 0;
	bool is_order = m->tag == TM_FREEZE || m->tag == TM_LEAVE;

	if (is_order && n && pvm__get_bytes(m, order.body, n) == 0) {
		order.tag = m->tag;
		order.length = (size_t)n;
		note_order(&order);
		pvm__stop_later();
	}
	return is_order || m->tag == TM_THAW || m->tag == TM_GO;
}

void pvm__freeze_forget(void)
{
	pvm__task.place = 0;
	pvm__image_untrack(&tracker, false);
	awaited = 0;
	ordered = resumed = false;
	__atomic_store_n(&pvm__stop_due, 0, __ATOMIC_RELAXED);
}

/* ---- enrolment ----------------------------------------------------------------------------- */

/* The signal that the environment wants. */
static int wanted_signal(void)
{
	const char *text = getenv("PVM_MOVE_SIGNAL");
	char *end;
	long n = text ? strtol(text, &end, 10) : WIRE_MOVE_SIGNAL;

	return text && (end == text || *end || n < 0 || n > SIGRTMAX) ? WIRE_MOVE_SIGNAL : (int)n;
}

/*
 * The level of x86-64 that PVM_CPU_LEVEL names, to which the C library keeps as well; 0: none. A task
 * that was not started so uses what it has found.
 */
static uint32_t wanted_level(void)
{
	static const char beginning[] = "x86-64-v";
	const char *text = getenv("PVM_CPU_LEVEL"), *tunables = getenv("GLIBC_TUNABLES");
	size_t length = sizeof beginning - 1;

	if (!text || !tunables || !strstr(tunables, "glibc.cpu.hwcaps=") ||
		strncmp(text, beginning, length) || text[length] < '1' || text[length] > '4' ||
		text[length + 1])
		return 0;
	return (uint32_t)(text[length] - '0');
}

/* Have the signal handled, unless the program sees to it. The signal, or 0. */
static int heed(int number)
{
	struct sigaction mine = { .sa_handler = on_signal, .sa_flags = SA_RESTART }, theirs;

	if (!number || sigaction(number, NULL, &theirs) < 0)
		return 0;
	if (!(theirs.sa_flags & SA_SIGINFO) && theirs.sa_handler == on_signal)
		return number;
	if (theirs.sa_flags & SA_SIGINFO || theirs.sa_handler != SIG_DFL)
		return 0;
	sigfillset(&mine.sa_mask);
	return sigaction(number, &mine, NULL) == 0 ? number : 0;
}

int pvm__freeze_image(void)
{
#ifdef IMAGE_POSSIBLE
	const char *text = getenv("PVM_MIST");

	return text && !strcmp(text, "0") ? WIRE_IMAGE_NONE : IMAGE_VERSION;
#else
	return WIRE_IMAGE_NONE;
#endif
}

int pvm__freeze_signal(void)
{
	level = wanted_level();
	heeded = pvm__freeze_image() == WIRE_IMAGE_NONE ? 0 : heed(wanted_signal());
	return heeded;
}
