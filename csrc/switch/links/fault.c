/* SPDX-License-Identifier: MIT */
/*
 * A bad network, for tests: PVM_TEST_NETFAULT names what happens to packets
 * that leave, with the probability given (0 to 1), apart from delay (ms, all),
 * lateness (ms, by which a late copy follows), seed, and a file, which cuts the
 * network both ways while it exists:
 *
 *   loss=0.2,dup=0.1,reorder=0.1,late=0.1,lateness=900,delay=200,corrupt=0.01,seed=7,file=/tmp/cut
 */
#define _GNU_SOURCE 1
#include "links/links.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* How often the file is looked for; how much a reordered packet is late. */
#define LOOK_NS (50 * NS_PER_MS)
#define REORDER_NS (3 * NS_PER_MS)

/* A packet that leaves later. */
struct late {
	struct late *next;
	int64_t due;
	struct sockaddr_in to;
	uint32_t len;
	char data[];
};

struct faults {
	double loss, dup, reorder, late, corrupt;
	int64_t delay, lateness;
	uint64_t random;
	char *file;
	int64_t looked;
	bool cut;
	struct late *queue; /* the first due first */
};

/* Between 0 and 1. */
static double chance(struct faults *f)
{
	f->random ^= f->random << 13;
	f->random ^= f->random >> 7;
	f->random ^= f->random << 17;
	return (double)(f->random >> 11) / (double)(1ull << 53);
}

static int64_t milliseconds(const char *value)
{
	return (int64_t)(atof(value) * (double)NS_PER_MS);
}

static void set(struct faults *f, const char *name, const char *value)
{
	if (!strcmp(name, "loss"))
		f->loss = atof(value);
	else if (!strcmp(name, "dup"))
		f->dup = atof(value);
	else if (!strcmp(name, "reorder"))
		f->reorder = atof(value);
	else if (!strcmp(name, "late"))
		f->late = atof(value);
	else if (!strcmp(name, "lateness"))
		f->lateness = milliseconds(value);
	else if (!strcmp(name, "corrupt"))
		f->corrupt = atof(value);
	else if (!strcmp(name, "delay"))
		f->delay = milliseconds(value);
	else if (!strcmp(name, "seed"))
		f->random += strtoull(value, NULL, 0) * 0x9e3779b97f4a7c15ull;
	else if (!strcmp(name, "file") && !f->file)
		f->file = strdup(value);
}

struct faults *fault_new(void)
{
	const char *text = getenv("PVM_TEST_NETFAULT");
	struct faults *f;
	char *copy, *save, *word;

	if (!text || !*text)
		return NULL;
	copy = strdup(text);
	f = calloc(1, sizeof *f);
	if (!copy || !f)
		abort();
	f->random = 0x2545f4914f6cdd1dull;
	for (word = strtok_r(copy, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		char *value = strchr(word, '=');

		if (value)
			*value++ = 0;
		set(f, word, value ? value : "1");
	}
	free(copy);
	if (!f->random)
		f->random = 1;
	return f;
}

bool fault_cut(struct faults *f, int64_t now)
{
	if (f->file && now - f->looked >= LOOK_NS) {
		f->looked = now;
		f->cut = !access(f->file, F_OK);
	}
	return f->cut;
}

/* Send a copy after so long; damaged: with one bit changed. */
static void later(struct faults *f, const struct sockaddr_in *to, const char *head,
	const char *data, uint32_t len, int64_t due, bool damaged)
{
	struct late *p = mem_new(sizeof *p + DDFRAGHDR + len), **at = &f->queue;

	p->due = due;
	p->to = *to;
	p->len = DDFRAGHDR + len;
	memcpy(p->data, head, DDFRAGHDR);
	if (len)
		memcpy(p->data + DDFRAGHDR, data, len);
	if (damaged)
		p->data[(uint32_t)(chance(f) * p->len)] ^= (char)(1 << (int)(chance(f) * 8));
	while (*at && (*at)->due <= due)
		at = &(*at)->next;
	p->next = *at;
	*at = p;
}

bool fault_pass(struct net *net, const struct sockaddr_in *to, const char *head, const char *data,
	uint32_t len)
{
	struct faults *f = net->faults;
	int64_t now = clock_now(), due = now + f->delay;
	bool damaged;

	if (fault_cut(f, now) || chance(f) < f->loss)
		return false;
	damaged = chance(f) < f->corrupt;
	if (chance(f) < f->reorder)
		due += (int64_t)(chance(f) * (double)REORDER_NS);
	if (chance(f) < f->dup)
		later(f, to, head, data, len, due + (int64_t)(chance(f) * (double)REORDER_NS),
			false);
	if (chance(f) < f->late)
		later(f, to, head, data, len, due + f->lateness, false);
	if (!damaged && due == now)
		return true;
	later(f, to, head, data, len, due, damaged);
	return false;
}

static void send_first(struct net *net)
{
	struct late *p = net->faults->queue;

	net->faults->queue = p->next;
	sendto(net->fd, p->data, p->len, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&p->to,
		sizeof p->to);
	free(p);
}

void fault_serve(struct net *net, int64_t now)
{
	while (net->faults->queue && net->faults->queue->due <= now)
		send_first(net);
}

int64_t fault_due(const struct faults *f)
{
	return f->queue ? f->queue->due : NEVER;
}

void fault_free(struct net *net)
{
	while (net->faults->queue)
		send_first(net);
	free(net->faults->file);
	free(net->faults);
}
