/* SPDX-License-Identifier: MIT */
/*
 * Tasks that enrol and that nobody has to decide about (TM_CONN2). The caller has enrolled such a
 * one, and keeps what it has answered, as it keeps other answers: the next ones that ask the same
 * get it with tids of their own. The caller is told with a quiet event. If such a task leaves
 * before the caller has heard of it, what it has used is free again, and the caller hears nothing.
 */
#include "routing/routing.h"

/* A body: process, cookie, and, unless that is all, a name and what the task can do. */
#define NAME 8u
/* Where the tid is in the answer. */
#define TID 4u

/* A task's request. */
struct request {
	const char *name; /* without padding, with its NUL; NULL: it has none */
	uint32_t size;    /* bytes of that */
	const char *abilities;
	uint32_t len;
};

/* False: it is not well-formed, or names a cookie, which the caller knows. */
static bool take_apart(const char *body, uint32_t len, struct request *r)
{
	*r = (struct request){ .abilities = body + len };
	if (len < NAME || wire_get32(body + 4))
		return false;
	if (len == NAME)
		return true;
	if (len < NAME + 4)
		return false;
	r->size = wire_get32(body + NAME);
	if (!r->size || r->size > len - NAME - 4 || ((r->size + 3) & ~3u) > len - NAME - 4)
		return false;
	r->name = body + NAME + 4;
	r->abilities = r->name + ((r->size + 3) & ~3u);
	r->len = (uint32_t)(body + len - r->abilities);
	return true;
}

/* Is this like what the caller has answered, from the process that it says? */
static bool like_kept(const struct conn *c, const char *body, const struct request *r)
{
	const struct welcome *w = &routing_of(c->sw)->welcome;

	return wire_get32(body) == c->pid && r->len == w->able &&
		(!r->len || memcmp(r->abilities, w->abilities, r->len) == 0);
}

/* Tell the caller of the task: when it has been there, and its name. */
static void tell(const struct conn *c, const struct request *r)
{
	char data[sizeof(uint64_t) + WIRE_FRAG_ENROLLING];
	uint32_t len = r->size ? (uint32_t)strnlen(r->name, r->size - 1) : 0;
	struct timespec now;
	uint64_t ns;
	struct sw_event *e;

	clock_gettime(CLOCK_BOOTTIME, &now);
	ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	memcpy(data, &ns, sizeof ns);
	memcpy(data + sizeof ns, r->name ? r->name : "", len);
	e = events_data(c->sw, SW_ENROLLED, c->peer.id, data, sizeof ns + len);
	e->src = c->tid;
	e->pid = c->pid;
	events_quiet(c->sw);
}

bool welcome_give(struct conn *c, const char *body, uint32_t len)
{
	struct welcome *w = &routing_of(c->sw)->welcome;
	char head[MSGHDRLEN];
	struct request r;
	uint32_t tid;

	if (!w->len || c->announced || !events_settled(c->sw) || !events_room(c->sw) ||
		!take_apart(body, len, &r) || !like_kept(c, body, &r))
		return false;
	tid = table_next_tid(c->sw);
	if (!tid)
		return false;
	memcpy(head, c->stranger->head, sizeof head);
	c->announced = true;
	conn_bind(c, tid, w->shares);
	wire_put32(w->answer + TID, tid);
	conn_answer_with(c, head, w->answer, w->len);
	tell(c, &r);
	return true;
}

bool welcome_cancel(struct conn *c)
{
	const char *data;
	const struct sw_event *e = events_last_quiet(c->sw, &data);

	if (!e || e->type != SW_ENROLLED || e->conn != c->peer.id)
		return false;
	events_retract(c->sw);
	table_end(c->sw, c->tid);
	mailbox_disown(routing_of(c->sw)->mail, (int32_t)c->tid);
	notices_end(c->sw, c->tid);
	contexts_free(c->sw, c->tid);
	return true;
}

void welcome_forget(struct sw *sw)
{
	routing_of(sw)->welcome.len = 0;
}

void sw_keep_welcome(struct sw *sw, const char *body, size_t len, const char *answer,
	size_t answer_len, int shares)
{
	struct welcome *w = &routing_of(sw)->welcome;
	struct request r;

	if (len > WIRE_FRAG_ENROLLING || !take_apart(body, (uint32_t)len, &r) ||
		r.len > sizeof w->abilities || answer_len < TID + 4 ||
		answer_len > sizeof w->answer)
		return;
	lock_enter(sw);
	memcpy(w->abilities, r.abilities, r.len);
	memcpy(w->answer, answer, answer_len);
	w->able = r.len;
	w->len = (uint32_t)answer_len;
	w->shares = shares;
	lock_leave(sw);
}
