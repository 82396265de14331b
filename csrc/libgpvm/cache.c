/* SPDX-License-Identifier: MIT */
/*
 * Records of static groups.  The server sends one with each answer about a
 * static group; from then on questions about its members need no server.
 */
#include <stdlib.h>
#include <string.h>

#include "group.h"

/* Where the pointer to a group's record is, or to the NULL at the end. */
static struct record **place(const char *group)
{
	struct record **at = &gs__state.records;

	while (*at && strcmp((*at)->name, group) != 0)
		at = &(*at)->next;
	return at;
}

const struct record *gs__cached(const char *group)
{
	return group && gs__state.session == gs__session() ? *place(group) : NULL;
}

static void record_free(struct record *r)
{
	free(r->tids);
	free(r->per_host);
	free(r->coordinators);
	free(r);
}

void gs__cache_drop(const char *group)
{
	struct record **at, *r;

	if (!group)
		return;
	gs__lock();
	at = place(group);
	r = *at;
	if (r) {
		*at = r->next;
		record_free(r);
	}
	gs__unlock();
}

void gs__cache_clear(void)
{
	while (gs__state.records)
		gs__cache_drop(gs__state.records->name);
}

int gs__read_ints(int n, int **ints)
{
	int bytes;
	int code = pvm_bufinfo(pvm_getrbuf(), &bytes, NULL, NULL);

	if (code < 0)
		return code;
	if (n < 0 || n > bytes / 4)
		return PvmBadMsg;
	*ints = malloc(n ? (size_t)n * sizeof(int) : 1);
	if (!*ints)
		return PvmNoMem;
	code = pvm_upkint(*ints, n, 1);
	if (code < 0) {
		free(*ints);
		*ints = NULL;
	}
	return code;
}

/* Begin a record with the name in the receive buffer: the length twice, without and with NUL. */
static int read_name(struct record **r)
{
	int head[2], bytes;
	int code = pvm_bufinfo(pvm_getrbuf(), &bytes, NULL, NULL);

	if (code >= 0)
		code = pvm_upkint(head, 2, 1);
	if (code < 0)
		return code;
	if (head[1] <= 0 || head[1] > bytes)
		return PvmBadMsg;
	*r = calloc(1, sizeof **r + (size_t)head[1] + 1);
	return *r ? pvm_upkbyte((*r)->name, head[1], 1) : PvmNoMem;
}

static int read_record(struct record **r)
{
	int size[2]; /* members, capacity */
	int code = read_name(r);

	if (code >= 0)
		code = pvm_upkint(size, 2, 1);
	if (code < 0)
		return code;
	(*r)->members = size[0];
	(*r)->capacity = size[1];
	code = gs__read_ints(size[1], &(*r)->tids);
	if (code >= 0)
		code = pvm_upkint(&(*r)->hosts, 1, 1);
	if (code >= 0)
		code = gs__read_ints((*r)->hosts, &(*r)->per_host);
	if (code >= 0)
		code = gs__read_ints((*r)->hosts, &(*r)->coordinators);
	return code;
}

int gs__cache_read(void)
{
	struct record *r = NULL;
	int code = read_record(&r);

	if (code < 0) {
		if (r)
			record_free(r);
		return code;
	}
	gs__lock();
	gs__cache_drop(r->name);
	r->next = gs__state.records;
	gs__state.records = r;
	gs__unlock();
	return 0;
}
