/* SPDX-License-Identifier: MIT */
/* What this host is: the levels of a kernel tree that its processor can run. */
#ifndef HPVMC_CPU_H
#define HPVMC_CPU_H

#include "libhpvm/select.h"

/*
 * Fill in the traits of this host. $HPVM_LEVELS, a list of levels with commas between them, masks
 * them: levels that it does not name are left out. Empty or "generic", nothing but generic is left.
 */
void hpvmc_traits(struct hpvm_traits *traits);

/* Print the traits on standard output as one line, "x86-64 linux x86-64-v3 x86-64-v2"; 0. It is what
 * `hpvmc traits` does, by which the command hpvm asks hosts. */
int hpvmc_print_traits(void);

#endif
