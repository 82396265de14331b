/* SPDX-License-Identifier: MIT */
/* The parent's shares. */
#ifndef HPVM_SHARE_H
#define HPVM_SHARE_H

#include <stdbool.h>
#include <stdint.h>

struct share {
	char *name;
	unsigned char *data;
	uint64_t bytes;
	int type, flags;
};

/* How many shares there are, and the share number i; NULL if there is none. Numbers stay the same
 * during a spawn. */
int hpvm__share_count(void);
const struct share *hpvm__share_number(uint32_t i);

/* While a spawn is at work, shares may be added and not be taken away. */
void hpvm__shares_in_use(bool in_use);
bool hpvm__are_shares_in_use(void);

#endif
