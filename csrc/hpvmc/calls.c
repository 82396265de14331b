/* SPDX-License-Identifier: MIT */
/* The functions of hpvm.h as a kernel sees them. */
#include <string.h>
#include "arena.h"
#include "libhpvm/api.h"
#include "libhpvm/convert.h"
#include "libhpvm/error.h"
#include "libhpvm/types.h"
#include "runner.h"
#include "wait.h"

/* What the task at work has got: it keeps its copy even if others get a new one meanwhile. */
static struct {
	uint32_t task;
	void *copy;
} got[HPVM_SHARES];

/* Names of the shares, as far as they fit, for sentences. */
static const char *names(void)
{
	static char text[512];
	uint32_t count = atomic_load(&arena.board->n_shares);

	strcpy(text, count ? "" : "none");
	for (uint32_t i = 0; i < count; i++) {
		if (strlen(text) + strlen(arena.shares[i].name) + 3 > sizeof text)
			break;
		if (i)
			strcat(text, ", ");
		strcat(text, arena.shares[i].name);
	}
	return text;
}

/* The share of this name; -1 with an error if there is none. */
static int64_t find(const char *call, const char *name)
{
	uint32_t count = atomic_load(&arena.board->n_shares);

	for (uint32_t i = 0; name && i < count; i++)
		if (!strcmp(arena.shares[i].name, name))
			return i;
	hpvm__fail(HPVM_NOSHARE, "%s: no share \"%.255s\"; there are: %s", call,
		name ? name : "(null)", names());
	return -1;
}

/* Wait until the copy is there, or will not be. */
static uint32_t await(struct copy *c)
{
	for (;;) {
		uint32_t state = COPY_ABSENT;

		if (atomic_compare_exchange_strong(&c->state, &state, COPY_WANTED)) {
			ask_client();
			state = COPY_WANTED;
		}
		if (state == COPY_HERE || state == COPY_REFUSED)
			return state;
		wait_change(&c->state, state);
	}
}

/* The copy's place; NULL if it is refused. The copy may be retired at any moment, so that another
 * one is on its way to another place. */
static void *place_of(struct copy *c)
{
	uint32_t number;
	void *place;

	do {
		number = atomic_load(&c->number);
		if (await(c) == COPY_REFUSED)
			return NULL;
		place = arena.base + c->place;
		atomic_thread_fence(memory_order_seq_cst);
	} while (atomic_load(&c->number) != number || atomic_load(&c->state) != COPY_HERE);
	return place;
}

void *hpvm_get_share(const char *name)
{
	int64_t number = find("hpvm_get_share", name);
	struct copy *c = &arena.shares[number < 0 ? 0 : number];

	if (number < 0)
		return NULL;
	if (got[number].task != runner_task()) {
		void *place = place_of(c);

		if (!place) {
			hpvm__fail(c->code, "hpvm_get_share: %s", c->text);
			return NULL;
		}
		got[number].task = runner_task();
		got[number].copy = place;
	}
	hpvm__good();
	return got[number].copy;
}

/* A range of a share, in items of the share. */
struct range {
	uint32_t share;
	uint64_t start, count;
};

static int check_type(const struct copy *c, int size, int type)
{
	int own = hpvm__type_size(c->type);

	if (size < 1 || !hpvm__type_size(type))
		return hpvm__fail(HPVM_BADARG,
			"hpvm_merge_share: items of %d bytes and type %d make no sense", size,
			type);
	if (own != size && own != 1 && size != 1)
		return hpvm__fail(HPVM_TYPE,
			"hpvm_merge_share: share \"%s\" has items of %d bytes (%s); pointer to "
			"items of %d",
			c->name, own, hpvm__type_name(c->type), size);
	if (c->type == HPVM_UNTYPED && arena.parent_format != hpvm__format())
		return hpvm__fail(HPVM_TYPE,
			"hpvm_merge_share: share \"%s\" has no type, and numbers of this host are "
			"not the parent's",
			c->name);
	return HPVM_OK;
}

/* Items of `size` bytes as items of the share. */
static int find_range(struct range *r, long start, long end, int size)
{
	const struct copy *c = &arena.shares[r->share];
	uint64_t own = (unsigned)hpvm__type_size(c->type), wide = (unsigned)size;
	uint64_t items = c->items * own / wide;

	if (start < 0 || end < start || (uint64_t)end > items)
		return hpvm__fail(HPVM_RANGE,
			"hpvm_merge_share: share \"%s\" has items 0 to %lld; merge of %ld to %ld",
			c->name, (long long)items - 1, start, end);
	if ((uint64_t)start * wide % own || (uint64_t)end * wide % own)
		return hpvm__fail(HPVM_RANGE,
			"hpvm_merge_share: bytes %ld to %ld of share \"%s\" are no whole items of "
			"%d",
			start, end, c->name, (int)own);
	r->start = (uint64_t)start * wide / own;
	r->count = (uint64_t)(end - start) * wide / own;
	return HPVM_OK;
}

static int record(const struct range *r, const unsigned char *data)
{
	const struct copy *c = &arena.shares[r->share];
	uint64_t there = (unsigned)hpvm__size_in(c->type, arena.parent_format);
	uint64_t bytes = r->count * there, whole = sizeof(struct logged) + (bytes + 7) / 8 * 8;
	struct logged *l = log_room(whole);
	long long misfit;
	size_t good;

	if (!l)
		return hpvm__fail(HPVM_NOMEM,
			"hpvm_merge_share: share \"%s\": no room for %llu bytes", c->name,
			(unsigned long long)bytes);
	*l = (struct logged){ .share = r->share, .start = r->start * there, .bytes = bytes };
	data += r->start * (unsigned)hpvm__type_size(c->type);
	good = hpvm__convert(l + 1, arena.parent_format, data, hpvm__format(), (size_t)r->count,
		c->type, &misfit);
	if (good < r->count)
		return hpvm__fail(HPVM_OVERFLOW,
			"hpvm_merge_share: share \"%s\", item %llu: %lld does not fit into a %s of "
			"the parent",
			c->name, (unsigned long long)(r->start + good), misfit,
			hpvm__type_name(c->type));
	log_grow(whole);
	return hpvm__good();
}

int hpvm_merge_items(const char *name, const void *data, long start, long end, int size, int type)
{
	int64_t number = find("hpvm_merge_share", name);
	struct range r = { .share = (uint32_t)number };
	int result;

	if (number < 0)
		return HPVM_NOSHARE;
	if (!data)
		return hpvm__fail(HPVM_BADARG, "hpvm_merge_share: the array is NULL");
	result = check_type(&arena.shares[number], size, type);
	if (!result)
		result = find_range(&r, start, end, size);
	if (result || !r.count)
		return result ? result : hpvm__good();
	return record(&r, data);
}

int(hpvm_merge_share)(const char *name, void *data, long start, long end)
{
	int64_t number = find("hpvm_merge_share", name);
	int type = number < 0 ? HPVM_UNTYPED : arena.shares[number].type;

	if (number < 0)
		return HPVM_NOSHARE;
	return hpvm_merge_items(name, data, start, end, hpvm__type_size(type), type);
}

/* ---- what belongs into the parent ---- */

static int not_here(const char *call)
{
	return hpvm__fail(HPVM_PLACE, "%s called in a kernel", call);
}

int hpvm_share_typed(const char *name, void *data, long bytes, int type, int flags)
{
	(void)name, (void)data, (void)bytes, (void)type, (void)flags;
	return not_here("hpvm_share");
}

int(hpvm_share)(const char *name, void *data, long bytes)
{
	(void)name, (void)data, (void)bytes;
	return not_here("hpvm_share");
}

int hpvm_unshare(const char *name)
{
	(void)name;
	return not_here("hpvm_unshare");
}

int hpvm_spawn(const char *tree, long count, void *(*call)(long id, long *size))
{
	(void)tree, (void)count, (void)call;
	return not_here("hpvm_spawn");
}

long hpvm_failed(long *ids, int *codes, long room)
{
	(void)ids, (void)codes, (void)room;
	return not_here("hpvm_failed");
}

int hpvm_setopt(int option, long value)
{
	if (option != HPVM_AUTOERR)
		return not_here("hpvm_setopt with another option than HPVM_AUTOERR");
	hpvm__set_autoerr(value);
	return hpvm__good();
}
