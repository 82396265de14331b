/* SPDX-License-Identifier: MIT */
/* Items of one machine as those of another, whose numbers have another order or size. */
#ifndef HPVM_CONVERT_H
#define HPVM_CONVERT_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of an item on a machine of this format: hpvm__format. */
int hpvm__size_in(int type, uint32_t format);

/*
 * Convert items; `to` and `from` do not overlap. Items without a type are copied.
 *
 * Returns how many were converted: fewer than `count` if the next one does not fit there, whose
 * value is in *misfit then.
 */
size_t hpvm__convert(void *to, uint32_t to_format, const void *from, uint32_t from_format,
	size_t count, int type, long long *misfit);

#endif
