/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "arena.h"
#include "copies.h"
#include "hpvm.h"
#include "libhpvm/convert.h"
#include "libhpvm/post.h"
#include "libhpvm/types.h"
#include "wait.h"

/* A copy that is on its way: its bytes in the parent, what was asked for, and what has come. */
struct download {
	uint64_t bytes, asked, come;
};

static struct {
	struct download downloads[HPVM_SHARES];
	uint32_t spawn, copies, seen;
	uint64_t used, allowed;
	int parent;
} here;

/* How much memory copies may take: half of what the host has, or HPVM_MEMORY. */
static uint64_t allowed(void)
{
	const char *text = getenv("HPVM_MEMORY");
	long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);

	if (text && *text)
		return strtoull(text, NULL, 10);
	return pages > 0 ? (uint64_t)pages * (uint64_t)page / 2 : UINT64_MAX;
}

void copies_begin(uint32_t spawn)
{
	here.spawn = spawn;
	here.allowed = allowed();
}

void copies_end(void)
{
	uint32_t count = atomic_load(&arena.board->n_shares);

	for (uint32_t i = 0; i < count; i++)
		atomic_store(&arena.shares[i].state, COPY_ABSENT);
	atomic_store(&arena.board->n_shares, 0);
	arena_release(arena.copies, here.used);
	here.used = 0;
	memset(here.downloads, 0, count * sizeof *here.downloads);
}

bool copies_learn(void)
{
	while (hpvm__left()) {
		uint32_t number = atomic_load(&arena.board->n_shares);
		struct copy *c = &arena.shares[number];
		struct msg_share m;
		uint32_t length;
		int size;

		if (!hpvm__take(&m, sizeof m))
			return false;
		length = from_be32(m.name_bytes);
		if (number >= HPVM_SHARES || from_be32(m.id) != number || length >= HPVM_NAME ||
			!hpvm__take(c->name, length))
			return false;
		c->name[length] = 0;
		c->type = (int)from_be32(m.type);
		c->flags = (int)from_be32(m.flags);
		size = hpvm__size_in(c->type, arena.parent_format);
		if (!size)
			return false;
		c->items = from_be64(m.bytes) / (unsigned)size;
		atomic_store(&arena.board->n_shares, number + 1);
	}
	return true;
}

static void settle(struct copy *c, uint32_t state)
{
	atomic_store(&c->state, state);
	wake_all(&c->state);
}

/* Bytes of the share on this host. */
static uint64_t bytes_here(const struct copy *c)
{
	return c->items * (unsigned)hpvm__type_size(c->type);
}

static void refuse(struct copy *c, const char *what, uint64_t bytes)
{
	c->code = HPVM_NOMEM;
	snprintf(c->text, sizeof c->text, "share \"%.100s\" needs %llu bytes, %s (%llu)", c->name,
		(unsigned long long)bytes_here(c), what, (unsigned long long)bytes);
	settle(c, COPY_REFUSED);
}

static void refuse_untyped(struct copy *c)
{
	c->code = HPVM_TYPE;
	snprintf(c->text, sizeof c->text,
		"share \"%.100s\" has no type, and numbers of this host are not the parent's",
		c->name);
	settle(c, COPY_REFUSED);
}

static void refuse_misfit(struct copy *c, uint64_t item, long long value)
{
	c->code = HPVM_OVERFLOW;
	snprintf(c->text, sizeof c->text,
		"share \"%.100s\", item %llu: %lld does not fit into a %s of host %.50s", c->name,
		(unsigned long long)item, value, hpvm__type_name(c->type), arena.host);
	settle(c, COPY_REFUSED);
}

/* Ask for pieces until as many are on their way as may be. */
static void ask(uint32_t share)
{
	struct copy *c = &arena.shares[share];
	struct download *d = &here.downloads[share];

	while (d->asked < d->bytes && d->asked < d->come + (uint64_t)HPVM_PIECES * HPVM_PIECE) {
		uint64_t left = d->bytes - d->asked;
		uint32_t bytes = left < HPVM_PIECE ? (uint32_t)left : HPVM_PIECE;
		struct msg_piece m = {
			.spawn = to_be32(here.spawn),
			.id = to_be32(share),
			.copy = to_be32(atomic_load(&c->number)),
			.start = to_be64(d->asked),
			.bytes = to_be32(bytes),
		};

		hpvm__post(here.parent, MSG_GET, &m, sizeof m, NULL, 0);
		d->asked += bytes;
	}
}

static void start_download(uint32_t share)
{
	struct copy *c = &arena.shares[share];
	uint64_t room = (bytes_here(c) + 4095) / 4096 * 4096;

	if (c->type == HPVM_UNTYPED && arena.parent_format != hpvm__format()) {
		refuse_untyped(c);
		return;
	}
	if (here.used + room > here.allowed) {
		refuse(c, "and not so many are allowed", here.allowed - here.used);
		return;
	}
	if (here.used + room > arena.copies_bytes) {
		refuse(c, "and there are not so many addresses", arena.copies_bytes - here.used);
		return;
	}
	if (!arena_reserve(arena.copies + here.used, room)) {
		refuse(c, "and the host has no more memory", 0);
		return;
	}
	atomic_store(&c->number, ++here.copies);
	c->place = arena.copies + here.used;
	here.downloads[share] = (struct download){
		.bytes = c->items * (unsigned)hpvm__size_in(c->type, arena.parent_format),
	};
	here.used += room;
	if (!c->items) {
		settle(c, COPY_HERE);
		return;
	}
	atomic_store(&c->state, COPY_COMING);
	ask(share);
}

void copies_fetch(int parent)
{
	uint32_t asked = atomic_load(&arena.board->asked);
	uint32_t count = atomic_load(&arena.board->n_shares);

	if (asked == here.seen)
		return;
	here.seen = asked;
	here.parent = parent;
	for (uint32_t i = 0; i < count; i++)
		if (atomic_load(&arena.shares[i].state) == COPY_WANTED)
			start_download(i);
}

/* The bytes of a piece, which has whole items, to their place in the copy. False if the message is
 * bad; the copy is refused if something does not fit. */
static bool take_items(struct copy *c, uint64_t start, uint32_t bytes)
{
	static unsigned char piece[HPVM_PIECE];
	size_t there = (size_t)hpvm__size_in(c->type, arena.parent_format), count = bytes / there;
	uint64_t first = start / there;
	unsigned char *place = arena.base + c->place + first * (unsigned)hpvm__type_size(c->type);
	long long misfit;
	size_t good;

	if (arena.parent_format == hpvm__format())
		return hpvm__take(place, bytes);
	if (bytes > sizeof piece || !hpvm__take(piece, bytes))
		return false;
	good = hpvm__convert(place, hpvm__format(), piece, arena.parent_format, count, c->type,
		&misfit);
	if (good < count)
		refuse_misfit(c, first + good, misfit);
	return true;
}

bool copies_take_piece(void)
{
	struct msg_piece m;
	struct download *d;
	struct copy *c;
	uint32_t share, bytes;

	if (!hpvm__take(&m, sizeof m))
		return false;
	share = from_be32(m.id);
	bytes = from_be32(m.bytes);
	if (from_be32(m.spawn) != here.spawn || share >= atomic_load(&arena.board->n_shares))
		return true;
	d = &here.downloads[share];
	c = &arena.shares[share];
	if (from_be32(m.copy) != atomic_load(&c->number))
		return true;
	if (from_be64(m.start) != d->come || bytes > d->asked - d->come)
		return false;
	if (!from_be32(m.zero) && !take_items(c, d->come, bytes))
		return false;
	d->come += bytes;
	if (atomic_load(&c->state) == COPY_REFUSED)
		return true;
	if (d->come == d->bytes)
		settle(c, COPY_HERE);
	else
		ask(share);
	return true;
}

void copies_retire(void)
{
	uint32_t count = atomic_load(&arena.board->n_shares);

	for (uint32_t i = 0; i < count; i++) {
		uint32_t state = COPY_HERE;

		atomic_compare_exchange_strong(&arena.shares[i].state, &state, COPY_ABSENT);
	}
}
