/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "error.h"
#include "api.h"
#include "messages.h"
#include "share.h"
#include "types.h"

static struct {
	struct share *list;
	int count, room;
	bool in_use;
} shares;

int hpvm__share_count(void)
{
	return shares.count;
}

const struct share *hpvm__share_number(uint32_t i)
{
	return i < (uint32_t)shares.count ? &shares.list[i] : NULL;
}

void hpvm__shares_in_use(bool in_use)
{
	shares.in_use = in_use;
}

bool hpvm__are_shares_in_use(void)
{
	return shares.in_use;
}

static struct share *find(const char *name)
{
	for (int i = 0; i < shares.count; i++)
		if (!strcmp(shares.list[i].name, name))
			return &shares.list[i];
	return NULL;
}

/* Names of the shares, as far as they fit, for sentences. */
static const char *names(void)
{
	static char text[512];
	size_t used = 0;

	strcpy(text, "none");
	for (int i = 0; i < shares.count && used < sizeof text - HPVM_NAME - 2; i++)
		used += (size_t)sprintf(text + used, "%s%s", i ? ", " : "", shares.list[i].name);
	return text;
}

static int no_share(const char *call, const char *name)
{
	return hpvm__fail(HPVM_NOSHARE, "%s: no share \"%s\"; there are: %s", call,
		name ? name : "(null)", names());
}

static bool is_name(const char *name)
{
	size_t length = name ? strlen(name) : 0;

	if (length < 1 || length >= HPVM_NAME)
		return false;
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)name[i] < ' ' || name[i] == 0x7f)
			return false;
	return true;
}

static int check(const char *name, const void *data, long bytes, int type, int flags)
{
	int size = hpvm__type_size(type);

	if (!is_name(name))
		return hpvm__fail(HPVM_BADARG,
			"hpvm_share: a name has 1 to %d bytes without control characters",
			HPVM_NAME - 1);
	if (bytes < 0)
		return hpvm__fail(HPVM_BADARG, "hpvm_share: size %ld is negative", bytes);
	if (!data && bytes)
		return hpvm__fail(HPVM_BADARG, "hpvm_share: share \"%s\" is NULL", name);
	if (!size)
		return hpvm__fail(HPVM_BADARG, "hpvm_share: there is no type %d", type);
	if (bytes % size)
		return hpvm__fail(HPVM_BADARG,
			"hpvm_share: size %ld is no multiple of the %d bytes of a %s", bytes, size,
			hpvm__type_name(type));
	if (flags)
		return hpvm__fail(HPVM_BADARG, "hpvm_share: there are no flags %#x", flags);
	if (find(name))
		return hpvm__fail(HPVM_EXISTS, "hpvm_share: there is a share \"%s\"", name);
	if (shares.count == HPVM_SHARES)
		return hpvm__fail(HPVM_NOMEM, "hpvm_share: there are %d shares", HPVM_SHARES);
	return HPVM_OK;
}

/* Room for one more; false without memory. */
static bool grow(void)
{
	int room = shares.room ? 2 * shares.room : 16;
	struct share *list;

	if (shares.count < shares.room)
		return true;
	list = realloc(shares.list, (size_t)room * sizeof *list);
	if (!list)
		return false;
	shares.list = list;
	shares.room = room;
	return true;
}

int hpvm_share_typed(const char *name, void *data, long bytes, int type, int flags)
{
	int result = check(name, data, bytes, type, flags);
	char *copy;

	if (result)
		return result;
	copy = grow() ? strdup(name) : NULL;
	if (!copy)
		return hpvm__fail(HPVM_NOMEM, "hpvm_share: no memory for share \"%s\"", name);
	shares.list[shares.count++] = (struct share){
		.name = copy,
		.data = data,
		.bytes = (uint64_t)bytes,
		.type = type,
		.flags = flags,
	};
	return hpvm__good();
}

int(hpvm_share)(const char *name, void *data, long bytes)
{
	return hpvm_share_typed(name, data, bytes, HPVM_UNTYPED, 0);
}

int hpvm_unshare(const char *name)
{
	struct share *s = name ? find(name) : NULL;

	if (!s)
		return no_share("hpvm_unshare", name);
	if (shares.in_use)
		return hpvm__fail(HPVM_BUSY, "hpvm_unshare: share \"%s\" is in use by a spawn",
			name);
	free(s->name);
	*s = shares.list[--shares.count];
	return hpvm__good();
}

void *hpvm_get_share(const char *name)
{
	struct share *s = name ? find(name) : NULL;

	if (!s) {
		no_share("hpvm_get_share", name);
		return NULL;
	}
	hpvm__good();
	return s->data;
}

static int no_kernel(void)
{
	return hpvm__fail(HPVM_PLACE, "hpvm_merge_share: only kernels merge; this is the parent");
}

int(hpvm_merge_share)(const char *name, void *data, long start, long end)
{
	(void)name, (void)data, (void)start, (void)end;
	return no_kernel();
}

int hpvm_merge_items(const char *name, const void *data, long start, long end, int size, int type)
{
	(void)name, (void)data, (void)start, (void)end, (void)size, (void)type;
	return no_kernel();
}
