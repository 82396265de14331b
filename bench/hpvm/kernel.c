/* SPDX-License-Identifier: MIT */
#include "hpvm.h"
#include "rows.h"
#include "work.c"

static char big[BIG];

static int roots(long id)
{
	float *all = hpvm_get_share("roots");

	chunk(all, id * CHUNK, (id + 1) * CHUNK);
	return hpvm_merge_share("roots", all, id * CHUNK, (id + 1) * CHUNK);
}

int kernel_main(long id, long size, long *args)
{
	if (size < (long)sizeof *args)
		return HPVM_OK;
	switch (args[0]) {
	case ROOTS: return roots(id);
	case MILLISECONDS: millisecond(); return HPVM_OK;
	case GET: return hpvm_get_share("big") ? HPVM_OK : HPVM_NOSHARE;
	case MERGE: return hpvm_merge_share("big", big, 0, BIG);
	default: return HPVM_BADARG;
	}
}
