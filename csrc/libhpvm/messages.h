/* SPDX-License-Identifier: MIT */
/*
 * What the parent's library and its clients say to each other. The tag of a PVM message is its
 * kind; its body are bytes: a record of this file, then what the record says. Numbers are in
 * network order, so that every machine reads them alike; contents of shares and blocks are in the
 * parent's own format.
 */
#ifndef HPVM_MESSAGES_H
#define HPVM_MESSAGES_H

#include <stdint.h>
#include "select.h"

enum {
	HPVM_VERSION = 1,
	/* Bytes of a piece of a share or of a kernel, and pieces on their way to a client. */
	HPVM_PIECE = 256 * 1024,
	HPVM_PIECES = 16,
	/* Merges that travel with the report of their task; larger ones go ahead of it. */
	HPVM_INLINE = 1024 * 1024,
	HPVM_BLOCK = 1024 * 1024, /* largest block of arguments */
	HPVM_SHARES = 4096,
	HPVM_NAME = 256, /* of a share, with its NUL */
	HPVM_TEXT = 256, /* a sentence, with its NUL */
	HPVM_TASK_MERGES = 65536,
};

enum hpvm_message {
	/* from a client */
	MSG_HELLO = 1, /* struct msg_hello: it is there */
	MSG_NEED,      /* struct msg_piece: bytes of the kernel */
	MSG_READY,     /* struct msg_ready: whether the kernel could be loaded */
	MSG_DONE,      /* struct msg_done, each with its merges */
	MSG_FAILED,    /* struct msg_failed: a task came to no good end */
	MSG_GET,       /* struct msg_piece: bytes of a share */
	MSG_MERGE,     /* struct msg_merge: a merge whose task will be reported */
	/* from the parent */
	MSG_WELCOME, /* struct msg_welcome */
	MSG_SHARES,  /* struct msg_share, each with its name */
	MSG_KERNEL,  /* struct msg_kernel: a spawn begins, or the next choice of kernels */
	MSG_CODE,    /* struct msg_piece with the bytes of the kernel */
	MSG_TASKS,   /* struct msg_task, each with its block */
	MSG_PIECE,   /* struct msg_piece with the bytes, or without if they are zero */
	MSG_END,     /* nothing: the spawn is over */
	/* from the daemon */
	MSG_GONE, /* a task ended */
};

/* Numbers in network order. They are bytes, so that records have no gaps. */
typedef struct {
	unsigned char b[4];
} be32;
typedef struct {
	unsigned char b[8];
} be64;

static inline be32 to_be32(uint32_t value)
{
	return (be32){ { value >> 24, value >> 16, value >> 8, value } };
}

static inline uint32_t from_be32(be32 n)
{
	return (uint32_t)n.b[0] << 24 | (uint32_t)n.b[1] << 16 | (uint32_t)n.b[2] << 8 | n.b[3];
}

static inline be64 to_be64(uint64_t value)
{
	be32 high = to_be32(value >> 32), low = to_be32(value);

	return (be64){ { high.b[0], high.b[1], high.b[2], high.b[3], low.b[0], low.b[1], low.b[2],
		low.b[3] } };
}

static inline uint64_t from_be64(be64 n)
{
	be32 high = { { n.b[0], n.b[1], n.b[2], n.b[3] } };
	be32 low = { { n.b[4], n.b[5], n.b[6], n.b[7] } };

	return (uint64_t)from_be32(high) << 32 | from_be32(low);
}

struct msg_hello {
	be32 version;
	be32 processors; /* tasks that it runs at a time */
	be32 slots;      /* tasks that it holds at a time */
	be32 format;     /* hpvm_format of the machine */
	char arch[HPVM_LEVEL_NAME], os[HPVM_LEVEL_NAME];
	be32 n_levels;
	char levels[HPVM_TRAIT_LEVELS][HPVM_LEVEL_NAME];
};

struct msg_welcome {
	be32 version;
	be32 format;
	char host[HPVM_NAME]; /* name of the client's host, for texts */
};

/* Followed by the name, without a NUL. */
struct msg_share {
	be32 id, type, flags;
	be64 bytes;
	be32 name_bytes;
};

struct msg_kernel {
	be32 spawn; /* counts */
	unsigned char hash[HPVM_HASH];
	be64 bytes;
	be32 argtype;
	be32 source; /* 1: it is to be compiled first */
};

struct msg_ready {
	be32 spawn;
	be32 good; /* 0: the text says why it is not */
	char text[HPVM_TEXT];
};

/* Part of a kernel or of the share `id`. What comes late is known by spawn and copy. */
struct msg_piece {
	be32 spawn;
	be32 id;
	be32 copy; /* counts the copies that a client has had */
	be64 start;
	be32 bytes;
	be32 zero; /* all bytes are zero and do not follow */
};

/* Followed by the block. */
struct msg_task {
	be64 task;
	be32 attempt; /* no two of a parent have the same number */
	be32 ticket;  /* comes back with the report */
	be32 block;   /* 1: it has a block, though of 0 bytes */
	be32 bytes;
};

/* A task that returned HPVM_OK. Followed by its merges. */
struct msg_done {
	be64 task;
	be32 attempt, ticket;
	be32 microseconds;
	be32 merges;
};

enum hpvm_cause { CAUSE_RETURNED, CAUSE_CRASHED };

struct msg_failed {
	be64 task;
	be32 attempt, ticket;
	be32 cause; /* enum hpvm_cause: CAUSE_CRASHED may be tried again */
	be32 code;  /* what kernel_main returned */
	char text[HPVM_TEXT];
};

/* A range of a share, in bytes. Followed by its contents. */
struct merge_range {
	be32 share;
	be64 start, bytes;
};

/* Merges ahead of the report of the task with this ticket; a struct merge_range follows. */
struct msg_merge {
	be64 task;
	be32 attempt, ticket;
};

#endif
