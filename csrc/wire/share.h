/* SPDX-License-Identifier: MIT */
/*
 * Messages through shared memory, between tasks of one daemon: the layout of a task's segment, and
 * what tasks and daemon say about segments. Extensions of this project; docs/memory.md tells the whole.
 *
 * A task's segment is written by that task alone; its peers map it for reading. It begins with the
 * home, then come slots, one per peer, then rings, then the arena. All words have a fixed width, in
 * the byte order of the machine; counters wrap. There are no pointers.
 */
#ifndef PVM3PY_SHARE_H
#define PVM3PY_SHARE_H

#include <stdint.h>

#include "pvmproto.h"

/* ---- talk ------------------------------------------------------------------ */

/* Capability bit of the extension block: messages may go through memory. */
#define WIRE_EXT_MEMORY 2

/*
 * Tags of the talk, with context SYSCTX_TM and SYSCTX_TC. TM_SHARE goes from a task to its daemon,
 * TC_SHARE from the daemon to a task, both with a body of three XDR ints: what (SHARE_...), a peer,
 * a number. The switch alone serves them. TC_MARK goes from task to task, without a body; its wait
 * id is the mark's number. Mark 0 follows an ACCEPT: the ring of who has said that can be read.
 * TC_AGAIN does, too, when the receiver leaves the memory: the sender's next message by this stream is
 * a copy of the last record of its ring, which ends where the wait id says. One of them counts: the
 * record if `final` covers it.
 */
#define TM_SHARE (TM_FIRST + 64)
#define TC_SHARE (TC_FIRST + 64)
#define TC_MARK (TC_FIRST + 65)
#define TC_AGAIN (TC_FIRST + 66)

/*
 * What is said. "Peer" is, in TM_SHARE, the task it is about, in TC_SHARE, the task it comes from.
 *
 * OFFER   task: here are the descriptors of my segment and my bell, which come with the first byte of
 *         this fragment; peer 0. It is answered only if they are not taken: REFUSE, peer 0, NEVER.
 *         daemon: I need them before you can be linked with this peer.
 * LINK    let us be linked; the number is the sender's slot. Passed on with the sender's
 *         descriptors, at this place of what the sender has sent. Of two that cross each other the
 *         daemon passes on the first.
 * ACCEPT  the same as the answer. Descriptors that were lost on the way are missing in both.
 * REFUSE  no; the number is SHARE_LATER or SHARE_NEVER. Also the daemon's own answer. To ACCEPT:
 *         I cannot read what you write, and have read nothing. The pair has ended.
 * CLOSE   nothing more comes by memory from me to you.
 * DONE    as the answer: I hold nothing of yours any more, and your slot for me is free. The pair
 *         ends when no CLOSE is without its DONE; a DONE that answers no CLOSE ends it, too.
 * GONE    daemon: the peer has ended; all that it had sent by its stream comes before. Also to whom
 *         it has asked, and who has asked it.
 * STOP    daemon: your messages to the peer must pass me, for one of you has become the other's
 *         resource manager. Send nothing more by memory, say CLOSE, ask no more. What is in memory
 *         is received as ever. Both sides are told; DONE ends the pair as above.
 *
 * What concerns a pair that has ended meanwhile is ignored: the GONE, REFUSE or DONE that ended it
 * is on its way to the sender.
 */
#define SHARE_OFFER 1
#define SHARE_LINK 2
#define SHARE_ACCEPT 3
#define SHARE_REFUSE 4
#define SHARE_CLOSE 5
#define SHARE_DONE 6
#define SHARE_GONE 7
#define SHARE_STOP 8

#define SHARE_LATER 1 /* not now: the task is not there yet, or has no free slot */
#define SHARE_NEVER 2

/* Bytes of the body, and where its words are. */
#define SHARE_BODY 12
#define SHARE_WHAT 0
#define SHARE_PEER 4
#define SHARE_NUMBER 8

/* ---- the segment ------------------------------------------------------------- */

#define SHARE_MAGIC 0x70334d65
#define SHARE_VERSION 1

#define SHARE_SLOTS 63   /* slots, and rings */
#define SHARE_REFS 256   /* bodies by reference on their way to one peer */
#define SHARE_RING 32768 /* most bytes of a ring; sizes are powers of two */
#define SHARE_RING_MIN 4096
#define SHARE_BLOCK 65536 /* bytes of an arena block */
#define SHARE_SIZE (64 << 20)
#define SHARE_SIZE_32 (8 << 20) /* of a program with 32-bit pointers */

/* Where things begin: the first slots are in the home's page. */
#define SHARE_SLOTS_AT 256
#define SHARE_RINGS_AT 32768
#define SHARE_ARENA_AT (2 << 20)

/* Flags of the state. */
#define SHARE_LEFT 1  /* takes no more than the final tails say ... */
#define SHARE_FINAL 2 /* ... which are noted now */

struct share_home {
	uint32_t magic, version;
	uint32_t tid, generation; /* of the connection to the daemon */
	uint32_t size;            /* bytes of the segment */
	uint32_t ring;            /* bytes of each ring */
	uint32_t inside;          /* waits inside the library */
	uint32_t processor;       /* that the task ran on when its last wait began; ~0: not known */
	uint32_t room;            /* bytes of bodies that the arena may have */
	uint32_t pad[7];
	/* 64: who sends looks at this line after each message. It changes with sleeps alone. */
	uint32_t epoch; /* odd: asleep; a sender rings the bell once for each value */
	uint32_t flags; /* SHARE_LEFT, SHARE_FINAL */
	uint32_t pad2[14];
	/* 128: counters, for whoever is curious. */
	uint64_t messages, bytes, references; /* sent */
	uint64_t received;
	uint64_t bells;    /* rung */
	uint64_t waits;    /* for room */
	uint64_t marks;    /* written */
	uint64_t streamed; /* messages to a linked peer that went by a stream */
	uint64_t opened;   /* links, so far */
	uint64_t links;    /* open now */
	uint64_t arena;    /* blocks in use */
	uint64_t moves;    /* to another processor */
};

/* One peer's slot: what this task says about both directions. */
struct share_slot {
	/* To the peer. */
	uint32_t tail; /* bytes written to the ring so far */
	uint32_t want; /* room is waited for: ring the bell when half of it is free */
	uint32_t pad[14];
	/* From the peer. */
	uint32_t head;     /* bytes taken from the peer's ring so far */
	uint32_t returned; /* references given back so far */
	uint32_t mark;     /* last mark that has come by a stream */
	uint32_t final;    /* with SHARE_FINAL: what the peer has written beyond is not taken */
	uint32_t pad2[12];
	uint8_t back[SHARE_REFS]; /* numbers of references given back; a ring */
};

/* A message in a ring; the next one begins at a multiple of 8 bytes. */
struct share_record {
	uint32_t size;   /* of the whole record, in bytes; a multiple of 8 */
	uint16_t kind;   /* SHARE_INLINE ... */
	uint16_t ref;    /* number of the reference */
	uint32_t mark;   /* must have come before this is delivered */
	uint32_t length; /* bytes of the body */
	uint64_t time;   /* when it was written, monotonic ns: the order among all rings */
	uint32_t enc, tag, ctx, wid;
	/* The body, or pieces of it: struct share_piece. */
};

#define SHARE_INLINE 1
#define SHARE_REFERENCE 2
#define SHARE_PAD 3 /* nothing: the next record begins behind it */

#define SHARE_INLINE_MAX 2048 /* longest body that lies in the ring */

struct share_piece {
	uint32_t offset, length;
};

#endif
