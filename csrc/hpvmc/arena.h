/* SPDX-License-Identifier: MIT */
/*
 * The memory that a client and its runners have in common: one sparse file without a name, which
 * is mapped before the first runner is forked, so that addresses are the same in all of them.
 *
 * Whatever a runner is doing when it is killed, the words here tell the client how far it came:
 * each task has one word of 32 bits, which changes by compare-and-swap alone.
 */
#ifndef HPVMC_ARENA_H
#define HPVMC_ARENA_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "libhpvm/messages.h"

/* The word of a task. A running one has the runner's process id above RUNNING_BITS. */
enum { SLOT_FREE, SLOT_QUEUED, SLOT_DONE, SLOT_RUNNING, RUNNING_BITS = 2 };

/* A task that the client was given. */
struct slot {
	uint64_t task;
	uint32_t attempt, ticket;
	bool has_block;
	uint32_t bytes; /* of the block */
	/* What became of it: valid when its word is SLOT_DONE. */
	int code; /* HPVM_OK, or what the text says */
	uint32_t microseconds, merges, runner;
	uint64_t log, log_end; /* its merges, in the runner's log */
	char text[HPVM_TEXT];
};

/* The word of a copy. */
enum { COPY_ABSENT, COPY_WANTED, COPY_COMING, COPY_HERE, COPY_REFUSED };

/* A share, and this host's copy of it. */
struct copy {
	_Atomic uint32_t state;
	_Atomic uint32_t number; /* of the copy, counted; changes before its place does */
	int type, flags;
	uint64_t items; /* bytes, if it has no type */
	uint64_t place; /* of the copy in the arena; valid with COPY_HERE */
	/* With COPY_REFUSED: an error and its sentence. */
	int code;
	char text[HPVM_TEXT];
	char name[HPVM_NAME];
};

/* The word of a runner. */
enum { RUNNER_STARTING, RUNNER_LOADED, RUNNER_REFUSED };

struct runner_state {
	_Atomic uint32_t state;
	_Atomic uint32_t finished; /* tasks whose merges are in the log or were */
	_Atomic uint32_t sent;     /* tasks of these whose merges have been sent */
	char text[HPVM_TEXT];      /* with RUNNER_REFUSED */
};

/* A merge in a runner's log, in the parent's format and in bytes there: the contents follow, and
 * zeros up to a multiple of 8 bytes. */
struct logged {
	uint32_t share, unused;
	uint64_t start, bytes;
};

struct arena {
	int fd;
	unsigned char *base;
	uint64_t size;
	uint32_t n_slots, n_runners;
	uint32_t parent_format; /* hpvm__format of the parent, and of what is in the logs */
	char host[HPVM_NAME];   /* what the parent calls this host */
	uint64_t log_bytes, copies, copies_bytes;
	uint64_t blocks, logs;
	struct board *board;
	_Atomic uint32_t *words;
	struct slot *slots;
	struct runner_state *runners;
	struct copy *shares;
};

/* What all wait for. */
struct board {
	_Atomic uint32_t bell;        /* counts what is given to runners */
	_Atomic uint32_t sleepers;    /* runners that wait for the bell, at most */
	_Atomic uint32_t asked;       /* counts what runners ask the client for */
	_Atomic uint32_t client_idle; /* the client wants to be woken */
	_Atomic uint32_t hint;        /* slot from which on tasks may be queued */
	_Atomic uint32_t n_shares;
};

extern struct arena arena;

/* Make it for so many runners, smaller if the system has no room. False with errno. */
bool arena_make(uint32_t runners);

/* Where the block of a slot is, and the log of a runner. */
unsigned char *arena_block(uint32_t slot);
unsigned char *arena_log(uint32_t runner);

/* Have memory behind a part of the arena, so that its use cannot fail; false if there is none. */
bool arena_reserve(uint64_t place, uint64_t bytes);

/* Give the memory behind a part back; its bytes are 0 then. */
void arena_release(uint64_t place, uint64_t bytes);

#endif
