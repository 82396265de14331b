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
#define WIRE_FRAG_DST    0
#define WIRE_FRAG_SRC    4
#define WIRE_FRAG_LENGTH 8
#define WIRE_FRAG_FLAGS  12 /* one byte; bytes 13 to 15 are zero */

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
#define WIRE_ENC_XDR     0x10000000
#define WIRE_ENC_INPLACE 0x20000000 /* inside a task only, never on the wire */
#define WIRE_ENC_TRACE   0x40000000

/* Source address of a task that has no tid yet. */
#define WIRE_TID_NONE 0xffffffffu

/*
 * Extension block.  Behind the task name of the TM_CONN2 request and behind
 * schedtid in its reply, places that 3.4.6 ignores, stand three XDR ints:
 * WIRE_EXT_MAGIC, a set of WIRE_EXT_ capability bits (none defined yet: 0),
 * and a fragment size.  The library names the largest fragment it likes to
 * send, the daemon answers with the one to use.
 */
#define WIRE_EXT_MAGIC 0x70334578
/* Fragment size that this project's library and daemon agree on. */
#define WIRE_FRAG_LARGE 65536

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
