/* SPDX-License-Identifier: MIT */
/* Connections: the table of them, accepting, waiting, ending. */
#define _GNU_SOURCE 1
#include "tasks/tasks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Send buffer asked for: several messages of a usual size on their way. */
#define SEND_BUFFER 262144

void conn_init(struct sw *sw, int listen_fd)
{
	struct tasks *t = tasks_of(sw);

	list_init(&t->ready);
	list_init(&t->held);
	list_init(&t->dead);
	strangers_init(sw);
	t->listen_fd = listen_fd;
	t->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

void conn_free(struct sw *sw)
{
	struct tasks *t = tasks_of(sw);
	struct slots *s = &t->slots;

	for (uint32_t i = 0; i < s->used; i++)
		if (s->conns[i])
			conn_end(s->conns[i], SW_CLOSED, NULL);
	conn_bury(sw);
	if (t->spare)
		chunk_unref(sw, t->spare);
	if (t->spare_fd >= 0)
		close(t->spare_fd);
	free(t->strangers.stem);
	free(s->conns);
	free(s->generations);
	free(s->free);
}

static void grow_slots(struct slots *s)
{
	uint32_t n = s->size ? s->size * 2 : 64;

	s->conns = mem_grow(s->conns, n * sizeof *s->conns);
	s->generations = mem_grow(s->generations, n * sizeof *s->generations);
	s->free = mem_grow(s->free, n * sizeof *s->free);
	for (uint32_t i = s->size; i < n; i++) {
		s->conns[i] = NULL;
		s->generations[i] = 1;
	}
	s->size = n;
}

/* Close the socket of a peer that is not served. */
static void refuse(struct sw *sw, int fd, const char *why)
{
	close(fd);
	sw->stats.refused++;
	events_text(sw, SW_LOG, 0, why);
}

/* New connection over a connected socket, which it owns from then on; NULL: no memory. */
static struct conn *new_conn(struct sw *sw, int fd)
{
	struct slots *s = &tasks_of(sw)->slots;
	struct conn *c = malloc(sizeof *c);
	uint32_t slot;

	if (!c)
		return NULL;
	if (!s->free_count && s->used == s->size)
		grow_slots(s);
	slot = s->free_count ? s->free[--s->free_count] : s->used++;
	memset(c, 0, sizeof *c);
	c->sw = sw;
	c->peer.id = (uint64_t)s->generations[slot] << 32 | slot;
	c->peer.fd = fd;
	c->process_fd = -1;
	queue_init(sw, &c->out, &c->peer, 0);
	s->conns[slot] = c;
	sw->stats.connections++;
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &(int){ SEND_BUFFER }, sizeof(int));
	return c;
}

/* Have the loop serve it. 0; -1: errno says why. */
static int watch(const struct conn *c)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLRDHUP | EPOLLET,
		.data.u64 = c->peer.id };

	return epoll_ctl(c->sw->epoll_fd, EPOLL_CTL_ADD, c->peer.fd, &ev);
}

/* A peer has connected. */
static void add_conn(struct sw *sw, int fd, uint32_t pid, uint32_t uid)
{
	struct conn *c = new_conn(sw, fd);

	if (!c) {
		refuse(sw, fd, "connection refused: no memory");
		return;
	}
	c->pid = pid;
	c->uid = uid;
	if (!stranger_begin(c))
		conn_announce(c, 0);
	if (watch(c))
		conn_end(c, SW_CLOSED, "cannot be watched");
}

struct conn *conn_adopt(struct sw *sw, int fd)
{
	struct conn *c = new_conn(sw, fd);
	int e;

	if (c && watch(c)) {
		e = errno;
		c->peer.fd = -1;
		conn_end(c, SW_CLOSED, NULL);
		errno = e;
		return NULL;
	}
	if (c)
		c->announced = true;
	return c;
}

struct conn *conn_find(struct sw *sw, uint64_t id)
{
	const struct slots *s = &tasks_of(sw)->slots;
	uint32_t slot = (uint32_t)id;
	struct conn *c = slot < s->used ? s->conns[slot] : NULL;

	return c && c->peer.id == id ? c : NULL;
}

static void admit(struct sw *sw, int fd)
{
	struct ucred peer = { 0 };
	socklen_t len = sizeof peer;
	char text[80];

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
		(sw->cf.uid == UINT32_MAX || peer.uid == sw->cf.uid)) {
		add_conn(sw, fd, (uint32_t)peer.pid, peer.uid);
		return;
	}
	snprintf(text, sizeof text, "connection of process %ld of user %lu refused", (long)peer.pid,
		(unsigned long)peer.uid);
	refuse(sw, fd, text);
}

/* No descriptor is free: hang up on the peer instead of leaving it (and the loop) waiting. */
static bool refuse_one(struct sw *sw)
{
	struct tasks *t = tasks_of(sw);
	int fd;

	if (t->spare_fd < 0)
		return false;
	close(t->spare_fd);
	fd = accept(t->listen_fd, NULL, NULL);
	if (fd >= 0)
		close(fd);
	t->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	sw->stats.refused++;
	events_text(sw, SW_LOG, 0, "connection refused: no free file descriptor");
	return true;
}

void conn_accept(struct sw *sw)
{
	struct tasks *t = tasks_of(sw);

	for (int i = 0; i < PASS_MAX; i++) {
		int fd = accept4(t->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			admit(sw, fd);
		} else if (errno == EMFILE || errno == ENFILE) {
			if (!refuse_one(sw)) {
				t->accepting = false;
				return;
			}
		} else if (errno != EINTR && errno != ECONNABORTED) {
			t->accepting = false;
			return;
		}
	}
}

void conn_ready(struct conn *c)
{
	list_remove(&c->place);
	c->parked = false;
	list_append(&tasks_of(c->sw)->ready, &c->place);
}

void conn_resume(struct conn *c)
{
	list_remove(&c->place);
	if (c->readable || c->chunk || c->stash)
		conn_ready(c);
}

void conn_wait_among(struct conn *c, struct link *waiters)
{
	list_remove(&c->place);
	list_append(waiters, &c->place);
	c->parked = true;
}

void conn_unpark(struct conn *c)
{
	if (c->place.next && c->parked)
		conn_ready(c);
}

uint32_t conn_await(struct sw *sw, uint32_t tid)
{
	const struct slots *s = &tasks_of(sw)->slots;
	uint32_t n, sum = 0;

	for (uint32_t slot = 0; slot < s->used; slot++) {
		struct conn *c = s->conns[slot];

		n = c && c->receivers ? receivers_await(c->receivers, tid) : 0;
		if (n)
			conn_unpark(c);
		sum += n;
	}
	return sum;
}

void conn_park(struct conn *c, struct backlog *b)
{
	conn_wait_among(c, &b->waiters);
	backlog_watch(c->sw, b);
}

void conn_wait(struct conn *c, struct queue *q)
{
	conn_wait_among(c, &q->load.waiters);
	c->sw->stats.parked++;
}

void conn_announce(struct conn *c, uint32_t reason)
{
	struct sw_event *e;

	if (c->announced)
		return;
	c->announced = true;
	e = events_add(c->sw, SW_OPEN, c->peer.id);
	e->reason = reason;
	e->pid = c->pid;
	e->uid = c->uid;
}

/* Write the headers of an answer with a body of so many bytes. */
static void begin_answer(const struct conn *c, const char *head, uint32_t len, char *frag)
{
	char *reply = frag + TDFRAGHDR;

	memset(frag, 0, TDFRAGHDR + MSGHDRLEN);
	wire_put32(frag + WIRE_FRAG_DST, c->tid);
	wire_put32(frag + WIRE_FRAG_SRC, TID_DAEMON);
	wire_put32(frag + WIRE_FRAG_LENGTH, MSGHDRLEN + len);
	frag[WIRE_FRAG_FLAGS] = FFSOM | FFEOM;
	wire_put32(reply + WIRE_MSG_ENC, WIRE_ENC_XDR);
	wire_put32(reply + WIRE_MSG_TAG, wire_get32(head + WIRE_MSG_TAG));
	wire_put32(reply + WIRE_MSG_CTX, wire_get32(head + WIRE_MSG_CTX));
	wire_put32(reply + WIRE_MSG_WID, wire_get32(head + WIRE_MSG_WID));
}

void conn_answer_with(struct conn *c, const char *head, const char *body, uint32_t len)
{
	char frag[TDFRAGHDR + MSGHDRLEN];

	begin_answer(c, head, len, frag);
	queue_copy(c->sw, queue_way(&c->out), frag, sizeof frag);
	if (len)
		queue_copy(c->sw, queue_way(&c->out), body, len);
	conn_hold_asker(c);
}

void conn_answer(struct conn *c, const char *head, int32_t number, const char *data, uint32_t len)
{
	char frag[TDFRAGHDR + MSGHDRLEN + 4];

	begin_answer(c, head, 4 + len, frag);
	wire_put32(frag + TDFRAGHDR + MSGHDRLEN, (uint32_t)number);
	queue_copy(c->sw, queue_way(&c->out), frag, sizeof frag);
	if (len)
		queue_copy(c->sw, queue_way(&c->out), data, len);
	conn_hold_asker(c);
}

static void drop_process(struct conn *c)
{
	struct tasks *t = tasks_of(c->sw);

	if (c->process_fd < 0)
		return;
	close(c->process_fd);
	c->process_fd = -1;
	for (uint32_t i = 0; i < SIGNALLED_MAX; i++)
		if (t->signalled[i] == c)
			t->signalled[i] = NULL;
}

void conn_keep_process(struct conn *c, int fd)
{
	struct tasks *t = tasks_of(c->sw);
	struct conn **place = &t->signalled[t->next_signalled % SIGNALLED_MAX];

	if (c->process_fd >= 0)
		return;
	t->next_signalled++;
	if (*place)
		drop_process(*place);
	*place = c;
	c->process_fd = fd;
}

static void free_input(struct conn *c)
{
	assembly_drop(c->sw, &c->in);
	receivers_drop(c);
}

/* The caller learns of the end of what it knows, and why another connection has ended. */
static void tell_end(const struct conn *c, uint32_t reason, const char *text)
{
	char line[200];

	if (c->announced) {
		events_text(c->sw, SW_CLOSE, c->peer.id, text)->reason = reason;
	} else if (text[0]) {
		snprintf(line, sizeof line, "connection of pid %u closed: %s", c->pid, text);
		events_text(c->sw, SW_LOG, 0, line);
	}
}

void conn_end(struct conn *c, uint32_t reason, const char *text)
{
	struct sw *sw = c->sw;
	struct slots *s = &tasks_of(sw)->slots;
	uint32_t slot = (uint32_t)c->peer.id;

	tell_end(c, reason, text ? text : "");
	stranger_end(c);
	drop_process(c);
	if (c->peer.fd >= 0)
		close(c->peer.fd);
	c->peer.fd = -1;
	if (c->sharing) {
		sw__above.ended(c);
		sharing_end(c);
	}
	table_unbind(sw, &c->out);
	queue_clear(sw, &c->out);
	free_input(c);
	s->conns[slot] = NULL;
	s->generations[slot]++;
	if (!s->generations[slot])
		s->generations[slot] = 1;
	s->free[s->free_count++] = slot;
	sw->stats.connections--;
	list_remove(&c->place);
	list_append(&tasks_of(sw)->dead, &c->place);
}

void conn_expire(struct sw *sw)
{
	struct conn *c;
	char text[64];

	while ((c = stranger_late(sw))) {
		snprintf(text, sizeof text, "not enrolled within %g s",
			(double)tasks_of(sw)->strangers.patience / 1e9);
		conn_end(c, SW_CLOSED, text);
	}
}

void conn_bury(struct sw *sw)
{
	struct link *dead = &tasks_of(sw)->dead;

	while (!list_empty(dead)) {
		struct conn *c = CONTAINER(dead->next, struct conn, place);

		list_remove(&c->place);
		if (c->chunk)
			chunk_unref(sw, c->chunk);
		free(c->stash);
		free(c);
	}
}

void conn_name(struct conn *c, uint32_t tid, bool shares)
{
	c->tid = c->out.tid = tid;
	stranger_end(c);
	if (shares)
		sharing_begin(c);
}

void conn_bind(struct conn *c, uint32_t tid, bool shares)
{
	conn_name(c, tid, shares);
	table_set(c->sw, tid, &c->out);
}

int sw_bind(struct sw *sw, uint64_t id, uint32_t tid, const char *frames, size_t len,
	unsigned flags)
{
	struct conn *c;
	struct queue *q;
	int rc = 0;

	lock_enter(sw);
	c = conn_find(sw, id);
	q = table_find(sw, tid);
	if (!c || c->closing) {
		rc = -ENOENT;
	} else if (!table_local(sw, tid)) {
		rc = -EINVAL;
	} else if (c->out.tid || (q && q->peer)) {
		rc = -EEXIST;
	} else {
		conn_bind(c, tid, flags & SW_BIND_SHARES);
		c->child = flags & SW_BIND_CHILD;
		if (len && !c->out.broken)
			queue_copy(sw, &c->out, frames, len);
		if (q) {
			queue_move(sw, q, &c->out);
			free(q);
		}
		queue_flush_touched(sw);
	}
	lock_leave(sw);
	return rc;
}

void conn_close(struct conn *c)
{
	list_remove(&c->place);
	free_input(c);
	c->closing = true;
	if (c->out.broken || queue_flush(c->sw, &c->out))
		conn_end(c, SW_CLOSED, NULL);
}

int sw_close(struct sw *sw, uint64_t id, int flush)
{
	struct conn *c;

	lock_enter(sw);
	c = conn_find(sw, id);
	if (c && flush)
		conn_close(c);
	else if (c)
		conn_end(c, SW_CLOSED, NULL);
	queue_flush_touched(sw);
	conn_bury(sw);
	lock_leave(sw);
	return c ? 0 : -ENOENT;
}
