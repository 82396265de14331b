/* SPDX-License-Identifier: MIT */
/*
 * Contexts of this host: which task has which. They are this host's tid + 1, 2, 3, ... around,
 * without those that are taken.
 */
#include "routing/routing.h"

#include <errno.h>
#include <stdlib.h>

#include "pvm3.h"

/* The numbers behind it are left to the system's contexts. */
#define LAST (TIDLOCAL - NUM_SYSCTX)

/* Owners of contexts with neighbouring numbers. */
struct context_page {
	uint32_t taken;
	uint32_t owners[TABLE_PAGE]; /* 0: free */
};

/* Where the owner of a number is; a page that is missing comes into being. */
static struct context_page *page_of(struct contexts *all, uint32_t number)
{
	struct context_page **page = &all->pages[number / TABLE_PAGE];

	if (!*page) {
		*page = mem_new(sizeof **page);
		memset(*page, 0, sizeof **page);
	}
	return *page;
}

static void give(struct contexts *all, struct context_page *page, uint32_t number, uint32_t owner)
{
	page->owners[number % TABLE_PAGE] = owner;
	page->taken++;
	all->taken++;
}

/* A free context for the task, or PvmOutOfRes. */
static int32_t allocate(struct sw *sw, uint32_t owner)
{
	struct contexts *all = &routing_of(sw)->contexts;

	if (all->taken >= LAST)
		return PvmOutOfRes;
	for (;;) {
		struct context_page *page;

		all->last = all->last % LAST + 1;
		page = page_of(all, all->last);
		if (page->owners[all->last % TABLE_PAGE])
			continue;
		give(all, page, all->last, owner);
		return (int32_t)((sw->own_tid & TIDHOST) | all->last);
	}
}

/* PvmOk, or PvmNotFound: the task does not have it. */
static int32_t release(struct sw *sw, uint32_t context, uint32_t owner)
{
	struct contexts *all = &routing_of(sw)->contexts;
	uint32_t number = context & TIDLOCAL;
	struct context_page *page = all->pages[number / TABLE_PAGE];

	if ((context ^ number) != (sw->own_tid & TIDHOST) || !page ||
		page->owners[number % TABLE_PAGE] != owner)
		return PvmNotFound;
	page->owners[number % TABLE_PAGE] = 0;
	page->taken--;
	all->taken--;
	return PvmOk;
}

static int32_t serve(struct sw *sw, uint32_t context, uint32_t owner)
{
	return context ? release(sw, context, owner) : allocate(sw, owner);
}

bool contexts_serve(struct conn *c, const char *head, const char *body, uint32_t len)
{
	if (len < 4)
		return false;
	conn_answer(c, head, serve(c->sw, wire_get32(body), c->tid), NULL, 0);
	return true;
}

void contexts_clear(struct sw *sw)
{
	for (uint32_t p = 0; p < TABLE_PAGES; p++)
		free(routing_of(sw)->contexts.pages[p]);
}

int32_t sw_context(struct sw *sw, uint32_t context, uint32_t owner)
{
	int32_t code;

	lock_enter(sw);
	code = serve(sw, context, owner);
	lock_leave(sw);
	return code;
}

int sw_context_take(struct sw *sw, uint32_t context, uint32_t owner)
{
	struct contexts *all = &routing_of(sw)->contexts;
	uint32_t number = context & TIDLOCAL, holder;
	struct context_page *page;

	if ((context ^ number) != (sw->own_tid & TIDHOST) || !number || number > LAST)
		return -EINVAL;
	lock_enter(sw);
	page = page_of(all, number);
	holder = page->owners[number % TABLE_PAGE];
	if (!holder)
		give(all, page, number, owner);
	lock_leave(sw);
	return holder && holder != owner ? -EEXIST : 0;
}

uint32_t sw_contexts_list(struct sw *sw, uint32_t owner, uint32_t *list, uint32_t room)
{
	struct contexts *all = &routing_of(sw)->contexts;
	uint32_t n = 0;

	lock_enter(sw);
	for (uint32_t p = 0; all->taken && p < TABLE_PAGES; p++)
		for (uint32_t i = 0; all->pages[p] && i < TABLE_PAGE; i++) {
			if (all->pages[p]->owners[i] != owner)
				continue;
			if (n < room)
				list[n] = (sw->own_tid & TIDHOST) | (p * TABLE_PAGE + i);
			n++;
		}
	lock_leave(sw);
	return n;
}

/* Free what the owner has in a page. */
static uint32_t clear_page(struct context_page *page, uint32_t owner)
{
	uint32_t found = 0;

	for (uint32_t i = 0; i < TABLE_PAGE; i++) {
		if (page->owners[i] != owner)
			continue;
		page->owners[i] = 0;
		found++;
	}
	page->taken -= found;
	return found;
}

void contexts_free(struct sw *sw, uint32_t owner)
{
	struct contexts *all = &routing_of(sw)->contexts;

	for (uint32_t p = 0; all->taken && p < TABLE_PAGES; p++)
		if (all->pages[p] && all->pages[p]->taken)
			all->taken -= clear_page(all->pages[p], owner);
}

void sw_free_contexts(struct sw *sw, uint32_t owner)
{
	lock_enter(sw);
	contexts_free(sw, owner);
	lock_leave(sw);
}
