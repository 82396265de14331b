/* SPDX-License-Identifier: MIT */
/*
 * Settings of tracing: who gets trace and output of this task and of its
 * children, masks, and how they change while the task runs.
 */
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "ask.h"
#include "option.h"

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

/* ---- changes asked for by tracers, consoles and the like ------------------- */

/* Copy a mask if it has the right length. */
static void take_mask(Pvmtmask mask, const char *text)
{
	if (strlen(text) == TEV_MASK_LENGTH - 1)
		memcpy(mask, text, TEV_MASK_LENGTH);
}

static void take_options(int buffer, int options)
{
	pvmtrc.trcbuf = pvmctrc.trcbuf = buffer > 0 ? buffer : 0;
	pvmtrc.trcopt = pvmctrc.trcopt = options > 0 ? options : 0;
}

/* Handler of TC_SETTRACE: new destinations and settings; tid 0 leaves one as it is. */
int pvm__tc_settrace(int mid)
{
	int trctid, trcctx, trctag, outtid, outctx, outtag, buffer, options;
	char *mask = NULL;

	if (pvm__get(pvm__message_of(mid), "iiiiiisii", &trctid, &trcctx, &trctag, &outtid, &outctx,
		    &outtag, &mask, &buffer, &options) == 0) {
		if (trctid) {
			pvm__trace_flush();
			pvmtrc.trcctx = trcctx;
			pvmtrc.trctag = trctag;
			pvm__redirect_trace(trctid);
			take_mask(pvmtrc.tmask, mask);
			take_mask(pvmctrc.tmask, mask);
			take_options(buffer, options);
		}
		if (outtid) {
			pvmtrc.outctx = outctx;
			pvmtrc.outtag = outtag;
			pvm__redirect_output(outtid);
		}
	}
	free(mask);
	return 0;
}

/* Handler of TC_SETTMASK. */
int pvm__tc_settmask(int mid)
{
	char *mask;

	if (pvm__get_str(pvm__message_of(mid), &mask) == 0) {
		take_mask(pvmtrc.tmask, mask);
		free(mask);
	}
	return 0;
}

/* Handler of TC_SETTRCBUF. */
int pvm__tc_settrcbuf(int mid)
{
	pvm__trace_flush();
	pvm__get_int(pvm__message_of(mid), &pvmtrc.trcbuf);
	return 0;
}

/* Handler of TC_SETTRCOPT. */
int pvm__tc_settrcopt(int mid)
{
	pvm__trace_flush();
	pvm__get_int(pvm__message_of(mid), &pvmtrc.trcopt);
	return 0;
}
