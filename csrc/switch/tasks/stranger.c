/* SPDX-License-Identifier: MIT */
/* Connections that are no task yet: the time that they have, and what they leave. */
#include "tasks/tasks.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

void strangers_init(struct sw *sw)
{
	list_init(&tasks_of(sw)->strangers.list);
	list_init(&tasks_of(sw)->strangers.asking);
}

bool stranger_begin(struct conn *c)
{
	struct strangers *all = &tasks_of(c->sw)->strangers;
	struct stranger *s;

	if (!all->stem)
		return false;
	s = mem_new(sizeof *s);
	memset(s, 0, sizeof *s);
	s->conn = c;
	s->due = clock_now() + all->patience;
	list_append(&all->list, &s->place);
	c->stranger = s;
	return true;
}

bool stranger_ask(struct conn *c, const char *head, const char *body, uint32_t len)
{
	struct stranger *s = c->stranger;

	if (!s)
		return false;
	free(s->body);
	s->body = mem_new(len + 1);
	memcpy(s->body, body, len);
	s->body[len] = '\0';
	s->len = len;
	memcpy(s->head, head, MSGHDRLEN);
	list_remove(&c->place);
	list_append(&tasks_of(c->sw)->strangers.asking, &c->place);
	return true;
}

bool stranger_left(const struct conn *c)
{
	struct pollfd peer = { .fd = c->peer.fd };
	int unread = 0;

	if (!c->stranger || !c->announced || c->closing || c->stash || c->chunk)
		return false;
	ioctl(peer.fd, FIONREAD, &unread);
	return !unread && poll(&peer, 1, 0) > 0 && peer.revents & POLLHUP;
}

void stranger_end(struct conn *c)
{
	struct stranger *s = c->stranger;

	if (!s)
		return;
	if (s->proof[0])
		unlink(s->proof);
	list_remove(&s->place);
	free(s->body);
	free(s);
	c->stranger = NULL;
}

int64_t strangers_due(const struct sw *sw)
{
	const struct link *list = &tasks_of(sw)->strangers.list;

	return list_empty(list) ? NEVER : CONTAINER(list->next, struct stranger, place)->due;
}

struct conn *stranger_late(const struct sw *sw)
{
	const struct link *list = &tasks_of(sw)->strangers.list;
	struct stranger *s;

	if (list_empty(list))
		return NULL;
	s = CONTAINER(list->next, struct stranger, place);
	return s->due <= clock_now() ? s->conn : NULL;
}

int sw_enrolment(struct sw *sw, const char *stem, int64_t patience_us)
{
	struct strangers *all = &tasks_of(sw)->strangers;
	char *copy = strdup(stem);

	if (!copy)
		return -ENOMEM;
	lock_enter(sw);
	free(all->stem);
	all->stem = copy;
	all->patience = patience_us * 1000;
	lock_leave(sw);
	return 0;
}
