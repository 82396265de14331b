/* SPDX-License-Identifier: MIT */
/*
 * Requests to the mailbox. Those of tasks of this host are answered here, as they come; the
 * caller does those of other hosts, those that wait for an entry, and whatever is not ordinary.
 */
#include "routing/routing.h"

#include <errno.h>
#include <stdlib.h>

#include "pvm3.h"

/*
 * Is the entry's owner a task of this host that has ended? What becomes of the entry is decided
 * when the caller gets to know, so a request after that end must not be answered before.
 */
static bool orphaned(const struct sw *sw, const struct mail_entry *e)
{
	uint32_t owner = (uint32_t)e->owner;

	return table_local(sw, owner) && !table_find(sw, owner) && !table_moved(sw, owner);
}

/* A get that waits until there is an entry? */
static bool waits(const struct mail_request *r, const struct mail_entry *e)
{
	return !e && r->op == TMDB_GET && (r->flags & PvmMboxWaitForInfo);
}

/* Has the list of all entries one that is orphaned? */
static bool any_orphaned(const struct sw *sw, const struct mailbox *box)
{
	for (struct link *l = box->classes.next; l != &box->classes; l = l->next) {
		const struct mail_class *cl = CONTAINER(l, struct mail_class, order);

		for (uint32_t i = 0; i < cl->count; i++)
			if (orphaned(sw, cl->entries[i]))
				return true;
	}
	return false;
}

/* Is a request to be done later than now: by the caller? */
static bool for_caller(const struct sw *sw, struct mailbox *box, const struct mail_request *r)
{
	const struct mail_entry *e;

	if (r->op == TMDB_NAMES)
		return any_orphaned(sw, box);
	e = mailbox_entry(box, r);
	return e ? orphaned(sw, e) : waits(r, e);
}

/* Do it. False: malformed message. */
static bool perform(struct mailbox *box, const struct mail_request *r, struct mail_answer *a)
{
	if (r->op != TMDB_NAMES)
		return mailbox_do(box, r, a);
	mailbox_names(box, r, a);
	return true;
}

bool mail_too_long(const struct sw *sw, const char *head, const char *body, uint32_t len)
{
	uint32_t tag = wire_get32(head + WIRE_MSG_TAG);
	struct mail_request r;

	return (tag == (uint32_t)TM_DB || tag == (uint32_t)DM_DB) && mailbox_read(&r, body, len) &&
		mailbox_length(&r) > sw->cf.message_max;
}

bool mail_serve(struct conn *c, const char *head, const char *body, uint32_t len)
{
	struct mailbox *box = routing_of(c->sw)->mail;
	struct mail_request r;
	struct mail_answer a;

	if (!box->serve || !mailbox_read(&r, body, len) || (r.op == TMDB_PUT && !box->serve_puts) ||
		(uint32_t)r.owner != c->tid || for_caller(c->sw, box, &r) || !perform(box, &r, &a))
		return false;
	conn_answer(c, head, a.code, a.message, a.len);
	free(a.owned);
	return true;
}

/* The body of the answer, for the caller. */
static const char *keep_reply(struct mailbox *box, const struct mail_answer *a)
{
	free(box->text);
	box->text = mem_new(4 + (size_t)a->len);
	wire_put32(box->text, (uint32_t)a->code);
	if (a->len)
		memcpy(box->text + 4, a->message, a->len);
	return box->text;
}

int sw_mail(struct sw *sw, const char *body, size_t len, const char **reply, size_t *reply_len)
{
	struct mailbox *box = routing_of(sw)->mail;
	struct mail_request r;
	struct mail_answer a;
	int rc = SW_MAIL_DONE;

	lock_enter(sw);
	if (len > UINT32_MAX || !mailbox_read(&r, body, (uint32_t)len)) {
		rc = -EINVAL;
	} else if (waits(&r, mailbox_entry(box, &r))) {
		box->serve_puts = false;
		rc = SW_MAIL_WAIT;
	} else if (!perform(box, &r, &a)) {
		rc = -EINVAL;
	} else {
		*reply = keep_reply(box, &a);
		*reply_len = 4 + (size_t)a.len;
		free(a.owned);
	}
	lock_leave(sw);
	return rc;
}

void sw_mail_serve(struct sw *sw)
{
	struct mailbox *box = routing_of(sw)->mail;

	lock_enter(sw);
	box->serve = box->serve_puts = true;
	lock_leave(sw);
}

void sw_mail_disown(struct sw *sw, int32_t owner)
{
	lock_enter(sw);
	mailbox_disown(routing_of(sw)->mail, owner);
	lock_leave(sw);
}

void sw_mail_reset(struct sw *sw, const char *name, size_t name_len, int32_t index, int kill,
	const int32_t *keep, uint32_t kept)
{
	lock_enter(sw);
	mailbox_reset(routing_of(sw)->mail, name, (uint32_t)name_len, index, kill, keep, kept);
	lock_leave(sw);
}
