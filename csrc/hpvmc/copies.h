/* SPDX-License-Identifier: MIT */
/* Shares on this host: which there are, and copies of those that kernels asked for. */
#ifndef HPVMC_COPIES_H
#define HPVMC_COPIES_H

#include <stdbool.h>
#include <stdint.h>

/* A spawn begins, of this number: no shares are known. */
void copies_begin(uint32_t spawn);

/* The spawn is over: memory of all copies is given back. Runners must have ended. */
void copies_end(void);

/* Shares of a message, and a piece of one. False if the message makes no sense. */
bool copies_learn(void);
bool copies_take_piece(void);

/* Ask the parent for the shares that runners want. */
void copies_fetch(int parent);

/* A task failed that may have written to the copies: who asks from now on gets new ones. */
void copies_retire(void);

#endif
