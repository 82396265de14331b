/* SPDX-License-Identifier: MIT */
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
#include "arena.h"
#include "hpvm.h"
#include "libhpvm/error.h"
#include "libhpvm/messages.h"
#include "runner.h"
#include "wait.h"

enum { RESERVE = 1 << 20, KEPT = 64 << 20 };

typedef int kernel(long id, long size, void *args);

static struct {
	uint32_t number, task;
	kernel *run;
	pid_t pid, client;
	/* The log: where it ends, where the task at work began it, and how much has memory. */
	uint64_t end, begin, reserved;
	uint32_t merges;
} me;

uint32_t runner_task(void)
{
	return me.task;
}

/* ---- the log ---- */

static struct runner_state *state(void)
{
	return &arena.runners[me.number];
}

/* Have all earlier tasks sent: the task at work then begins the log. */
static void make_room(void)
{
	unsigned char *log = arena_log(me.number);
	uint32_t sent;

	while ((sent = atomic_load(&state()->sent)) != atomic_load(&state()->finished)) {
		ask_client();
		wait_change(&state()->sent, sent);
	}
	memmove(log, log + me.begin, me.end - me.begin);
	me.end -= me.begin;
	me.begin = 0;
}

/* Memory behind the log up to `end`; false if there is none. */
static bool have_memory(uint64_t end)
{
	uint64_t more = (end - me.reserved + RESERVE - 1) / RESERVE * RESERVE;
	uint64_t base = arena.logs + me.number * arena.log_bytes;

	if (end <= me.reserved)
		return true;
	if (more > arena.log_bytes - me.reserved)
		more = arena.log_bytes - me.reserved;
	if (!arena_reserve(base + me.reserved, more))
		return false;
	me.reserved += more;
	return true;
}

void *log_room(uint64_t bytes)
{
	if (bytes > arena.log_bytes || me.merges == HPVM_TASK_MERGES)
		return NULL;
	if (me.end + bytes > arena.log_bytes)
		make_room();
	if (me.end + bytes > arena.log_bytes || !have_memory(me.end + bytes))
		return NULL;
	return arena_log(me.number) + me.end;
}

void log_grow(uint64_t bytes)
{
	me.end += bytes;
	me.merges++;
}

/* A task begins: in an empty log if all of it has been sent. */
static void begin_log(void)
{
	if (atomic_load(&state()->sent) == atomic_load(&state()->finished)) {
		if (me.reserved > KEPT) {
			arena_release(arena.logs + me.number * arena.log_bytes + KEPT,
				me.reserved - KEPT);
			me.reserved = KEPT;
		}
		me.end = 0;
	}
	me.begin = me.end;
	me.merges = 0;
}

/* ---- tasks ---- */

/* A task that is this runner's now; -1 if none is queued. */
static int64_t claim(void)
{
	uint32_t at = atomic_load(&arena.board->hint) % arena.n_slots;
	uint32_t mine = (uint32_t)me.pid << RUNNING_BITS | SLOT_RUNNING;

	for (uint32_t i = 0; i < arena.n_slots; i++) {
		uint32_t word = SLOT_QUEUED;
		uint32_t next = at + 1 == arena.n_slots ? 0 : at + 1;

		if (atomic_load(&arena.words[at]) == SLOT_QUEUED &&
			atomic_compare_exchange_strong(&arena.words[at], &word, mine)) {
			atomic_store(&arena.board->hint, next);
			return at;
		}
		at = next;
	}
	return -1;
}

/* The code of a task whose kernel has returned, and in `text` the reason of a bad one. */
static int judge(int returned, char *text, size_t room)
{
	if (hpvm__watched() != HPVM_OK) {
		snprintf(text, room, "%s", hpvm_error());
		return hpvm__watched();
	}
	if (returned != HPVM_OK)
		snprintf(text, room, "kernel_main returned %d", returned);
	return returned;
}

static void run(uint32_t number)
{
	struct slot *s = &arena.slots[number];
	uint64_t start = now_us(), spent;
	int returned;

	me.task++;
	begin_log();
	hpvm__watch();
	returned = me.run((long)s->task, (long)s->bytes, s->has_block ? arena_block(number) : NULL);
	fflush(stdout);
	s->code = judge(returned, s->text, sizeof s->text);
	if (s->code != HPVM_OK)
		me.end = me.begin;
	spent = now_us() - start;
	s->microseconds = spent < UINT32_MAX ? (uint32_t)spent : UINT32_MAX;
	s->runner = me.number;
	s->merges = s->code == HPVM_OK ? me.merges : 0;
	s->log = me.begin;
	s->log_end = me.end;
	atomic_fetch_add(&state()->finished, 1);
	atomic_store(&arena.words[number], SLOT_DONE);
	wake_client();
}

static void serve(void)
{
	for (;;) {
		uint32_t rung = atomic_load(&arena.board->bell);
		int64_t number = claim();

		if (number >= 0)
			run((uint32_t)number);
		else
			wait_change(&arena.board->bell, rung);
		if (number < 0 && getppid() != me.client)
			_exit(0);
	}
}

/* ---- its life ---- */

static void report(uint32_t word, const char *text)
{
	snprintf(state()->text, sizeof state()->text, "%s", text);
	atomic_store(&state()->state, word);
	wake_client();
}

static void load(int file)
{
	char path[64];
	void *library;

	snprintf(path, sizeof path, "/proc/self/fd/%d", file);
	library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	*(void **)&me.run = library ? dlsym(library, "kernel_main") : NULL;
	if (!me.run) {
		const char *why = dlerror();

		report(RUNNER_REFUSED, why ? why : "it has no kernel_main");
		_exit(1);
	}
	report(RUNNER_LOADED, "");
}

void runner_main(uint32_t number, int file)
{
	me.number = number;
	me.pid = getpid();
	me.client = getppid();
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	load(file);
	serve();
	_exit(0);
}
