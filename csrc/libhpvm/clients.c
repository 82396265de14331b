/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include "clients.h"
#include "error.h"
#include "hpvm.h"
#include "pvm3.h"
#include "types.h"

enum { MOST_PROCESSORS = 1024, MOST_SLOTS = 1 << 20 };

static struct {
	struct client *list;
	int count, session;
} clients;

struct client *hpvm__clients(int *count)
{
	*count = clients.count;
	return clients.list;
}

int hpvm__client_of(int tid)
{
	for (int i = 0; i < clients.count; i++)
		if (clients.list[i].state != CLIENT_GONE && clients.list[i].tid == tid)
			return i;
	return -1;
}

static bool has_client(int host)
{
	for (int i = 0; i < clients.count; i++)
		if (clients.list[i].state != CLIENT_GONE && clients.list[i].host == host)
			return true;
	return false;
}

/* A free place, or NULL without memory. */
static struct client *new_place(void)
{
	struct client *list;

	for (int i = 0; i < clients.count; i++)
		if (clients.list[i].state == CLIENT_GONE)
			return &clients.list[i];
	list = realloc(clients.list, (size_t)(clients.count + 1) * sizeof *list);
	if (!list)
		return NULL;
	clients.list = list;
	list[clients.count].state = CLIENT_GONE;
	return &list[clients.count++];
}

/* The host's line in the hosts file, or NULL. */
static const struct hpvm_host *line_of(const struct hpvm_hosts *hosts, int daemon)
{
	for (int i = 0; hosts && i < hosts->n; i++)
		if (hosts->hosts[i].daemon == daemon)
			return &hosts->hosts[i];
	return NULL;
}

/* Start a client on a host; false, with a line for the user, if it has none. */
static bool start(struct client *c, const struct pvmhostinfo *host, const struct hpvm_host *line)
{
	const char *name = line ? line->name : host->hi_name;
	char processors[16], *arguments[] = { processors, NULL };
	int tid = 0;

	snprintf(processors, sizeof processors, "%d", line ? line->cpus : 0);
	if (pvm_spawn("hpvmc", arguments, PvmTaskHost, host->hi_name, 1, &tid) != 1) {
		hpvm__say("host %s is left out: %s (%d)", name,
			tid == PvmNoFile ? "it has no program hpvmc in its PVM_PATH" :
					   "hpvmc could not be started",
			tid);
		return false;
	}
	*c = (struct client){ .state = CLIENT_STARTED, .tid = tid, .host = host->hi_tid };
	snprintf(c->name, sizeof c->name, "%s", name);
	pvm_notify(PvmTaskExit, MSG_GONE, 1, &tid);
	return true;
}

static void forget_session(int session)
{
	if (clients.session == session)
		return;
	clients.session = session;
	clients.count = 0;
}

int hpvm__clients_start(int session, const struct hpvm_hosts *hosts)
{
	struct pvmhostinfo *list;
	int count, started = 0;

	forget_session(session);
	if (pvm_config(&count, NULL, &list) < 0)
		return hpvm__fail(HPVM_PVM, "hpvm_spawn: PVM does not say which hosts there are");
	for (int i = 0; i < count; i++) {
		const struct hpvm_host *line = line_of(hosts, list[i].hi_tid);
		struct client *c;

		if (hosts && !line)
			continue;
		if (has_client(list[i].hi_tid)) {
			started++;
			continue;
		}
		c = new_place();
		if (!c)
			return hpvm__fail(HPVM_NOMEM, "hpvm_spawn: no memory for clients");
		started += start(c, &list[i], line);
	}
	return started;
}

static bool ends(const char *text, size_t room)
{
	return memchr(text, 0, room);
}

bool hpvm__client_hello(struct client *c, const struct msg_hello *m)
{
	uint32_t processors = from_be32(m->processors), slots = from_be32(m->slots);
	uint32_t levels = from_be32(m->n_levels);
	struct hpvm_traits *t = &c->traits;

	if (c->state != CLIENT_STARTED || from_be32(m->version) != HPVM_VERSION)
		return false;
	if (processors < 1 || processors > MOST_PROCESSORS || slots < 1 || slots > MOST_SLOTS ||
		levels > HPVM_TRAIT_LEVELS || !ends(m->arch, sizeof m->arch) ||
		!ends(m->os, sizeof m->os))
		return false;
	for (uint32_t i = 0; i < levels; i++)
		if (!ends(m->levels[i], sizeof m->levels[i]))
			return false;
	c->state = CLIENT_IDLE;
	c->processors = (int)processors;
	c->slots = (int)slots;
	c->same_format = from_be32(m->format) == hpvm__format();
	t->n_levels = (int)levels;
	memcpy(t->arch, m->arch, sizeof t->arch);
	memcpy(t->os, m->os, sizeof t->os);
	memcpy(t->levels, m->levels, sizeof t->levels);
	return true;
}

void hpvm__client_drop(struct client *c, const char *why)
{
	hpvm__say("host %s: %s; its client is ended", c->name, why);
	pvm_kill(c->tid);
	c->state = CLIENT_GONE;
}
