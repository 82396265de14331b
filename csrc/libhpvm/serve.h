/* SPDX-License-Identifier: MIT */
/* The parent's part of a spawn: tasks, kernels and shares for the clients, as they ask. */
#ifndef HPVM_SERVE_H
#define HPVM_SERVE_H

#include "job.h"
#include "tree.h"

/* What a spawn is about. */
struct spawn {
	struct job *job;
	const struct hpvm_tree *tree;
	char refused[1024]; /* why hosts have no kernel, for HPVM_NOKERNEL */
	bool had_kernel;    /* some host could load one */
};

/* Offer a kernel to each client that is there. */
void hpvm__serve_begin(struct spawn *s);

/* Give out tasks, then wait for messages and do what they ask for. False when no client is left
 * that could do any task, or the job has an error. */
bool hpvm__serve_once(struct spawn *s);

/* The spawn is over for the clients. */
void hpvm__serve_end(struct spawn *s);

#endif
