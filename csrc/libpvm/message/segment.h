/* SPDX-License-Identifier: MIT */
/*
 * The own segment: memory that this task alone writes, and its peers read. Its layout is in
 * csrc/wire/share.h. There is one per connection to the daemon, if at all (task.segment).
 */
#ifndef PVM3PY_LIBPVM_SEGMENT_H
#define PVM3PY_LIBPVM_SEGMENT_H

#include "message/message.h"
#include "share.h"

/*
 * Make it, with rings of `ring` bytes and at most `arena` bytes of blocks. 0; PvmNoMem, PvmSysErr:
 * the system does not allow it.
 */
int pvm__segment_open(uint32_t generation, uint32_t ring, uint32_t arena);
/* The connection ends: it stays as it is, and goes with the last block that is in use. */
void pvm__segment_close(void);

/* All below: there is one. */

struct share_home *pvm__segment_home(void);
struct mapping *pvm__segment_mapping(void);
/* The eventfd that wakes this task. */
int pvm__segment_bell(void);
/* A new descriptor of it that can be read only, to be given away; -1: there is none. */
int pvm__segment_gift(void);
/* Have memory behind these bytes. False: there is none. */
bool pvm__segment_back(uint32_t offset, uint32_t bytes);

/* Its two descriptors; in a restarted task: they do not exist any more. */
void pvm__segment_descriptors(int fds[2]);
void pvm__segment_uproot(void);

/* A block of the arena, one reference; NULL: there is none left. */
struct block *pvm__segment_block(void);
/* Where a fragment lies in the arena; false: elsewhere. */
bool pvm__segment_piece(const struct fragment *, struct share_piece *);
/*
 * Give memory back that was not used for a while, a bounded part at a time: to be called now and
 * then, and while the task waits. True: there may be more to give back in a second.
 * That is not so for ever where others have kept the rest for seconds.
 */
bool pvm__segment_rest(int64_t now);

#endif
