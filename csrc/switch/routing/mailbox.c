/* SPDX-License-Identifier: MIT */
/* The store of the mailbox: classes, entries, and what requests do to them. */
#include "routing/mailbox.h"

#include <stdlib.h>

#include "pvm3.h"

/* Words of an embedded message's head; the first is the length of its data. */
#define HEAD_BYTES 32u

/* ---- classes and entries ----------------------------------------------------- */

static struct mail_class **chain_of(struct mailbox *box, const char *name, uint32_t len)
{
	uint32_t hash = 2166136261u;

	for (uint32_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)name[i]) * 16777619u;
	return &box->chains[hash % MAIL_CHAINS];
}

/* Where the pointer to a class is, or to the NULL at the end. */
static struct mail_class **place(struct mailbox *box, const char *name, uint32_t len)
{
	struct mail_class **at = chain_of(box, name, len);

	while (*at && ((*at)->len != len || memcmp((*at)->name, name, len) != 0))
		at = &(*at)->chain;
	return at;
}

/* Number of entries of a class below an index. */
static uint32_t below(const struct mail_class *cl, int32_t index)
{
	uint32_t low = 0, high = cl->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (cl->entries[middle]->index < index)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct mail_entry *entry_at(const struct mail_class *cl, int32_t index)
{
	uint32_t i = cl ? below(cl, index) : 0;

	return cl && i < cl->count && cl->entries[i]->index == index ? cl->entries[i] : NULL;
}

static uint64_t size_of(const struct mail_class *cl, const struct mail_entry *e)
{
	return (uint64_t)cl->len + e->len + SW_MAIL_ENTRY;
}

static struct mail_class *class_new(struct mailbox *box, const char *name, uint32_t len)
{
	struct mail_class *cl = mem_new(sizeof *cl + len);

	memset(cl, 0, sizeof *cl);
	cl->len = len;
	memcpy(cl->name, name, len);
	list_append(&box->classes, &cl->order);
	*place(box, name, len) = cl;
	return cl;
}

static void insert(struct mailbox *box, struct mail_class *cl, struct mail_entry *e)
{
	uint32_t i = below(cl, e->index);

	if (cl->count == cl->size) {
		cl->size = cl->size ? cl->size * 2 : 4;
		cl->entries = mem_grow(cl->entries, cl->size * sizeof *cl->entries);
	}
	memmove(cl->entries + i + 1, cl->entries + i, (cl->count - i) * sizeof *cl->entries);
	cl->entries[i] = e;
	cl->count++;
	box->room -= size_of(cl, e);
}

/* Take an entry out; a class without entries ends. */
static void take_out(struct mailbox *box, struct mail_class *cl, struct mail_entry *e)
{
	uint32_t i = below(cl, e->index);

	box->room += size_of(cl, e);
	cl->count--;
	memmove(cl->entries + i, cl->entries + i + 1, (cl->count - i) * sizeof *cl->entries);
	if (cl->count)
		return;
	*place(box, cl->name, cl->len) = cl->chain;
	list_remove(&cl->order);
	free(cl->entries);
	free(cl);
}

void mailbox_init(struct mailbox *box, uint64_t room)
{
	memset(box, 0, sizeof *box);
	list_init(&box->classes);
	box->room = room;
}

/* Call `visit` for every entry; it may take that one out. */
static void each_entry(struct mailbox *box,
	void visit(struct mailbox *, struct mail_class *, struct mail_entry *, const void *),
	const void *context)
{
	struct link *l = box->classes.next, *next;

	for (; l != &box->classes; l = next) {
		struct mail_class *cl = CONTAINER(l, struct mail_class, order);

		next = l->next;
		for (uint32_t i = cl->count; i-- > 0;)
			visit(box, cl, cl->entries[i], context);
	}
}

static void drop(struct mailbox *box, struct mail_class *cl, struct mail_entry *e,
	const void *context)
{
	(void)context;
	take_out(box, cl, e);
	free(e);
}

void mailbox_clear(struct mailbox *box)
{
	each_entry(box, drop, NULL);
	free(box->text);
	box->text = NULL;
}

/* ---- requests ----------------------------------------------------------------- */

bool mailbox_read(struct mail_request *r, const char *body, uint32_t len)
{
	const char *end;
	uint32_t size;

	if (len < 12)
		return false;
	size = wire_get32(body + 8);
	if (!size || size > INT32_MAX || 12 + mail_padded(size) + 8 > len)
		return false;
	r->op = (int32_t)wire_get32(body);
	r->owner = (int32_t)wire_get32(body + 4);
	r->name = body + 12;
	end = memchr(r->name, 0, size - 1);
	r->name_len = end ? (uint32_t)(end - r->name) : size - 1;
	body += 12 + mail_padded(size);
	r->index = (int32_t)wire_get32(body);
	r->flags = (int32_t)wire_get32(body + 4);
	r->extra = body + 8;
	r->extra_len = len - (20 + (uint32_t)mail_padded(size));
	return r->op == TMDB_PUT || r->op == TMDB_GET || r->op == TMDB_REMOVE ||
		r->op == TMDB_NAMES;
}

/* Collect the fragments of an embedded message's data; `data` NULL: check them only. */
static bool read_fragments(const char *p, uint32_t left, uint32_t total, char *data)
{
	uint32_t missing = total;
	bool first = true;

	while (missing || (first && left)) {
		uint32_t size = left < 4 ? UINT32_MAX : wire_get32(p);

		if (size > missing || 4 + mail_padded(size) > left)
			return false;
		if (data)
			memcpy(data + (total - missing), p + 4, size);
		missing -= size;
		p += 4 + mail_padded(size);
		left -= 4 + (uint32_t)mail_padded(size);
		first = false;
	}
	return true;
}

uint32_t mailbox_length(const struct mail_request *r)
{
	return r->op == TMDB_PUT && r->extra_len >= 4 ? wire_get32(r->extra) : 0;
}

/*
 * New entry of a message: its head, an empty fragment, all data in one; NULL: no memory.
 * False: malformed.
 */
static bool entry_new(const struct mail_request *r, struct mail_entry **entry)
{
	uint32_t left = r->extra_len - HEAD_BYTES, total, len;
	const char *fragments = r->extra + HEAD_BYTES;
	struct mail_entry *e;
	char *p;

	if (r->extra_len < HEAD_BYTES)
		return false;
	total = mailbox_length(r);
	if (total > left || !read_fragments(fragments, left, total, NULL))
		return false;
	len = HEAD_BYTES + 4 + (total ? 4 + (uint32_t)mail_padded(total) : 0);
	e = *entry = malloc(sizeof *e + len);
	if (!e)
		return true;
	*e = (struct mail_entry){ .owner = r->owner, .flags = r->flags, .len = len };
	memcpy(e->message, r->extra, HEAD_BYTES);
	p = e->message + HEAD_BYTES;
	wire_put32(p, 0);
	if (total) {
		memset(e->message + len - 4, 0, 4);
		wire_put32(p + 4, total);
		read_fragments(fragments, left, total, p + 8);
	}
	return true;
}

static bool may_change(const struct mail_entry *e, int32_t task)
{
	return e->owner == task || (e->flags & PvmMboxOverWritable);
}

/* Index at which a put stores, or is refused. */
static int32_t put_index(const struct mail_request *r)
{
	return r->index < 0 ? (r->flags & INT32_MAX) >> PvmMboxDirectIndexShift : r->index;
}

/* The first free index from one that is taken on. */
static int32_t free_index(const struct mail_class *cl, int32_t index)
{
	uint32_t first = below(cl, index), low = first, high = cl->count;

	/* As long as no index is missing, the number of an entry tells its index. */
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (cl->entries[middle]->index == index + (int32_t)(middle - first))
			low = middle + 1;
		else
			high = middle;
	}
	return index + (int32_t)(low - first);
}

/* Store the entry; its index, or an error. */
static int32_t put(struct mailbox *box, const struct mail_request *r, struct mail_entry *e)
{
	struct mail_class *cl = *place(box, r->name, r->name_len);
	struct mail_entry *old;

	e->index = put_index(r);
	old = entry_at(cl, e->index);
	if (old && (r->flags & PvmMboxMultiInstance)) {
		if (r->index >= 0)
			return PvmDenied;
		e->index = free_index(cl, e->index);
		old = NULL;
	}
	if (old && !may_change(old, r->owner))
		return PvmDenied;
	if ((uint64_t)r->name_len + e->len + SW_MAIL_ENTRY >
		box->room + (old ? size_of(cl, old) : 0))
		return PvmOutOfRes;
	if (old) {
		box->room += size_of(cl, old);
		box->room -= size_of(cl, e);
		cl->entries[below(cl, e->index)] = e;
		free(old);
	} else {
		insert(box, cl ? cl : class_new(box, r->name, r->name_len), e);
	}
	return e->index;
}

struct mail_entry *mailbox_entry(struct mailbox *box, const struct mail_request *r)
{
	struct mail_class *cl = *place(box, r->name, r->name_len);
	uint32_t i;

	if (!cl)
		return NULL;
	if (r->op == TMDB_PUT)
		return entry_at(cl, put_index(r));
	if (r->op == TMDB_REMOVE || !(r->flags & PvmMboxFirstAvail))
		return entry_at(cl, r->index);
	i = below(cl, r->index);
	return i < cl->count ? cl->entries[i] : NULL;
}

/* Get or remove. */
static void get(struct mailbox *box, const struct mail_request *r, struct mail_answer *a)
{
	struct mail_entry *e = mailbox_entry(box, r);
	bool removes = r->op == TMDB_REMOVE || (r->flags & PvmMboxReadAndDelete);

	if (!e) {
		a->code = PvmNotFound;
		return;
	}
	if (removes && !may_change(e, r->owner)) {
		a->code = PvmDenied;
		return;
	}
	a->code = e->index;
	if (r->op == TMDB_GET) {
		a->message = e->message;
		a->len = e->len;
	}
	if (removes) {
		take_out(box, *place(box, r->name, r->name_len), e);
		a->owned = e;
	}
}

bool mailbox_do(struct mailbox *box, const struct mail_request *r, struct mail_answer *a)
{
	struct mail_entry *e;

	*a = (struct mail_answer){ 0 };
	if (r->op != TMDB_PUT) {
		get(box, r, a);
		return true;
	}
	if (!entry_new(r, &e))
		return false;
	a->code = e ? put(box, r, e) : PvmOutOfRes;
	if (a->code < 0)
		free(e);
	return true;
}

/* ---- ends of owners, resets --------------------------------------------------------- */

static void disown(struct mailbox *box, struct mail_class *cl, struct mail_entry *e,
	const void *owner)
{
	if (e->owner != *(const int32_t *)owner)
		return;
	if ((e->flags & PvmMboxPersistent) && !e->doomed)
		e->owner = 0;
	else
		drop(box, cl, e, NULL);
}

void mailbox_disown(struct mailbox *box, int32_t owner)
{
	each_entry(box, disown, &owner);
}

struct reset {
	const char *name;
	uint32_t name_len, kept;
	int32_t index;
	bool kill;
	const int32_t *keep;
};

static void reset_entry(struct mailbox *box, struct mail_class *cl, struct mail_entry *e,
	const void *context)
{
	const struct reset *r = context;
	bool kept = false;

	if (r->name_len && (cl->len != r->name_len || memcmp(cl->name, r->name, cl->len) != 0))
		return;
	if ((r->index != -1 && r->index != e->index) || !(e->flags & PvmMboxPersistent))
		return;
	for (uint32_t i = 0; i < r->kept; i++)
		kept = kept || r->keep[i] == e->owner;
	if (!e->owner)
		drop(box, cl, e, NULL);
	else if (r->kill && !kept)
		e->doomed = true;
}

void mailbox_reset(struct mailbox *box, const char *name, uint32_t name_len, int32_t index,
	bool kill, const int32_t *keep, uint32_t kept)
{
	each_entry(box, reset_entry, &(struct reset){ name, name_len, kept, index, kill, keep });
}
