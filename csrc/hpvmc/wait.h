/* SPDX-License-Identifier: MIT */
/* Waiting for words in memory that processes have in common. */
#ifndef HPVMC_WAIT_H
#define HPVMC_WAIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Microseconds of a clock that only goes on. */
uint64_t now_us(void);

/* Wait until the word is not `seen`: first by leaving the processor to others for a short while,
 * then asleep. It may return early, at the latest after a second. */
void wait_change(_Atomic uint32_t *word, uint32_t seen);

/* Wake those that sleep for the word. */
void wake_all(_Atomic uint32_t *word);

/* The client's bell, on which it polls: false with errno. */
bool bell_make(void);
int bell_descriptor(void);

/* From the client: nothing is to be done, so it wants to be woken. It looks once more after this,
 * and takes it back when it goes on. */
void client_idles(void);
void client_goes_on(void);

/* From a runner: wake the client if it is idle. */
void wake_client(void);

/* From a runner: the client is to look what is asked for. */
void ask_client(void);

#endif
