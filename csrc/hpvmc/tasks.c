/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include "arena.h"
#include "hpvm.h"
#include "libhpvm/convert.h"
#include "libhpvm/post.h"
#include "libhpvm/types.h"
#include "tasks.h"
#include "wait.h"

enum { REPORT_BYTES = 1 << 20, REPORT_TASKS = 1024 };

/* Slots are used in turn: all tasks are in those from `oldest` on, `count` of them, of which some
 * are free again. */
static struct {
	uint32_t oldest, count;
} used;

static int argtype;

void tasks_begin(int type)
{
	argtype = type;
}

static uint32_t slot_after(uint32_t i)
{
	return i + 1 == arena.n_slots ? 0 : i + 1;
}

void tasks_end(void)
{
	for (uint32_t i = 0; i < arena.n_slots; i++)
		atomic_store(&arena.words[i], SLOT_FREE);
	atomic_store(&arena.board->hint, 0);
	used.oldest = used.count = 0;
}

/* ---- in ---- */

/* The next free slot, or -1. If the oldest task keeps the turn from closing, its place is taken by
 * one in between that is free. */
static int64_t free_slot(void)
{
	uint32_t at = used.oldest;

	while (used.count && atomic_load(&arena.words[used.oldest]) == SLOT_FREE) {
		used.oldest = slot_after(used.oldest);
		used.count--;
	}
	if (used.count < arena.n_slots) {
		at = (used.oldest + used.count) % arena.n_slots;
		used.count++;
		return at;
	}
	for (uint32_t i = 0; i < arena.n_slots; i++, at = slot_after(at))
		if (atomic_load(&arena.words[at]) == SLOT_FREE)
			return at;
	return -1;
}

/* The task has failed before it began: what the slot says, as if a runner had left it. */
static void fail_early(struct slot *s, int code, const char *why)
{
	s->code = code;
	s->merges = 0;
	s->runner = 0;
	snprintf(s->text, sizeof s->text, "%s", why);
}

/* Arguments of a parent with other numbers. False if the message is bad; *good is whether all of
 * them fit here. */
static bool take_arguments(struct slot *s, unsigned char *to, uint32_t bytes, bool *good)
{
	static unsigned char block[HPVM_BLOCK];
	uint32_t there = (uint32_t)hpvm__size_in(argtype, arena.parent_format);
	uint32_t here = (uint32_t)hpvm__type_size(argtype), count = there ? bytes / there : 0;
	long long misfit;
	char why[HPVM_TEXT];
	size_t done;

	if (!hpvm__take(block, bytes))
		return false;
	*good = false;
	s->bytes = count * here;
	if (!count || bytes % there || s->bytes > HPVM_BLOCK) {
		snprintf(why, sizeof why, "its block of %u bytes is none of items of %u", bytes,
			there);
		fail_early(s, HPVM_BADARG, why);
		return true;
	}
	done = hpvm__convert(to, hpvm__format(), block, arena.parent_format, count, argtype,
		&misfit);
	*good = done == count;
	if (!*good) {
		snprintf(why, sizeof why, "argument %lu: %lld does not fit into a %s of host %.50s",
			(unsigned long)done, misfit, hpvm__type_name(argtype), arena.host);
		fail_early(s, HPVM_OVERFLOW, why);
	}
	return true;
}

static bool take_block(struct slot *s, unsigned char *to, bool *good)
{
	*good = true;
	if (arena.parent_format == hpvm__format() || !s->bytes)
		return hpvm__take(to, s->bytes);
	return take_arguments(s, to, s->bytes, good);
}

static bool fill(const struct msg_task *m)
{
	uint32_t bytes = from_be32(m->bytes);
	int64_t number = bytes <= HPVM_BLOCK ? free_slot() : -1;
	struct slot *s = &arena.slots[number < 0 ? 0 : number];
	bool good;

	if (number < 0)
		return false;
	s->task = from_be64(m->task);
	s->attempt = from_be32(m->attempt);
	s->ticket = from_be32(m->ticket);
	s->has_block = from_be32(m->block);
	s->bytes = bytes;
	if (!take_block(s, arena_block((uint32_t)number), &good))
		return false;
	if (!good)
		atomic_fetch_add(&arena.runners[0].finished, 1);
	atomic_store(&arena.words[number], good ? SLOT_QUEUED : SLOT_DONE);
	return true;
}

bool tasks_take(void)
{
	struct msg_task m;

	while (hpvm__left())
		if (!hpvm__take(&m, sizeof m) || !fill(&m))
			return false;
	atomic_fetch_add(&arena.board->bell, 1);
	wake_all(&arena.board->bell);
	return true;
}

/* ---- out ---- */

static uint64_t padded(uint64_t bytes)
{
	return (bytes + 7) / 8 * 8;
}

static const unsigned char *merges_of(const struct slot *s)
{
	return arena_log(s->runner) + s->log;
}

static void add_range(const struct logged *l)
{
	struct merge_range r = { to_be32(l->share), to_be64(l->start), to_be64(l->bytes) };

	hpvm__add(&r, sizeof r);
}

/* Merges that are too large for the report go ahead of it, in pieces. */
static void send_merge(int parent, const struct slot *s, const struct logged *l)
{
	const unsigned char *content = (const void *)(l + 1);
	struct msg_merge m = { to_be64(s->task), to_be32(s->attempt), to_be32(s->ticket) };

	for (uint64_t at = 0; at < l->bytes; at += HPVM_PIECE) {
		struct logged part = *l;

		part.start += at;
		part.bytes = l->bytes - at < HPVM_PIECE ? l->bytes - at : HPVM_PIECE;
		hpvm__begin();
		hpvm__add(&m, sizeof m);
		add_range(&part);
		hpvm__lay(content + at, part.bytes);
		hpvm__send(parent, MSG_MERGE);
	}
}

static const struct logged *next_merge(const struct logged *l)
{
	return (const void *)((const unsigned char *)(l + 1) + padded(l->bytes));
}

static bool is_large(const struct slot *s)
{
	return s->log_end - s->log > HPVM_INLINE;
}

static void add_done(const struct slot *s)
{
	const struct logged *l = (const void *)merges_of(s);
	struct msg_done m = {
		.task = to_be64(s->task),
		.attempt = to_be32(s->attempt),
		.ticket = to_be32(s->ticket),
		.microseconds = to_be32(s->microseconds),
		.merges = to_be32(is_large(s) ? 0 : s->merges),
	};

	hpvm__add(&m, sizeof m);
	for (uint32_t i = 0; i < s->merges && !is_large(s); i++, l = next_merge(l)) {
		add_range(l);
		hpvm__lay(l + 1, l->bytes);
	}
}

static void send_failed(int parent, const struct slot *s, enum hpvm_cause cause, const char *why)
{
	struct msg_failed m = {
		.task = to_be64(s->task),
		.attempt = to_be32(s->attempt),
		.ticket = to_be32(s->ticket),
		.cause = to_be32(cause),
		.code = to_be32((uint32_t)s->code),
	};

	snprintf(m.text, sizeof m.text, "%s", why);
	hpvm__post(parent, MSG_FAILED, &m, sizeof m, NULL, 0);
}

/* The slot is free; what it had in its runner's log is not needed any more. */
static void release(uint32_t number)
{
	struct slot *s = &arena.slots[number];
	struct runner_state *r = &arena.runners[s->runner];

	if (s->bytes > 64 * 1024)
		arena_release(arena.blocks + (uint64_t)number * HPVM_BLOCK, s->bytes);
	atomic_fetch_add(&r->sent, 1);
	if (atomic_load(&r->sent) == atomic_load(&r->finished))
		wake_all(&r->sent);
	atomic_store(&arena.words[number], SLOT_FREE);
}

static void send_ahead(int parent, const struct slot *s)
{
	const struct logged *l = (const void *)merges_of(s);

	for (uint32_t i = 0; i < s->merges; i++, l = next_merge(l))
		send_merge(parent, s, l);
}

/* Slots of tasks that are done, from the place *at of the turn on; how many, `room` at most. */
static int find_done(uint32_t *at, uint32_t *numbers, int room)
{
	int count = 0;

	for (; *at < used.count && count < room; ++*at) {
		uint32_t number = (used.oldest + *at) % arena.n_slots;

		if (atomic_load(&arena.words[number]) == SLOT_DONE)
			numbers[count++] = number;
	}
	return count;
}

/* Report good tasks of the list, in messages of a moderate size. */
static void report_good(int parent, const uint32_t *numbers, int count)
{
	bool begun = false;

	for (int i = 0; i < count; i++) {
		const struct slot *s = &arena.slots[numbers[i]];

		if (s->code != HPVM_OK)
			continue;
		if (!begun)
			hpvm__begin();
		begun = true;
		add_done(s);
		if (hpvm__length() >= REPORT_BYTES) {
			hpvm__send(parent, MSG_DONE);
			begun = false;
		}
	}
	if (begun)
		hpvm__send(parent, MSG_DONE);
}

bool tasks_report(int parent)
{
	uint32_t numbers[REPORT_TASKS], at = 0;
	bool any = false;
	int count;

	while ((count = find_done(&at, numbers, REPORT_TASKS)) > 0) {
		any = true;
		for (int i = 0; i < count; i++) {
			const struct slot *s = &arena.slots[numbers[i]];

			if (s->code != HPVM_OK)
				send_failed(parent, s, CAUSE_RETURNED, s->text);
			else if (is_large(s))
				send_ahead(parent, s);
		}
		report_good(parent, numbers, count);
		for (int i = 0; i < count; i++)
			release(numbers[i]);
	}
	return any;
}

bool tasks_crashed(int parent, pid_t pid, const char *why)
{
	uint32_t word = (uint32_t)pid << RUNNING_BITS | SLOT_RUNNING;

	for (uint32_t i = 0; i < used.count; i++) {
		uint32_t number = (used.oldest + i) % arena.n_slots;

		if (atomic_load(&arena.words[number]) != word)
			continue;
		arena.slots[number].code = HPVM_FAILED;
		send_failed(parent, &arena.slots[number], CAUSE_CRASHED, why);
		atomic_store(&arena.words[number], SLOT_FREE);
		return true;
	}
	return false;
}
