/* SPDX-License-Identifier: MIT */
/*
 * Spawns of programs that there are not (TM_SPAWN). The caller is told of such a one, and logs it
 * before it answers; what is not to be logged any more is answered here. All other spawns go to the
 * caller, which decides who starts what. Looking for a program may wait for the file system, so it
 * is done in three steps: search_take, search_files without the lock, search_done.
 */
#include "routing/routing.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "pvm3.h"

/* Longest request that is looked at here, longest name of a file with its NUL, most tasks. */
#define BODY_MAX 65536u
#define FILE_MAX 256u
#define COUNT_MAX 64u
/* Flags that leave it to the caller where tasks are started: on the only host. */
#define ORDINARY_FLAGS (PvmTaskDebug | PvmTaskTrace | PvmNoSpawnParent | PvmTaskFixed)
/* Words about output and trace behind the arguments. */
#define TARGET_WORDS 6u
/* With this variable names in the search path may mean other directories. */
#define DIRECTORY "PVMSPAWNWD="
/* With this one the spawner is told in words why, which the caller does. */
#define REASONS "PVM3PY_REASONS="

/* What is left of a body. */
struct reader {
	const char *at;
	uint32_t left;
	bool bad; /* it has ended too early */
};

static uint32_t take_word(struct reader *r)
{
	uint32_t word = r->left >= 4 ? wire_get32(r->at) : 0;

	if (r->left < 4) {
		r->bad = true;
		return 0;
	}
	r->at += 4;
	r->left -= 4;
	return word;
}

/* A string with its NUL, and the bytes of both; NULL: malformed. */
static const char *take_string(struct reader *r, uint32_t *size)
{
	const char *text;

	*size = take_word(r);
	text = r->at;
	if (!*size || *size > r->left || ((*size + 3) & ~3u) > r->left || text[*size - 1]) {
		r->bad = true;
		return NULL;
	}
	r->at += (*size + 3) & ~3u;
	r->left -= (*size + 3) & ~3u;
	return text;
}

static bool begins_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

/* Skip a list of strings; false: it is malformed, or has something for the caller. */
static bool skip_strings(struct reader *r)
{
	uint32_t size;

	for (uint32_t n = take_word(r); n && !r->bad; n--) {
		const char *text = take_string(r, &size);

		if (text && (begins_with(text, DIRECTORY) || begins_with(text, REASONS)))
			return false;
	}
	return !r->bad;
}

/* The file of a request that means no host, directory or path; NULL: the caller is to do it. */
static const char *ordinary_file(const char *body, uint32_t len, uint32_t *count)
{
	struct reader r = { .at = body, .left = len };
	uint32_t flags, size, where;
	const char *file = take_string(&r, &size);

	if (!file || size < 2 || size > FILE_MAX || memchr(file, '/', size))
		return NULL;
	flags = take_word(&r);
	if ((flags & ~(uint32_t)ORDINARY_FLAGS) || !take_string(&r, &where) || where != 1)
		return NULL;
	*count = take_word(&r);
	if (!*count || *count > COUNT_MAX || !skip_strings(&r))
		return NULL;
	for (uint32_t i = 0; i < TARGET_WORDS; i++)
		take_word(&r);
	return skip_strings(&r) && !r.left ? file : NULL;
}

bool search_ask(struct conn *c, const char *head, const char *body, uint32_t len)
{
	struct searches *all = &routing_of(c->sw)->searches;
	struct search *s;
	uint32_t count;

	/* With other hosts the caller chooses one. */
	if (!all->places || net_of(c->sw) || c->finishing || len > BODY_MAX ||
		!events_room(c->sw) || !ordinary_file(body, len, &count))
		return false;
	s = mem_new(sizeof *s + len);
	*s = (struct search){ .conn = c->peer.id, .count = count, .len = len };
	memcpy(s->head, head, MSGHDRLEN);
	memcpy(s->body, body, len);
	list_append(&all->waiting, &s->place);
	list_remove(&c->place);
	list_append(&all->askers, &c->place);
	return true;
}

bool search_waits(const struct sw *sw)
{
	return !list_empty(&routing_of(sw)->searches.waiting);
}

struct search *search_take(struct sw *sw)
{
	struct searches *all = &routing_of(sw)->searches;
	struct search *s;

	if (!search_waits(sw))
		return NULL;
	s = CONTAINER(all->waiting.next, struct search, place);
	list_remove(&s->place);
	s->places = all->places;
	return s;
}

/* Is this a file that its owner may execute? */
static bool executable(const char *directory, const char *name)
{
	char path[PATH_MAX];
	struct stat st;
	int n = snprintf(path, sizeof path, "%s/%s", directory, name);

	/* One that is too long for this is left to the caller, as if it were there. */
	if (n >= (int)sizeof path)
		return true;
	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_mode & S_IXUSR;
}

void search_files(struct search *s)
{
	const char *directory = s->places;

	for (; *directory && !s->found; directory += strlen(directory) + 1)
		s->found = executable(directory, s->body + 4);
}

/* Answer with the same error for each task. */
static void refuse(struct conn *c, const struct search *s)
{
	char codes[4 * COUNT_MAX];

	for (uint32_t i = 0; i < s->count; i++)
		wire_put32(codes + 4 * i, (uint32_t)PvmNoFile);
	conn_answer(c, s->head, (int32_t)s->count, codes, 4 * s->count);
}

/* There is no such program: tell the caller, which answers unless nobody is to read of it. */
static void report(struct conn *c, const struct search *s)
{
	struct sw_event *e = events_text(c->sw, SW_NO_PROGRAM, c->peer.id, s->body + 4);

	e->src = c->tid;
	e->ctx = wire_get32(s->head + WIRE_MSG_CTX);
	e->wid = wire_get32(s->head + WIRE_MSG_WID);
	e->enc = s->count;
	if (!c->muted) {
		budget_charge(c, 0);
		return;
	}
	e->reason = SW_ANSWERED;
	events_quiet(c->sw);
	refuse(c, s);
}

void search_done(struct sw *sw, struct search *s)
{
	struct conn *c = conn_find(sw, s->conn);

	if (c && !c->closing) {
		list_remove(&c->place);
		if (s->found)
			budget_report(c, TID_DAEMON, s->head, s->body, s->len, NULL);
		else
			report(c, s);
		if (!c->place.next)
			conn_resume(c);
	}
	free(s);
	queue_flush_touched(sw);
	conn_bury(sw);
}

void search_init(struct sw *sw)
{
	list_init(&routing_of(sw)->searches.waiting);
	list_init(&routing_of(sw)->searches.askers);
}

void search_clear(struct sw *sw)
{
	struct search *s;

	while ((s = search_take(sw)))
		free(s);
	free(routing_of(sw)->searches.places);
}

void sw_mute(struct sw *sw, uint64_t id, int muted)
{
	struct conn *c;

	lock_enter(sw);
	c = conn_find(sw, id);
	if (c)
		c->muted = muted;
	lock_leave(sw);
}

int sw_programs(struct sw *sw, const char *const directories[])
{
	struct searches *all = &routing_of(sw)->searches;
	size_t size = 1, used = 0;
	char *places;

	for (const char *const *d = directories; *d; d++)
		size += strlen(*d) + 1;
	places = calloc(1, size);
	if (!places)
		return -ENOMEM;
	for (const char *const *d = directories; *d; d++)
		if (**d)
			used += (size_t)sprintf(places + used, "%s", *d) + 1;
	lock_enter(sw);
	free(all->places);
	all->places = places;
	lock_leave(sw);
	return 0;
}
