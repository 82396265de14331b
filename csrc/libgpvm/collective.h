/* SPDX-License-Identifier: MIT */
/* What the collective calls share (collective.c). */
#ifndef PVM3PY_COLLECTIVE_H
#define PVM3PY_COLLECTIVE_H

#include "group.h"

/* A collective call and the caller's place in it. */
struct collective {
	void *data;
	int count, type, tag;
	const char *group;
	int root;     /* instance */
	size_t bytes; /* of one member's items */
	int root_tid, instance;
	int room;  /* members that the root's buffer has room for */
	int *tids; /* of the members by instance, malloc'ed; NULL: they are not listed */
	int n;     /* how many, or why they are not */
};

/*
 * List the members by instance: then no other question needs the server. Not if an instance is
 * missing, or the group is dead or none. 0 or the error of a server that does not answer.
 */
int gs__list_members(struct collective *);

/* Place of a task among n, or PvmNotInGroup. */
int gs__place_of(int tid, const int *tids, int n);

/*
 * Find the root, and the bytes of one member's items (0: there is no such type). 0 or the error
 * of group or root.
 */
int gs__find_root(struct collective *);

/* Send one member's items to a task. 0 or an error code. */
int gs__send_items(const struct collective *, int tid, void *items);

/*
 * Wait for items of a member (-1: any) while n senders (0: not looked at) live. Returns who sent
 * them, or an error code; PvmNoTask if one of those ended without sending, or could not do its
 * part and so sent a message without items.
 */
int gs__receive_items(const struct collective *, int tid, void *items, const int *senders, int n);

/* The same with the member as the only sender. */
int gs__receive_from(const struct collective *, int tid, void *items);

#endif
