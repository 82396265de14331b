/* SPDX-License-Identifier: MIT */
/* Types of items on this machine. */
#ifndef HPVM_TYPE_SIZES_H
#define HPVM_TYPE_SIZES_H

#include <stdbool.h>
#include <stdint.h>

/* Bytes of an item; 1 of untyped ones, 0 if there is no such type. */
int hpvm__type_size(int type);

/* The type's name in C. */
const char *hpvm__type_name(int type);

/* Order and sizes of this machine's numbers: machines of equal formats exchange items as they
 * are. */
uint32_t hpvm__format(void);

#endif
