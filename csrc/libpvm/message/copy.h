/* SPDX-License-Identifier: MIT */
/* How long runs of bytes get into messages and out of them. */
#ifndef PVM3PY_LIBPVM_COPY_H
#define PVM3PY_LIBPVM_COPY_H

#include "message/segment.h"

enum { COPY_LONG = 16384 }; /* bytes of a run that is worth the care */

/* Copy bytes. `past`: past the caches, by a way that this machine may not have. */
void pvm__copy(unsigned char *to, const unsigned char *from, size_t n, bool past);

/* A run that is being written to a fragment. */
struct copying {
	struct copy_choice *choice; /* that learns what it costs; NULL: none */
	size_t bytes;
	uint64_t body; /* bytes of the message, as far as they are known */
	int64_t start; /* monotonic ns; 0: it is not timed */
	bool past;
};
/* What is known of a body to which `more` bytes are being appended. */
static inline uint64_t pvm__copy_body(const struct message *m, size_t more)
{
	return (uint64_t)(m->nfrags - 1) * SHARE_BLOCK + m->frags[m->nfrags - 1].len + more;
}
/*
 * A run is going to be written to the end of the fragment, of a message with such a body. Returns
 * whether that is to happen past the caches, with pvm__copy.
 */
bool pvm__copy_begin(struct copying *, const struct fragment *, size_t bytes, uint64_t body);
/* It is written. */
void pvm__copy_end(const struct copying *);

#endif
