/* SPDX-License-Identifier: MIT */
/*
 * Tasks that enrol and that nobody has to decide about (TM_CONN2). The caller has enrolled such a
 * one, and keeps what it has answered: the next ones that ask the same get it. The caller is told
 * with a quiet event.
 *
 * A task that was started by hand gets a tid of its own. If it leaves before the caller has heard of
 * it, what it has used is free again, and the caller hears nothing. A child of the caller has a tid,
 * and is invited: with the words of the answer that are its own.
 */
#include "routing/routing.h"

#include <errno.h>

/* A body: process, cookie, and, unless that is all, a name and what the task can do. */
#define NAME 8u
/* Where the words begin that a task's answer alone has; the first one is its tid. */
#define OWN 4u

/* A task's request. */
struct request {
	uint32_t pid, cookie;
	const char *name; /* without padding, with its NUL; NULL: it has none */
	uint32_t size;    /* bytes of that */
	const char *abilities;
	uint32_t len;
};

/* False: it is not well-formed. */
static bool take_apart(const char *body, uint32_t len, struct request *r)
{
	*r = (struct request){ .abilities = body + len };
	if (len < NAME)
		return false;
	r->pid = wire_get32(body);
	r->cookie = wire_get32(body + 4);
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

/* Is this like what the caller has answered? */
static bool like_kept(const struct welcome *w, const struct request *r)
{
	return w->len && r->len == w->able &&
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

/* Enrol a task with the answer that is kept, and these words of its own. */
static void give(struct conn *c, struct welcome *w, const struct request *r, uint32_t tid,
	const char *own, uint32_t len)
{
	char head[MSGHDRLEN];

	memcpy(head, c->stranger->head, sizeof head);
	memcpy(w->answer + OWN, own, len);
	c->announced = true;
	conn_bind(c, tid, w->shares);
	conn_answer_with(c, head, w->answer, w->len);
	tell(c, r);
}

static bool give_by_hand(struct conn *c, const struct request *r)
{
	struct welcome *w = &routing_of(c->sw)->welcomes.by_hand;
	uint32_t tid;
	char own[4];

	if (r->cookie || r->pid != c->pid || !like_kept(w, r))
		return false;
	tid = table_next_tid(c->sw);
	if (!tid)
		return false;
	wire_put32(own, tid);
	give(c, w, r, tid, own, sizeof own);
	return true;
}

static uint32_t *invited(struct sw *sw, uint32_t pid)
{
	return &routing_of(sw)->welcomes.invited[pid % INVITED_PLACES];
}

static bool give_child(struct conn *c, const struct request *r)
{
	struct welcome *w = &routing_of(c->sw)->welcomes.child;
	uint32_t tid = *invited(c->sw, c->pid);
	struct queue *q = table_expected(c->sw, tid);
	const struct invitation *i = q ? q->invitation : NULL;

	if (!i || i->pid != c->pid || i->pid != (r->cookie ? r->cookie : r->pid) ||
		!like_kept(w, r) || OWN + i->len > w->len)
		return false;
	c->child = true;
	give(c, w, r, tid, i->words, i->len);
	conn_take_kept(c, q);
	return true;
}

bool welcome_give(struct conn *c, const char *body, uint32_t len)
{
	struct request r;

	return !c->announced && events_settled(c->sw) && events_room(c->sw) &&
		take_apart(body, len, &r) && (give_by_hand(c, &r) || give_child(c, &r));
}

bool welcome_cancel(struct conn *c)
{
	const char *data;
	const struct sw_event *e = events_last_quiet(c->sw, &data);

	if (c->child || !e || e->type != SW_ENROLLED || e->conn != c->peer.id)
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
	routing_of(sw)->welcomes.by_hand.len = 0;
}

void sw_forget_child_welcome(struct sw *sw)
{
	lock_enter(sw);
	routing_of(sw)->welcomes.child.len = 0;
	lock_leave(sw);
}

void sw_keep_welcome(struct sw *sw, const char *body, size_t len, const char *answer,
	size_t answer_len, unsigned flags)
{
	struct welcomes *all = &routing_of(sw)->welcomes;
	struct welcome *w = flags & SW_BIND_CHILD ? &all->child : &all->by_hand;
	struct request r;

	if (len > WIRE_FRAG_ENROLLING || !take_apart(body, (uint32_t)len, &r) ||
		r.len > sizeof w->abilities || answer_len < OWN + 4 ||
		answer_len > sizeof w->answer)
		return;
	lock_enter(sw);
	memcpy(w->abilities, r.abilities, r.len);
	memcpy(w->answer, answer, answer_len);
	w->able = r.len;
	w->len = (uint32_t)answer_len;
	w->shares = flags & SW_BIND_SHARES;
	lock_leave(sw);
}

int sw_invite(struct sw *sw, uint32_t tid, uint32_t pid, const char *words, size_t len)
{
	struct queue *q;
	int rc = 0;

	lock_enter(sw);
	q = table_expected(sw, tid);
	if (!q) {
		rc = -ENOENT;
	} else if (len > INVITATION_MAX) {
		rc = -EINVAL;
	} else {
		if (!q->invitation)
			q->invitation = mem_new(sizeof *q->invitation);
		q->invitation->pid = pid;
		q->invitation->len = (uint32_t)len;
		memcpy(q->invitation->words, words, len);
		*invited(sw, pid) = tid;
	}
	lock_leave(sw);
	return rc;
}
