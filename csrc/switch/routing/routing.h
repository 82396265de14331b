/* SPDX-License-Identifier: MIT */
/* Where fragments and messages go, and what the switch itself answers. */
#ifndef PVM3PY_SWITCH_ROUTING_H
#define PVM3PY_SWITCH_ROUTING_H

#include "links/links.h"
#include "routing/mailbox.h"

/* The state of this floor. */
struct routing {
	struct links links;
	struct mailbox *mail;
	/* What other hosts have sent to the caller: they are asked to hold back as by a task. */
	struct backlog inbox;
};

static inline struct routing *routing_of(const struct sw *sw)
{
	return CONTAINER(sw, struct routing, links.tasks.flow.sw);
}

/* mail.c */

/*
 * Does a message to the daemon, of which this is the beginning, put an entry into the mailbox that
 * is longer than a message may be?
 */
bool mail_too_long(const struct sw *, const char *head, const char *body, uint32_t len);
/* A TM_DB request of a connection. False: not answered, the caller is to do it. */
bool mail_serve(struct conn *, const char *head, const char *body, uint32_t len);

/* manager.c */

/* A task's fragment, header first, for tid: is it for its manager, so that the caller gets it? */
bool manager_asked(const struct conn *, uint32_t tid, const char *frag);
/*
 * Rename a fragment, header first, of the queue's speaker, ahead of queueing it. True: it was the
 * first of its message, which is reported.
 */
bool manager_spoke(struct sw *, struct queue *, char *frag, uint32_t len);

/* remote.c */

/*
 * A task's fragment, header first, in its connection's chunk, for a task or a
 * multicast address of another host. May park the connection.
 */
void remote_fragment(struct conn *, uint32_t host, uint32_t dst, uint32_t off, uint32_t len);
/* Let a connection that has added to the link of dst's host wait if that, or dst, is full. */
void remote_hold(struct conn *, uint32_t dst);
/* Must who sends to dst, of another host, wait? */
bool remote_full(const struct sw *, uint32_t dst);
/* Bytes queued for tid, of another host; UINT64_MAX: that host has asked to hold back. */
uint64_t remote_queued(const struct sw *, uint32_t tid);
/* Report SW_DRAINED once remote_queued is at most `mark`, or the host is gone. */
void remote_notify_drain(struct sw *, uint32_t tid, uint64_t mark);
/* A whole message to the daemon of another host. */
void remote_message(struct sw *, uint32_t dst, uint32_t src, const char *head, const char *body,
	uint32_t len);
/* Announce a multicast of task `src` to another host's tasks. */
void remote_announce(struct sw *, uint32_t src, const uint32_t *tids, uint32_t count);
/* Frame of the caller for another host. False: unknown host. */
bool remote_frame(struct sw *, const char *frame, uint32_t len);
/* Entries of struct above: room, deliver, and these parts of resume and lost. */
bool remote_room(const struct host *, uint32_t dst);
void remote_deliver(struct host *, struct chunk *, uint32_t off, uint32_t len);
void remote_resume(struct sw *, struct backlog *);
void remote_drop(struct host *);

/* inbox.c */

/* A fragment for a daemon, this one or that of another host. */
void inbox_fragment(struct conn *, const char *frag, uint32_t len);
/* The connection has added an event of so many bytes; at the end of its budget it is held. */
void inbox_charge(struct conn *, uint32_t bytes);
/* Log event about a connection's fragment; counts in its budget. */
void inbox_log(struct conn *, const char *text);
/* The caller has handled the batch that it was shown: who was held for it goes on. */
void inbox_handled(struct sw *);

/* route.c */

/* Entry of struct above: fragment. */
void route_fragment(struct conn *, uint32_t off, uint32_t len);

#endif
