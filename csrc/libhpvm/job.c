/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "error.h"
#include "hpvm.h"
#include "job.h"
#include "messages.h"
#include "pvm3.h"

int hpvm__job_begin(struct job *j, long count, callback *call, bool keeps_blocks)
{
	struct failure *list = j->failures;
	long room = j->room;
	uint32_t number = j->number, attempts = j->attempts;

	*j = (struct job){
		.count = count,
		.number = number + 1,
		.attempts = attempts,
		.call = call,
		.keeps_blocks = keeps_blocks,
		.free = NO_TICKET,
		.again = NO_TICKET,
		.failures = list,
		.room = room,
	};
	j->finished = calloc((size_t)count / 8 + 1, 1);
	return j->finished ? HPVM_OK :
			     hpvm__fail(HPVM_NOMEM, "hpvm_spawn: no memory for %ld tasks", count);
}

static void drop_merges(struct flight *f)
{
	while (f->merges) {
		struct staged *next = f->merges->next;

		pvm_freebuf(f->merges->buffer);
		free(f->merges);
		f->merges = next;
	}
	f->last_merge = NULL;
}

void hpvm__job_end(struct job *j)
{
	for (int i = 0; i < j->n_flights; i++) {
		drop_merges(&j->flights[i]);
		free(j->flights[i].block);
	}
	free(j->flights);
	free(j->finished);
	j->flights = NULL;
	j->finished = NULL;
	j->n_flights = 0;
}

bool hpvm__job_done(const struct job *j)
{
	return j->good + j->n_failures == j->count;
}

void hpvm__job_stage(struct flight *f, struct staged *merge)
{
	merge->next = NULL;
	*(f->last_merge ? &f->last_merge->next : &f->merges) = merge;
	f->last_merge = merge;
}

bool hpvm__job_waits(const struct job *j)
{
	return j->again != NO_TICKET || j->next < j->count;
}

static bool is_finished(const struct job *j, long task)
{
	return j->finished[task / 8] >> task % 8 & 1;
}

/* Put all of the list's places from `first` on into the list of free ones. */
static void free_places(struct job *j, int first)
{
	for (int i = j->n_flights - 1; i >= first; i--) {
		j->flights[i] = (struct flight){ .client = NOBODY, .next = j->free };
		j->free = i;
	}
}

/* A free ticket, or NO_TICKET without memory. */
static int new_ticket(struct job *j)
{
	int ticket = j->free;

	if (ticket == NO_TICKET) {
		int count = j->n_flights ? 2 * j->n_flights : 64;
		struct flight *list = realloc(j->flights, (size_t)count * sizeof *list);
		int first = j->n_flights;

		if (!list)
			return NO_TICKET;
		j->flights = list;
		j->n_flights = count;
		free_places(j, first);
		ticket = j->free;
	}
	j->free = j->flights[ticket].next;
	return ticket;
}

static void *copied(const void *block, long size)
{
	void *copy = malloc(size ? (size_t)size : 1);

	return copy ? memcpy(copy, block, (size_t)size) : NULL;
}

/* Have the program make the block of a task; false, with j->error set, if it cannot be used. */
static bool ask_program(struct job *j, struct flight *f)
{
	long size = 0;
	void *block = j->call ? j->call(f->task, &size) : NULL;

	f->size = size;
	f->block = block;
	if (!block && size)
		j->error = hpvm__fail(HPVM_BADARG,
			"hpvm_spawn: the block of task %ld is NULL and has a size of %ld", f->task,
			size);
	else if (size < 0 || size > HPVM_BLOCK)
		j->error = hpvm__fail(HPVM_BADARG,
			"hpvm_spawn: the block of task %ld has %ld bytes, 0 to %d are allowed",
			f->task, size, HPVM_BLOCK);
	if (block && j->keeps_blocks)
		f->block = j->error ? NULL : copied(block, size);
	if (!j->error && block && !f->block)
		j->error = hpvm__fail(HPVM_NOMEM, "hpvm_spawn: no memory for blocks");
	return !j->error;
}

/* The first ticket of those to be tried again that may go to a client, taken from the list. */
static int take_again(struct job *j, int client, bool picky)
{
	for (int *at = &j->again; *at != NO_TICKET; at = &j->flights[*at].next) {
		int ticket = *at;

		if (picky && j->flights[ticket].avoid == client)
			continue;
		*at = j->flights[ticket].next;
		return ticket;
	}
	return NO_TICKET;
}

static int begin_task(struct job *j)
{
	int ticket = j->next < j->count ? new_ticket(j) : NO_TICKET;
	struct flight *f;

	if (ticket == NO_TICKET) {
		if (j->next < j->count)
			j->error = hpvm__fail(HPVM_NOMEM, "hpvm_spawn: no memory for tasks");
		return NO_TICKET;
	}
	f = &j->flights[ticket];
	*f = (struct flight){ .task = j->next++, .client = NOBODY, .avoid = NOBODY };
	return ask_program(j, f) ? ticket : NO_TICKET;
}

int hpvm__job_next(struct job *j, int client, bool picky)
{
	int ticket = take_again(j, client, picky);
	struct flight *f;

	if (ticket == NO_TICKET)
		ticket = begin_task(j);
	if (ticket == NO_TICKET)
		return NO_TICKET;
	f = &j->flights[ticket];
	f->attempt = ++j->attempts;
	f->client = client;
	j->in_flight++;
	return ticket;
}

struct flight *hpvm__job_flight(struct job *j, uint32_t ticket, uint64_t task, uint32_t attempt,
	int client)
{
	struct flight *f = ticket < (uint32_t)j->n_flights ? &j->flights[ticket] : NULL;

	if (!f || f->client != client || (uint64_t)f->task != task || f->attempt != attempt ||
		is_finished(j, f->task))
		return NULL;
	return f;
}

static void finish(struct job *j, struct flight *f)
{
	j->finished[f->task / 8] |= (unsigned char)(1 << f->task % 8);
	drop_merges(f);
	free(f->block);
	if (f->client != NOBODY)
		j->in_flight--;
	*f = (struct flight){ .client = NOBODY, .next = j->free };
	j->free = (int)(f - j->flights);
}

void hpvm__job_good(struct job *j, struct flight *f, uint32_t microseconds)
{
	j->mean = j->good ? j->mean + (microseconds - j->mean) / 16 : microseconds;
	j->good++;
	finish(j, f);
}

void hpvm__job_failed(struct job *j, struct flight *f, int code, const char *why)
{
	if (!j->n_failures)
		snprintf(j->first_failure, sizeof j->first_failure, "task %ld: %s", f->task, why);
	if (j->n_failures == j->room) {
		long room = j->room ? 2 * j->room : 16;
		struct failure *list = realloc(j->failures, (size_t)room * sizeof *list);

		if (!list) {
			j->error = hpvm__fail(HPVM_NOMEM, "hpvm_spawn: no memory for failures");
			return;
		}
		j->failures = list;
		j->room = room;
	}
	j->failures[j->n_failures++] = (struct failure){ f->task, code };
	finish(j, f);
}

void hpvm__job_again(struct job *j, struct flight *f, bool suspect, const char *why)
{
	if (suspect && ++f->tries == JOB_TRIES) {
		char text[HPVM_TEXT + 64];

		snprintf(text, sizeof text, "%s, tried %d times", why, JOB_TRIES);
		hpvm__job_failed(j, f, HPVM_FAILED, text);
		return;
	}
	drop_merges(f);
	if (suspect)
		f->avoid = f->client;
	f->client = NOBODY;
	f->next = j->again;
	j->again = (int)(f - j->flights);
	j->in_flight--;
}

void hpvm__job_lost(struct job *j, int client)
{
	for (int i = j->n_flights - 1; i >= 0; i--)
		if (j->flights[i].client == client)
			hpvm__job_again(j, &j->flights[i], false, NULL);
}
