/* SPDX-License-Identifier: MIT */
/* The kernel of a spawn, from the parent's offer to a memory file that runners can load. */
#ifndef HPVMC_KERNEL_H
#define HPVMC_KERNEL_H

#include <stdbool.h>
#include "libhpvm/select.h"

enum kernel_news { KERNEL_WAITS, KERNEL_HERE, KERNEL_UNUSABLE };

/* The parent offers a kernel: what is not known here is asked for. */
enum kernel_news kernel_offered(int parent, const struct hpvm_traits *traits);

/* A piece of it has come. */
enum kernel_news kernel_piece(int parent);

/* The type of its arguments; the spawn that the kernel belongs to; its memory file; why it is unusable. */
int kernel_argtype(void);
unsigned kernel_spawn(void);
int kernel_file(void);
const char *kernel_why(void);

#endif
