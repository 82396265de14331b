/* SPDX-License-Identifier: MIT */
/* How long runs of bytes get into messages and out of them. */
#ifndef PVM3PY_LIBPVM_COPY_H
#define PVM3PY_LIBPVM_COPY_H

#include "message/segment.h"

enum {
	COPY_LONG = 16384,    /* bytes of a run that is worth the care */
	COPY_HUGE = 12 << 20, /* bytes of one that caches do not hold until it is read again */
};

/* How bytes are copied. A machine may not have the other ways than the first. */
enum copy_way {
	COPY_THROUGH, /* the caches */
	COPY_PAST,    /* written past them */
	COPY_AROUND,  /* the same, and read so that they keep what they have */
};

void pvm__copy(unsigned char *to, const unsigned char *from, size_t n, enum copy_way);
/* The way out of a message for a run that is taken at once. */
static inline enum copy_way pvm__copy_way_out(size_t run)
{
	return run >= COPY_HUGE ? COPY_AROUND : COPY_THROUGH;
}
/* What was copied in that way is written before anything that follows. */
void pvm__copy_finish(enum copy_way);

/* A run that is being written to a fragment. */
struct copying {
	struct copy_choice *choice; /* that learns what it costs; NULL: none */
	size_t bytes;
	uint64_t body; /* bytes of the message, as far as they are known */
	int64_t start; /* monotonic ns; 0: it is not timed */
	enum copy_way way;
};
/* What is known of a body to which `more` bytes are being appended. */
static inline uint64_t pvm__copy_body(const struct message *m, size_t more)
{
	return (uint64_t)(m->nfrags - 1) * SHARE_BLOCK + m->frags[m->nfrags - 1].len + more;
}
/*
 * A run is going to be written to the end of the fragment, of a message with such a body. Returns how
 * that is to happen.
 */
enum copy_way pvm__copy_begin(struct copying *, const struct fragment *, size_t bytes,
	uint64_t body);
/* It is written. */
void pvm__copy_end(const struct copying *);

#endif
