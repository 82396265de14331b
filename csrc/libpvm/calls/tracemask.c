/* SPDX-License-Identifier: MIT */
/* Trace masks: which events this task and its children make. */
#include "calls/api.h"

#include <string.h>

/* Mask of PvmTaskSelf or PvmTaskChild; NULL: there is no such one. */
static char *mask_of(int who)
{
	switch (who) {
	case PvmTaskSelf: return pvmtrc.tmask;
	case PvmTaskChild: return pvmctrc.tmask;
	default: return NULL;
	}
}

/* Copy a trace mask out. 0, PvmBadParam. */
int pvm_gettmask(int who, Pvmtmask mask)
{
	API_LOCK();
	char *from = mask_of(who);

	if (!from || !mask)
		return pvm__result("pvm_gettmask", PvmBadParam);
	memcpy(mask, from, TEV_MASK_LENGTH);
	return 0;
}

/* Set a trace mask. 0, PvmBadParam. */
int pvm_settmask(int who, Pvmtmask mask)
{
	API_LOCK();
	char *to = mask_of(who);

	if (!to || !mask)
		return pvm__result("pvm_settmask", PvmBadParam);
	memcpy(to, mask, TEV_MASK_LENGTH);
	return 0;
}
