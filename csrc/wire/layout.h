/* SPDX-License-Identifier: MIT */
/*
 * Byte layouts of the PVM 3.4 wire protocol, and this project's extensions.
 * Message numbers are in include/pvmproto.h.  Shared by the task library, the
 * switch and (as constants) Python: every #define is an integer constant.
 *
 * A stream between task and daemon, or between two tasks, is a sequence of
 * fragments: a 16-byte fragment header, then `length` bytes, of which the first
 * 32 are the message header if the fragment is the first of its message.
 * All header words are big-endian.
 */
#ifndef PVM3PY_LAYOUT_H
#define PVM3PY_LAYOUT_H

#include <stdint.h>
#include <string.h>

#include "pvmproto.h"

/* Offsets in the fragment header. */
#define WIRE_FRAG_DST 0
#define WIRE_FRAG_SRC 4
#define WIRE_FRAG_LENGTH 8
#define WIRE_FRAG_FLAGS 12 /* one byte; bytes 13 to 15 are zero */

/* Offsets in the message header.  Words 12, 24 and 28 hold no defined value in 3.4.6. */
#define WIRE_MSG_ENC 0
#define WIRE_MSG_TAG 4
#define WIRE_MSG_CTX 8
#define WIRE_MSG_WID 16
#define WIRE_MSG_CRC 20

/* Room that a packing library leaves in front of the data of each fragment. */
#define WIRE_HEADROOM (TDFRAGHDR + MSGHDRLEN)

/* Fragment size that 3.4.6 uses between task and daemon ("udpmax"). */
#define WIRE_FRAG_DEFAULT 4080
/* Bounds of PvmFragSize. */
#define WIRE_FRAG_MIN 52
#define WIRE_FRAG_MAX 1048576
/* A connection that is not enrolled yet may not send longer fragments. */
#define WIRE_FRAG_ENROLLING 4080

/* Encoding words of the message header. */
#define WIRE_ENC_XDR 0x10000000
#define WIRE_ENC_INPLACE 0x20000000 /* inside a task only, never on the wire */
#define WIRE_ENC_TRACE 0x40000000

/* Source address of a task that has no tid yet. */
#define WIRE_TID_NONE 0xffffffffu

/*
 * Extension block.  Behind the task name of the TM_CONN2 request and behind
 * schedtid in its reply, places that 3.4.6 ignores, stand three XDR ints:
 * WIRE_EXT_MAGIC, a set of WIRE_EXT_ capability bits, and a fragment size.  The
 * library names the largest fragment it likes to
 * send, the daemon answers with the one to use.
 *
 * Two more ints follow those of the request: the signal that asks the task to stop for a move (0: it
 * heeds none), and the version of the images that its library makes.
 */
#define WIRE_EXT_MAGIC 0x70334578
/*
 * Behind the path in TM_CONNECT the library puts WIRE_EXT_MAGIC alone: if the kernel tells the daemon
 * who has connected, that needs no file to be written into, and accepts with an empty path.
 */
/* The daemon sees to it that what a resource manager leaves open when it ends is answered. */
#define WIRE_EXT_MANAGER 1
/* The daemon serves TM_NOTICES. */
#define WIRE_EXT_NOTICES 4
/*
 * TC_OUTPUT, as TO_EOF and behind it: the wait(2) status of a task's process follows. It is sent
 * only to who has asked for it.
 */
#define WIRE_TO_STATUS (-3)
/* This version of the library makes no images, so its tasks stay where they are. */
#define WIRE_IMAGE_NONE 0
/* Fragment size that this project's library and daemon agree on. */
#define WIRE_FRAG_LARGE 65536

/*
 * What a daemon can: WIRE_DAEMON_CAN_ bits, 0: no more than 3.4.6.  A slave says it in its greeting,
 * in front of the last field, where it is read whenever the greeting is whole: "can:1 dsig<...>".  A
 * master says it of all hosts that DM_HTUPD lists, behind the last of them: WIRE_EXT_MAGIC, a count,
 * then index and bits of each that has some.
 */
/* It says what it can, and takes that list. */
#define WIRE_DAEMON_CAN_TELL 1
/* Tasks may move to and from it: moves.h. */
#define WIRE_DAEMON_CAN_MOVE 2

/*
 * Codes of this project.  Each family, TM_ DM_ SM_ TC_, has a block of WIRE_OWN_CODES from its
 * FIRST + WIRE_OWN_FIRST on, and they are sent only to who has said that it takes them.  The codes
 * below and in share.h are in the first 16 of them; the others are kept for tasks that move.
 */
#define WIRE_OWN_FIRST 64
#define WIRE_OWN_CODES 128
#define WIRE_OWN_MOVES 80

/*
 * TM_NOTIFY has no answer, so a library of this project asks with TM_NOTICES, which has the same
 * body, when the daemon might refuse.  The answer is an XDR int: how many more notices the task may
 * ask for, or an error code.
 */
#define TM_NOTICES (TM_FIRST + 65)
/* Notices that a daemon of this project keeps for a task, as long as it has said nothing else. */
#define WIRE_NOTICES_MAX 100000
/* Tids in a request of either kind that a daemon serves at once. */
#define WIRE_NOTICES_LISTED 4096

/*
 * A task that has been spawned as its parent's nursery on this host forks what that spawns: the
 * daemon sends it SM_STTASK with the body ForkTask (pvm3py/wire/system.py), and gets TM_FORKED: tid
 * and process id of the task, or -1. The process is the daemon's child. TM_FORKED has no answer.
 */
#define TM_FORKED (TM_FIRST + 66)

/* Receivers in a TM_MCA that a daemon of this project takes. */
#define WIRE_RECEIVERS_MAX (1 << 20)

/*
 * Packets between daemons (UDP).  Offsets in the packet header of DDFRAGHDR
 * bytes; sequence and acknowledgement are 16-bit words, flags FFSOM ... FFACK.
 * 3.4.6 writes zeros behind the flags and ignores them, as it does the two
 * flags named here; docs/links.md says what this project's daemons put there.
 */
#define WIRE_PKT_DST 0
#define WIRE_PKT_SRC 4
#define WIRE_PKT_SEQ 8
#define WIRE_PKT_ACK 10
#define WIRE_PKT_FLAGS 12
#define WIRE_PKT_CRC 13     /* three bytes: check of the whole packet, or 0: none */
#define WIRE_PKT_WRAPS 12   /* bits of each count of wraps that the check covers */
#define WIRE_PKT_ASK 32     /* flag: acknowledge (or answer) at once */
#define WIRE_PKT_CONTROL 64 /* flag: the data are records for the link (WIRE_CONTROL_) */
#define WIRE_PKT_MOVED 128  /* flag: the receiver is meant, though the task bears another number */
#define WIRE_PKT_PASSED 192 /* both: the task has moved here from the host that passes this on */

/* Records of a control packet: two words each, what and which address. */
#define WIRE_CONTROL_PAUSE 1
#define WIRE_CONTROL_RESUME 2

/*
 * Extension block of a link: behind the header of packets with neither FFDAT
 * nor FFFIN.  The words of the list of received packets follow it, as many as
 * the count says; its first bit (the highest one) stands for the packet after
 * the next one expected.  Behind the list is a word with a set of WIRE_LINK_CAN_ bits.
 */
#define WIRE_LINK_MAGIC 0       /* WIRE_EXT_MAGIC */
#define WIRE_LINK_COUNT 4       /* 16 bits: words of the list */
#define WIRE_LINK_EXPECTED 6    /* 16 bits: sequence number of the next packet expected */
#define WIRE_LINK_LONGEST 8     /* longest packet taken, header included */
#define WIRE_LINK_WINDOW 12     /* room for packets that are not taken yet, bytes */
#define WIRE_LINK_DUPLICATES 16 /* packets received more than once so far */
#define WIRE_LINK_BYTES 20
#define WIRE_LINK_WORDS 40 /* most words of the list */
/* The most bytes of a block. */
#define WIRE_LINK_MAX 184
/* The sender's checks cover how often the sequence numbers have wrapped, and it expects that. */
#define WIRE_LINK_CAN_WRAP 1

/* UDP payload that a daemon of 3.4.6 takes, and so what is advertised to everybody. */
#define WIRE_PKT_DEFAULT 4080
/* Longest packet between daemons of this project, and the least that a host may ask for. */
#define WIRE_PKT_LARGE 60000
#define WIRE_PKT_LEAST 128

/* Read and write a big-endian 32-bit word at any address. */
static inline uint32_t wire_get32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof v);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	v = __builtin_bswap32(v);
#endif
	return v;
}

static inline void wire_put32(void *p, uint32_t v)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	v = __builtin_bswap32(v);
#endif
	memcpy(p, &v, sizeof v);
}

/* The same for 16-bit words. */
static inline uint16_t wire_get16(const void *p)
{
	const unsigned char *b = p;

	return (uint16_t)(b[0] << 8 | b[1]);
}

static inline void wire_put16(void *p, uint16_t v)
{
	unsigned char *b = p;

	b[0] = (unsigned char)(v >> 8);
	b[1] = (unsigned char)v;
}

/* Classes of addresses (tids). */
static inline int wire_is_task(uint32_t tid)
{
	return !(tid & 0xc0000000u) && (tid & TIDLOCAL);
}

static inline int wire_is_daemon(uint32_t tid)
{
	return (tid & 0xc0000000u) == 0x80000000u && !(tid & TIDLOCAL);
}

static inline int wire_is_multicast(uint32_t tid)
{
	return (tid & 0xc0000000u) == 0x40000000u;
}

#endif
