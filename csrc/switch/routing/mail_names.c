/* SPDX-License-Identifier: MIT */
/* The list of the mailbox's classes, by a pattern for their names. */
#define _GNU_SOURCE 1
#include "routing/mailbox.h"

#include <stdlib.h>

#include "pvm3.h"

/* Bytes of an entry in the list: index, owner, flags. */
#define ENTRY_BYTES 12u

/* What a name must contain, one behind the other: texts, each with a NUL behind it. */
struct pattern {
	char *texts;
	size_t len;
	bool none; /* no name is like it */
};

/*
 * Take a pattern apart: * stands for any run, \* for a star. One that begins with a star of the
 * latter kind is like no name, as in 3.4.6.
 */
static void split(struct pattern *p, const char *text, uint32_t len)
{
	uint32_t i = 0;

	while (i < len && text[i] == '*')
		i++;
	p->texts = mem_new((size_t)len + 1);
	p->len = 0;
	p->none = len - i >= 2 && text[i] == '\\' && text[i + 1] == '*';
	for (; i < len; i++) {
		bool escaped = text[i] == '\\' && i + 1 < len && text[i + 1] == '*';

		i += escaped;
		p->texts[p->len++] = (char)(text[i] == '*' && !escaped ? '\0' : text[i]);
	}
	p->texts[p->len++] = '\0';
}

static bool is_like(const struct mail_class *cl, const struct pattern *p)
{
	const char *name = cl->name, *end = name + cl->len;
	const char *text = p->texts, *last = text + p->len;

	for (size_t len; text < last; text += len + 1) {
		len = strlen(text);
		name = memmem(name, (size_t)(end - name), text, len);
		if (!name)
			return false;
		name += len;
	}
	return !p->none;
}

/* Bytes of all classes in the list. */
static size_t list_size(const struct mailbox *box)
{
	size_t size = 4;

	for (struct link *l = box->classes.next; l != &box->classes; l = l->next) {
		const struct mail_class *cl = CONTAINER(l, struct mail_class, order);

		size += 8 + mail_padded(cl->len + 1) + (size_t)cl->count * ENTRY_BYTES;
	}
	return size;
}

/* Write a class into zeroed memory; where the next one begins. */
static char *write_class(char *p, const struct mail_class *cl)
{
	wire_put32(p, cl->len + 1);
	memcpy(p + 4, cl->name, cl->len);
	p += 4 + mail_padded(cl->len + 1);
	wire_put32(p, cl->count);
	p += 4;
	for (uint32_t i = 0; i < cl->count; i++, p += ENTRY_BYTES) {
		wire_put32(p, (uint32_t)cl->entries[i]->index);
		wire_put32(p + 4, (uint32_t)cl->entries[i]->owner);
		wire_put32(p + 8, (uint32_t)cl->entries[i]->flags);
	}
	return p;
}

void mailbox_names(const struct mailbox *box, const struct mail_request *r, struct mail_answer *a)
{
	size_t size = list_size(box);
	struct pattern pattern;
	uint32_t count = 0;
	char *list, *p;

	if (size > INT32_MAX) {
		a->code = PvmOutOfRes;
		return;
	}
	list = memset(mem_new(size), 0, size);
	p = list + 4;
	split(&pattern, r->name, r->name_len);
	for (struct link *l = box->classes.next; l != &box->classes; l = l->next) {
		const struct mail_class *cl = CONTAINER(l, struct mail_class, order);

		if (!is_like(cl, &pattern))
			continue;
		p = write_class(p, cl);
		count++;
	}
	free(pattern.texts);
	wire_put32(list, count);
	*a = (struct mail_answer){ PvmOk, list, (uint32_t)(p - list), list };
}
