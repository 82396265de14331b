/* SPDX-License-Identifier: MIT */
/* The functions of hpvm.h as a kernel sees them. */
#include <string.h>
#include "arena.h"
#include "libhpvm/api.h"
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
			hpvm__fail(HPVM_NOMEM, "hpvm_get_share: %s", c->text);
			return NULL;
		}
		got[number].task = runner_task();
		got[number].copy = place;
	}
	hpvm__good();
	return got[number].copy;
}

/* Is the range one of the share's, in its items? */
static int check_merge(const struct copy *c, long start, long end, int size, int type)
{
	int own = hpvm__type_size(c->type);
	long items;

	if (size < 1 || !hpvm__type_size(type))
		return hpvm__fail(HPVM_BADARG,
			"hpvm_merge_share: items of %d bytes and type %d make no sense", size,
			type);
	if (own != size && own != 1 && size != 1)
		return hpvm__fail(HPVM_TYPE,
			"hpvm_merge_share: share \"%s\" has items of %d bytes (%s); pointer to "
			"items of %d",
			c->name, own, hpvm__type_name(c->type), size);
	items = (long)(c->bytes / (unsigned)size);
	if (start < 0 || end < start || end > items)
		return hpvm__fail(HPVM_RANGE,
			"hpvm_merge_share: share \"%s\" has items 0 to %ld; merge of %ld to %ld",
			c->name, items - 1, start, end);
	return HPVM_OK;
}

static int record(uint32_t share, const void *data, uint64_t start, uint64_t bytes)
{
	uint64_t whole = sizeof(struct logged) + (bytes + 7) / 8 * 8;
	struct logged *l = log_room(whole);

	if (!l)
		return hpvm__fail(HPVM_NOMEM,
			"hpvm_merge_share: share \"%s\": no room for %llu bytes",
			arena.shares[share].name, (unsigned long long)bytes);
	*l = (struct logged){ .share = share, .start = start, .bytes = bytes };
	memcpy(l + 1, (const unsigned char *)data + start, bytes);
	log_grow(whole);
	return hpvm__good();
}

int hpvm_merge_items(const char *name, const void *data, long start, long end, int size, int type)
{
	int64_t number = find("hpvm_merge_share", name);
	int result;

	if (number < 0)
		return HPVM_NOSHARE;
	if (!data)
		return hpvm__fail(HPVM_BADARG, "hpvm_merge_share: the array is NULL");
	result = check_merge(&arena.shares[number], start, end, size, type);
	if (result || start == end)
		return result ? result : hpvm__good();
	return record((uint32_t)number, data, (uint64_t)start * (uint64_t)size,
		(uint64_t)(end - start) * (uint64_t)size);
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
