/* SPDX-License-Identifier: MIT */
#include <string.h>
#include "clients.h"
#include "give.h"
#include "messages.h"
#include "post.h"
#include "share.h"

enum {
	/* Work that a processor has in advance, in microseconds, and in tasks. */
	ADVANCE = 2000,
	FEWEST = 2,
	MOST = 512,
	/* A message is not larger, so that the first of its tasks is not late. */
	MESSAGE_BYTES = 1 << 20,
	MESSAGE_TASKS = 1024,
};

static int wanted(const struct job *j, const struct client *c)
{
	double each = j->mean > 0 ? ADVANCE / j->mean : FEWEST;
	int tasks = each < FEWEST ? FEWEST : each > MOST ? MOST : (int)each;

	if (j->good && !j->mean)
		tasks = MOST;
	tasks *= c->processors;
	return tasks < c->slots ? tasks : c->slots;
}

static void tell_shares(struct client *c)
{
	int count = hpvm__share_count();

	if (c->told == count)
		return;
	hpvm__begin();
	for (; c->told < count; c->told++) {
		const struct share *s = hpvm__share_number((uint32_t)c->told);
		struct msg_share m = {
			.id = to_be32((uint32_t)c->told),
			.type = to_be32((uint32_t)s->type),
			.flags = to_be32((uint32_t)s->flags),
			.bytes = to_be64(s->bytes),
			.name_bytes = to_be32((uint32_t)strlen(s->name)),
		};

		hpvm__add(&m, sizeof m);
		hpvm__add(s->name, strlen(s->name));
	}
	hpvm__send(c->tid, MSG_SHARES);
}

static void add_task(const struct flight *f, int ticket)
{
	struct msg_task m = {
		.task = to_be64((uint64_t)f->task),
		.attempt = to_be32(f->attempt),
		.ticket = to_be32((uint32_t)ticket),
		.block = to_be32(f->block != NULL),
		.bytes = to_be32((uint32_t)f->size),
	};

	hpvm__add(&m, sizeof m);
	hpvm__lay(f->block, (size_t)f->size);
}

/* The tickets of the next tasks for a client: how many. */
static int choose(struct job *j, int client, bool picky, int *tickets, int room)
{
	size_t bytes = 0;
	int count = 0;

	while (count < room && bytes < MESSAGE_BYTES) {
		int ticket = hpvm__job_next(j, client, picky);

		if (ticket == NO_TICKET)
			break;
		bytes += sizeof(struct msg_task) + (size_t)j->flights[ticket].size;
		tickets[count++] = ticket;
	}
	return count;
}

/* One message; false if there was nothing to be sent. The program's callback is called before the
 * message is begun, since it may send messages of its own, and may share what its task needs. */
static bool give_some(struct job *j, int number, bool picky, int room)
{
	int tickets[MESSAGE_TASKS], unused;
	int count = choose(j, number, picky, tickets, room < MESSAGE_TASKS ? room : MESSAGE_TASKS);
	struct client *c = &hpvm__clients(&unused)[number];

	if (!count || j->error)
		return false;
	tell_shares(c);
	hpvm__begin();
	for (int i = 0; i < count; i++)
		add_task(&j->flights[tickets[i]], tickets[i]);
	hpvm__send(c->tid, MSG_TASKS);
	c->in_flight += count;
	return true;
}

void hpvm__give_tasks(struct job *j, int client, bool picky)
{
	int unused;
	struct client *c = &hpvm__clients(&unused)[client];
	int all = wanted(j, c);

	/* Few at a time only where there are few. */
	if (all - c->in_flight < (all + 3) / 4)
		return;
	while (hpvm__job_waits(j) && c->in_flight < all)
		if (!give_some(j, client, picky, all - c->in_flight))
			return;
}
