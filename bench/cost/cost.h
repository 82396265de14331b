/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the driver of costs share: the form of a case, and lists of them.
 *
 * Only the public interface of PVM is used, so that it compiles against any PVM 3.4 library.
 */
#ifndef BENCH_COST_H
#define BENCH_COST_H

#include "../common.h"

/*
 * A call whose processor time is measured.
 *
 * name   what main.c and `python -m bench` call it
 * begin  once, before all; NULL: nothing to do
 * ready  before each batch of `n` operations, outside the measured time; NULL: nothing to do
 * op     the operation
 * most   operations in a batch at most; 0: as many as one likes
 * end    once, after all; NULL: nothing to do
 */
struct cost_case {
	const char *name;
	void (*begin)(void);
	void (*ready)(int n);
	void (*op)(void);
	int most;
	void (*end)(void);
};

/* Lists, each ended by a case without a name. */
extern const struct cost_case cost_buffers[];  /* buffers and settings: nothing is sent */
extern const struct cost_case cost_items[];    /* packing and unpacking */
extern const struct cost_case cost_receives[]; /* messages that wait, handlers */
extern const struct cost_case cost_requests[]; /* the daemon takes part */
extern const struct cost_case cost_groups[];   /* the daemon and the group server take part */

extern int cost_tid;    /* own tid */
extern char *cost_peer; /* path of the peer program */

/* Send an empty message to this task itself. */
static inline void send_to_self(int tag)
{
	pvm_initsend(PvmDataRaw);
	CHECK(pvm_send(cost_tid, tag) == 0);
}

#endif
