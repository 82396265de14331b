/* SPDX-License-Identifier: MIT */
/* Item by item from the share "in.TYPE" to "out.TYPE", minus 1 where that is a number. */
#include <stdio.h>
#include "hpvm.h"

enum { COUNT = 8 };

#define COPY(t, change) \
	do { \
		t *in = hpvm_get_share("in." #t), *out = hpvm_get_share("out." #t); \
		if (!in || !out) \
			return HPVM_NOSHARE; \
		for (int i = 0; i < COUNT; i++) \
			out[i] = in[i] change; \
		return hpvm_merge_share("out." #t, out, 0, COUNT); \
	} while (0)

typedef unsigned short ushort_;
typedef unsigned int uint_;
typedef unsigned long ulong_;
typedef long long llong_;
typedef unsigned long long ullong_;

int kernel_main(long id, long size, long *args)
{
	(void)id;
	if (size != 2 * (long)sizeof *args || args[1] != -args[0])
		return HPVM_BADARG;
	switch (args[0]) {
	case 0: COPY(char, );
	case 1: COPY(short, -1);
	case 2: COPY(ushort_, -1);
	case 3: COPY(int, -1);
	case 4: COPY(uint_, -1);
	case 5: COPY(long, -1);
	case 6: COPY(ulong_, -1);
	case 7: COPY(llong_, -1);
	case 8: COPY(ullong_, -1);
	case 9: COPY(float, );
	case 10: COPY(double, );
	default: return HPVM_BADARG;
	}
}
