/* SPDX-License-Identifier: MIT */
/*
 * The mailbox: messages that tasks leave under a class name and an index. A store without
 * rules about who may ask; it knows nothing of connections (mail.c does).
 *
 * Classes are found by a hash of their names, entries of a class by binary search; classes keep
 * the order in which they came into being.
 */
#ifndef PVM3PY_SWITCH_MAILBOX_H
#define PVM3PY_SWITCH_MAILBOX_H

#include "base/base.h"

struct mail_entry {
	int32_t index, owner, flags; /* owner 0 is gone; flags: PvmMbox... of the put */
	bool doomed;                 /* even if persistent it goes with its owner */
	uint32_t len;
	char message[]; /* as it is given back */
};

struct mail_class {
	struct link order;
	struct mail_class *chain;    /* with the same hash */
	struct mail_entry **entries; /* ascending by index */
	uint32_t count, size;
	uint32_t len; /* of the name, which may contain any byte but NUL */
	char name[];
};

#define MAIL_CHAINS 256u

struct mailbox {
	struct link classes;
	struct mail_class *chains[MAIL_CHAINS];
	uint64_t room;          /* bytes that may still be stored */
	char *text;             /* what the caller was given last */
	bool serve, serve_puts; /* answer requests of tasks here, without the caller */
};

/* Request to put, get, remove or list, as TM_DB has it. */
struct mail_request {
	int32_t op, owner, index, flags;
	const char *name, *extra; /* name: of a class; of a list the pattern of names */
	uint32_t name_len, extra_len;
};

/* The answer: an index or an error code, for a get with the message, for a list with that. */
struct mail_answer {
	int32_t code;
	const char *message;
	uint32_t len;
	void *owned; /* the message is in it: to be freed when the answer has gone */
};

/* Bytes that `size` ones and their padding take; more than there can be if it is negative. */
static inline uint64_t mail_padded(uint32_t size)
{
	return ((uint64_t)size + 3) & ~(uint64_t)3;
}

void mailbox_init(struct mailbox *, uint64_t room);
void mailbox_clear(struct mailbox *);
/* Read a TM_DB body. False: malformed, or another operation. */
bool mailbox_read(struct mail_request *, const char *body, uint32_t len);
/* Bytes of the message that a request to put brings, of which the beginning is enough; else 0. */
uint32_t mailbox_length(const struct mail_request *);
/* The entry that a request to put, get or remove is about, before it is done; NULL: none. */
struct mail_entry *mailbox_entry(struct mailbox *, const struct mail_request *);
/* Put, get or remove. False: malformed message. */
bool mailbox_do(struct mailbox *, const struct mail_request *, struct mail_answer *);
/* List the classes with names as the request has them: mail_names.c. */
void mailbox_names(const struct mailbox *, const struct mail_request *, struct mail_answer *);
/* The owner has ended: its entries go, persistent ones stay without an owner. */
void mailbox_disown(struct mailbox *, int32_t owner);
/* TMDB_RESET: see sw_mail_reset. */
void mailbox_reset(struct mailbox *, const char *name, uint32_t name_len, int32_t index, bool kill,
	const int32_t *keep, uint32_t kept);

#endif
