/* SPDX-License-Identifier: MIT */
/* TC_ messages: the handlers that the library itself has, from enrolment to exit. */
#include "engine/engine.h"

#include <stdlib.h>
#include <string.h>

/* TC_NOOP. */
static int ignore(int mid)
{
	(void)mid;
	return 0;
}

/* ---- trace --------------------------------------------------------------- */

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

/* TC_SETTRACE: new destinations and settings; tid 0 leaves one as it is. */
static int set_trace(int mid)
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

/* TC_SETTMASK. */
static int set_mask(int mid)
{
	char *mask;

	if (pvm__get_str(pvm__message_of(mid), &mask) == 0) {
		take_mask(pvmtrc.tmask, mask);
		free(mask);
	}
	return 0;
}

/* TC_SETTRCBUF. */
static int set_buffer(int mid)
{
	pvm__trace_flush();
	pvm__get_int(pvm__message_of(mid), &pvmtrc.trcbuf);
	return 0;
}

/* TC_SETTRCOPT. */
static int set_options(int mid)
{
	pvm__trace_flush();
	pvm__get_int(pvm__message_of(mid), &pvmtrc.trcopt);
	return 0;
}

/* ---- family -------------------------------------------------------------- */

/* TC_SIBLINGS: the tids that one pvm_spawn started. */
static int set_siblings(int mid)
{
	struct task *t = &pvm__task;
	struct message *m = pvm__message_of(mid);
	int *tids;
	int n;

	if (pvm__get_int(m, &n) || n < 0 || (size_t)n > pvm__bytes_left(m) / sizeof(int))
		return 0;
	tids = malloc((size_t)n * sizeof *tids + 1);
	if (!tids) {
		pvm__lost_for_memory(m->src);
		return 0;
	}
	if (pvm__get_ints(m, tids, n)) {
		free(tids);
		return 0;
	}
	free(t->siblings);
	t->siblings = tids;
	t->nsiblings = n;
	return 0;
}

/* ---- table --------------------------------------------------------------- */

/* They are added first, so that their ids are 0 to 8. */
static const struct {
	int tag;
	int (*f)(int mid);
} library[] = {
	{ TC_CONREQ, pvm__tc_conreq },
	{ TC_CONACK, pvm__tc_conack },
	{ TC_TASKEXIT, pvm__tc_taskexit },
	{ TC_NOOP, ignore },
	{ TC_SETTRACE, set_trace },
	{ TC_SETTMASK, set_mask },
	{ TC_SETTRCBUF, set_buffer },
	{ TC_SETTRCOPT, set_options },
	{ TC_SIBLINGS, set_siblings },
};

int pvm__handlers_install(void)
{
	for (size_t i = 0; i < sizeof library / sizeof library[0]; i++)
		if (pvm__handler_add(-1, library[i].tag, SYSCTX_TC, library[i].f) == PvmNoMem)
			return PvmNoMem;
	return 0;
}
