/* SPDX-License-Identifier: MIT */
/*
 * Notices of the ends of this host's tasks for other tasks of this host (TM_NOTIFY of PvmTaskExit).
 * The caller keeps those for other hosts, and those about them.
 */
#include "routing/routing.h"

#include <errno.h>
#include <stdlib.h>

#include "pvm3.h"

/* A body: what, context and tag of the notice, how many tids follow, the tids. */
#define HEAD 16u
/* Tids in a request that is served here, times the notices that are looked at for each. */
#define LOOKS_MAX ((uint32_t)WIRE_NOTICES_LISTED)

/* What a task wishes to be told, or what others wish to be told of it. */
struct party {
	struct party *next;  /* at its place */
	uint32_t tid, count; /* count: of the notices that it owns */
	struct link about, owned;
};

struct notice {
	struct link about, owned; /* in the lists of the task that may end and of the owner */
	struct party *owner;
	struct sw_notice is;
};

static struct party **place(struct sw *sw, uint32_t tid)
{
	struct party **at = &routing_of(sw)->notices.places[tid % NOTICE_PLACES];

	while (*at && (*at)->tid != tid)
		at = &(*at)->next;
	return at;
}

/* What is known of a task, from now on at least. NULL: there is no memory for it. */
static struct party *party_of(struct sw *sw, uint32_t tid)
{
	struct party **at = place(sw, tid), *p = *at;

	if (p || !(p = malloc(sizeof *p)))
		return p;
	*p = (struct party){ .tid = tid };
	list_init(&p->about);
	list_init(&p->owned);
	return *at = p;
}

/* Send the message that a notice promises. */
static void tell(struct sw *sw, const struct sw_notice *n)
{
	char frag[TDFRAGHDR + MSGHDRLEN + 4] = { 0 }, *head = frag + TDFRAGHDR;
	struct queue *q;

	wire_put32(frag + WIRE_FRAG_DST, n->owner);
	wire_put32(frag + WIRE_FRAG_SRC, TID_DAEMON);
	wire_put32(frag + WIRE_FRAG_LENGTH, MSGHDRLEN + 4);
	frag[WIRE_FRAG_FLAGS] = FFSOM | FFEOM;
	wire_put32(head + WIRE_MSG_ENC, WIRE_ENC_XDR);
	wire_put32(head + WIRE_MSG_TAG, n->tag);
	wire_put32(head + WIRE_MSG_CTX, n->ctx);
	wire_put32(head + WIRE_MSG_WID, n->wid);
	wire_put32(head + MSGHDRLEN, n->tid);
	if (remote_frame(sw, frag, sizeof frag))
		return;
	q = table_receiver(sw, n->owner);
	if (q)
		queue_copy(sw, q, frag, sizeof frag);
}

static void drop(struct notice *n)
{
	list_remove(&n->about);
	list_remove(&n->owned);
	n->owner->count--;
	free(n);
}

static int keep(struct sw *sw, const struct sw_notice *is)
{
	struct party *about = party_of(sw, is->tid), *owner = party_of(sw, is->owner);
	struct notice *n = about && owner ? malloc(sizeof *n) : NULL;

	if (!n)
		return -ENOMEM;
	*n = (struct notice){ .owner = owner, .is = *is };
	list_append(&about->about, &n->about);
	list_append(&owner->owned, &n->owned);
	owner->count++;
	return 0;
}

/* Give the first of the owner's notices of this kind now instead of at the end. */
static void cancel(struct sw *sw, const struct sw_notice *like)
{
	struct party *owner = *place(sw, like->owner);

	for (struct link *l = owner ? owner->owned.next : NULL; l && l != &owner->owned;
		l = l->next) {
		struct notice *n = CONTAINER(l, struct notice, owned);

		if (n->is.tid == like->tid && n->is.ctx == like->ctx && n->is.tag == like->tag) {
			tell(sw, &n->is);
			drop(n);
			return;
		}
	}
}

static int serve(struct sw *sw, const struct sw_notice *n, bool cancelled)
{
	if (cancelled)
		cancel(sw, n);
	else if (table_alive(sw, n->tid))
		return keep(sw, n);
	else
		tell(sw, n);
	return 0;
}

/*
 * May the task have that served here? Not if that were more than its bound, or take long: then
 * others would wait, who do not if the caller does it.
 */
static bool within_bounds(const struct conn *c, bool cancelled, uint32_t count)
{
	const struct party *owner = *place(c->sw, c->tid);
	uint64_t has = owner ? owner->count : 0;

	if (cancelled)
		return count * (has + 1) <= LOOKS_MAX;
	return count <= LOOKS_MAX && count + has <= c->sw->cf.notices;
}

/* Is this a well-formed request for notices of ends of tasks, all of this host? */
static bool ordinary(const struct conn *c, const char *body, uint32_t len)
{
	uint32_t count;

	if (len < HEAD || len % 4 || (wire_get32(body) & ~(uint32_t)PvmNotifyCancel) != PvmTaskExit)
		return false;
	count = wire_get32(body + 12);
	if (!count || count > (len - HEAD) / 4 ||
		!within_bounds(c, wire_get32(body) & PvmNotifyCancel, count))
		return false;
	for (uint32_t i = 0; i < count; i++)
		if (!table_local(c->sw, wire_get32(body + HEAD + 4 * i)))
			return false;
	return true;
}

bool notices_serve(struct conn *c, const char *head, const char *body, uint32_t len)
{
	struct sw_notice n = { .owner = c->tid };
	bool cancelled;

	if (!ordinary(c, body, len))
		return false;
	cancelled = wire_get32(body) & PvmNotifyCancel;
	n.ctx = wire_get32(body + 4);
	n.tag = wire_get32(body + 8);
	n.wid = wire_get32(head + WIRE_MSG_WID);
	for (uint32_t i = 0; i < wire_get32(body + 12); i++) {
		n.tid = wire_get32(body + HEAD + 4 * i);
		if (serve(c->sw, &n, cancelled)) {
			budget_log(c, "no memory for its notices");
			break;
		}
	}
	conn_hold_asker(c);
	return true;
}

bool notices_about(struct sw *sw, uint32_t tid)
{
	const struct party *p = *place(sw, tid);

	return p && !list_empty(&p->about);
}

int sw_notify(struct sw *sw, const struct sw_notice *n, int cancelled)
{
	int rc;

	lock_enter(sw);
	rc = serve(sw, n, cancelled);
	queue_flush_touched(sw);
	conn_bury(sw);
	lock_leave(sw);
	return rc;
}

uint32_t sw_notices(struct sw *sw, uint32_t owner)
{
	const struct party *p;
	uint32_t count;

	lock_enter(sw);
	p = *place(sw, owner);
	count = p ? p->count : 0;
	lock_leave(sw);
	return count;
}

uint32_t sw_notices_list(struct sw *sw, uint32_t owner, struct sw_notice *list, uint32_t room,
	int take)
{
	const struct party *p;
	uint32_t n = 0;

	lock_enter(sw);
	p = *place(sw, owner);
	for (struct link *l = p ? p->owned.next : NULL, *next; l && l != &p->owned && n < room;
		l = next) {
		struct notice *one = CONTAINER(l, struct notice, owned);

		next = l->next;
		list[n++] = one->is;
		if (take)
			drop(one);
	}
	lock_leave(sw);
	return n;
}

/* A task has ended: forget what it wished, and tell others if that is not the end of all. */
static void end(struct sw *sw, struct party **at, bool telling)
{
	struct party *p = *at;

	while (!list_empty(&p->owned))
		drop(CONTAINER(p->owned.next, struct notice, owned));
	while (!list_empty(&p->about)) {
		struct notice *n = CONTAINER(p->about.next, struct notice, about);

		if (telling)
			tell(sw, &n->is);
		drop(n);
	}
	*at = p->next;
	free(p);
}

void notices_end(struct sw *sw, uint32_t tid)
{
	struct party **at = place(sw, tid);

	if (*at)
		end(sw, at, true);
}

void sw_notify_end(struct sw *sw, uint32_t tid)
{
	lock_enter(sw);
	notices_end(sw, tid);
	queue_flush_touched(sw);
	conn_bury(sw);
	lock_leave(sw);
}

void notices_clear(struct sw *sw)
{
	for (uint32_t i = 0; i < NOTICE_PLACES; i++)
		while (routing_of(sw)->notices.places[i])
			end(sw, &routing_of(sw)->notices.places[i], false);
}
