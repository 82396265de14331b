/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include "pvm3.h"
#include "post.h"

/* Below this it is cheaper to copy than to have PVM remember a place. */
enum { WORTH_LAYING = 2048, ROOM = 64 * 1024 };

/* What is copied lies in blocks, which stay where they are until the message is sent. */
struct block {
	struct block *next;
	size_t used, packed;
	unsigned char bytes[ROOM];
};

static struct {
	struct block *first, *last;
	size_t length;
	bool failed;
	size_t left; /* of the message that has come */
} post;

static void pack(const void *bytes, size_t size)
{
	if (size && pvm_pkbyte((char *)bytes, (int)size, 1) < 0)
		post.failed = true;
}

static void pack_copied(void)
{
	struct block *b = post.last;

	pack(b->bytes + b->packed, b->used - b->packed);
	b->packed = b->used;
}

/* Room for more, or NULL. Blocks are kept for later messages. */
static struct block *roomy(size_t size)
{
	struct block *b = post.last;

	if (b && b->used + size <= ROOM)
		return b;
	if (b)
		pack_copied();
	if (b && b->next) {
		post.last = b->next;
	} else {
		struct block *fresh = malloc(sizeof *fresh);

		if (!fresh)
			return NULL;
		fresh->next = NULL;
		*(b ? &b->next : &post.first) = fresh;
		post.last = fresh;
	}
	post.last->used = post.last->packed = 0;
	return post.last;
}

void hpvm__begin(void)
{
	post.failed = pvm_initsend(PvmDataInPlace) < 0;
	post.last = post.first;
	if (post.last)
		post.last->used = post.last->packed = 0;
	post.length = 0;
}

void hpvm__add(const void *bytes, size_t size)
{
	struct block *b = roomy(size);

	if (!b) {
		post.failed = true;
		return;
	}
	memcpy(b->bytes + b->used, bytes, size);
	b->used += size;
	post.length += size;
}

void hpvm__lay(const void *bytes, size_t size)
{
	if (size <= WORTH_LAYING) {
		hpvm__add(bytes, size);
		return;
	}
	if (post.last)
		pack_copied();
	pack(bytes, size);
	post.length += size;
}

size_t hpvm__length(void)
{
	return post.length;
}

int hpvm__send(int tid, int tag)
{
	if (post.last)
		pack_copied();
	return post.failed ? PvmNoMem : pvm_send(tid, tag);
}

int hpvm__post(int tid, int tag, const void *record, size_t size, const void *bytes, size_t more)
{
	hpvm__begin();
	hpvm__add(record, size);
	hpvm__lay(bytes, more);
	return hpvm__send(tid, tag);
}

int hpvm__open(int buffer, int *tag)
{
	int bytes, tid;

	if (pvm_bufinfo(buffer, &bytes, tag, &tid) < 0)
		return PvmBadMsg;
	post.left = bytes > 0 ? (size_t)bytes : 0;
	return tid;
}

size_t hpvm__put_aside(void)
{
	size_t left = post.left;

	pvm_setrbuf(0);
	return left;
}

void hpvm__go_on(int buffer, size_t left)
{
	pvm_freebuf(pvm_setrbuf(buffer));
	post.left = left;
}

bool hpvm__take(void *bytes, size_t size)
{
	if (size > post.left || (size && pvm_upkbyte(bytes, (int)size, 1) < 0))
		return false;
	post.left -= size;
	return true;
}

bool hpvm__skip(size_t size)
{
	char waste[4096];

	while (size) {
		size_t some = size < sizeof waste ? size : sizeof waste;

		if (!hpvm__take(waste, some))
			return false;
		size -= some;
	}
	return true;
}

size_t hpvm__left(void)
{
	return post.left;
}
