/* SPDX-License-Identifier: MIT */
/* Where fragments and messages go, and what the switch itself answers. */
#ifndef PVM3PY_SWITCH_ROUTING_H
#define PVM3PY_SWITCH_ROUTING_H

#include "links/links.h"
#include "routing/mailbox.h"

/* Answers of the caller that are kept: answers.c alone. */
#define ANSWER_PLACES 256u
struct answers {
	struct answer *places[ANSWER_PLACES];
	size_t used; /* bytes */
};

/* Contexts of this host: contexts.c alone. */
struct contexts {
	struct context_page *pages[TABLE_PAGES];
	uint32_t last, taken; /* the number given last; how many have an owner */
};

/* Notices of ends of tasks: notices.c alone. */
#define NOTICE_PLACES 1024u
struct notices {
	struct party *places[NOTICE_PLACES];
};

/* A request to start a program that is being looked for: search.c alone. */
struct search {
	struct link place; /* in searches.waiting */
	uint64_t conn;
	const char *places; /* as in searches */
	bool found;
	uint32_t count, len; /* tasks of the request; bytes of its body */
	char head[MSGHDRLEN], body[];
};

/* Programs that tasks ask for: search.c alone. */
struct searches {
	char *places; /* directories, each with its NUL, an empty one at the end; NULL: not known */
	struct link waiting; /* requests that have not been looked at */
	struct link askers;  /* their connections */
};

/* What the caller has answered a task that enrolled, for others like it: welcome.c alone. */
struct welcome {
	uint32_t able, len; /* bytes of the next two; no answer: none is kept */
	char abilities[64], answer[256];
	bool shares; /* such a task may share memory */
};

/* Who is welcome: welcome.c alone. */
#define INVITED_PLACES 1024u
struct welcomes {
	struct welcome by_hand, child;
	/* Tids that were invited, by process: of two with one place the younger one is. */
	uint32_t invited[INVITED_PLACES];
};

/* The state of this floor. */
struct routing {
	struct links links;
	struct answers answers;
	struct welcomes welcomes;
	struct contexts contexts;
	struct notices notices;
	struct searches searches;
	struct mailbox *mail;
	/* What other hosts have sent to the caller: they are asked to hold back as by a task. */
	struct backlog inbox;
};

static inline struct routing *routing_of(const struct sw *sw)
{
	return CONTAINER(sw, struct routing, links.tasks.flow.sw);
}

/* budget.c */

/* The connection has added an event of so many bytes; at the end of its budget it is held. */
void budget_charge(struct conn *, uint32_t bytes);
/* A whole message of a connection for the caller; `owned` as in events_message. */
void budget_report(struct conn *, uint32_t dst, const char *head, const char *body, uint32_t len,
	char *owned);
/* It is not served until the caller has handled the batch that it has added to. */
void budget_hold(struct conn *);
/* Log event about a connection's fragment; counts in its budget. */
void budget_log(struct conn *, const char *text);
/* The caller has handled the batch that it was shown: who was held for it goes on. */
void budget_handled(struct sw *);

/*
 * Requests of a connection's task. False: not answered, the caller is to do it.
 */

/* answers.c: the caller has answered the same before. */
bool answers_serve(struct conn *, const char *head, const char *body, uint32_t len);
void answers_forget(struct sw *);

/* contexts.c: TM_CONTEXT. */
bool contexts_serve(struct conn *, const char *head, const char *body, uint32_t len);
/* A task has ended: its contexts are free. */
void contexts_free(struct sw *, uint32_t owner);
/* Free the table. */
void contexts_clear(struct sw *);

/* notices.c: TM_NOTIFY about tasks of this host. It has no answer. */
bool notices_serve(struct conn *, const char *head, const char *body, uint32_t len);
/* Is somebody to be told of the end of a task? */
bool notices_about(struct sw *, uint32_t tid);
/* A task has ended: give the notices about it, drop those for it. */
void notices_end(struct sw *, uint32_t tid);
/* Free the table. */
void notices_clear(struct sw *);

/* options.c: TM_SETOPT of the trace destination, of which the caller is told. */
bool options_serve(struct conn *, const char *head, const char *body, uint32_t len);

/* mail.c */

/*
 * Does a message to the daemon, of which this is the beginning, put an entry into the mailbox that
 * is longer than a message may be?
 */
bool mail_too_long(const struct sw *, const char *head, const char *body, uint32_t len);
/* TM_DB. */
bool mail_serve(struct conn *, const char *head, const char *body, uint32_t len);

/* serve.c: any message to the daemon, of any connection. True: it is done. */
bool serve_message(struct conn *, const char *head, const char *body, uint32_t len);

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
/* Does a task here reach a host without a relay? Else each receiver there gets its own copy. */
bool remote_is_direct(const struct sw *, uint32_t host, uint32_t src);
/* Report SW_DRAINED once remote_queued is at most `mark`, or the host is gone. */
void remote_notify_drain(struct sw *, uint32_t tid, uint64_t mark);
/* A whole message to the daemon of another host. */
void remote_message(struct sw *, uint32_t dst, uint32_t src, const char *head, const char *body,
	uint32_t len);
/* Announce a multicast of task `src` to receivers of another host. */
void remote_announce(struct sw *, uint32_t src, const struct receiver *, uint32_t count);
/* Frame of the caller for another host. False: unknown host. */
bool remote_frame(struct sw *, const char *frame, uint32_t len);
/* Entries of struct above: room, deliver, and these parts of resume and lost. */
bool remote_room(const struct host *, uint32_t dst);
void remote_deliver(struct host *, struct chunk *, uint32_t off, uint32_t len);
void remote_resume(struct sw *, struct backlog *);
void remote_drop(struct host *);

/* enrol.c */

/* A stranger's request to be enrolled that is being served. */
struct enrolment {
	uint64_t conn;
	bool first; /* round: TM_CONNECT, else TM_CONN2 */
	bool proven; /* it is known to be of this user: by the kernel, or it has written into our file */
	bool same; /* the kernel says that it is of this user */
	const char *stem;
	unsigned *number;
	char *body; /* with a NUL behind it */
	uint32_t len;
	char proof[PROOF_PATH_MAX]; /* file of the last first round; then of this one */
	char problem[300];          /* why the first round fails; empty: it does not */
};

/* Does a stranger's request to be enrolled wait? */
bool enrol_waits(const struct sw *);
/* The next one; false: there is none. */
bool enrol_take(struct sw *, struct enrolment *);
/* Make, write and remove its files: without the lock, by one thread. */
void enrol_files(struct enrolment *);
/* Answer it or report it. */
void enrol_done(struct sw *, struct enrolment *);

/* welcome.c */

/*
 * TM_CONN2 of a stranger that has proven who it is, with the request's body: it is a task, answered
 * and told of. False: the caller is to decide.
 */
bool welcome_give(struct conn *, const char *body, uint32_t len);
/*
 * A connection's task leaves: take back what would tell the caller of it, and free what it has
 * used. False: the caller knows it, or will.
 */
bool welcome_cancel(struct conn *);
/* Tasks that are started by hand are welcome no more. */
void welcome_forget(struct sw *);

/* search.c */

void search_init(struct sw *);
/* Free what waits. */
void search_clear(struct sw *);
/* TM_SPAWN: the connection waits for search_done. False: the caller is to do it. */
bool search_ask(struct conn *, const char *head, const char *body, uint32_t len);
/* Does a request wait? */
bool search_waits(const struct sw *);
/* The next one; NULL: there is none. */
struct search *search_take(struct sw *);
/* Look for its program: without the lock. */
void search_files(struct search *);
/* Answer that there is none, or report the request; it is freed. */
void search_done(struct sw *, struct search *);

/* inbox.c */

/* A fragment for a daemon, this one or that of another host. */
void inbox_fragment(struct conn *, const char *frag, uint32_t len);

/* share.c */

/* A TM_SHARE message of a connection. NULL; if it is ignored as senseless, a text for the log. */
const char *share_serve(struct conn *, const char *body, uint32_t len);
/* Managers have changed: end links whose messages must pass the daemon now. */
void share_part(struct conn *);
/* Entry of struct above: ended. */
void share_ended(struct conn *);

/* route.c */

/* Entry of struct above: fragment. */
void route_fragment(struct conn *, uint32_t off, uint32_t len);

#endif
