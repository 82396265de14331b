/* SPDX-License-Identifier: MIT */
/* pvm_setopt and pvm_getopt; pvm_catchout, which sets where the output of children goes. */
#include <limits.h>

#include "calls/api.h"

/* ---- destinations of children -------------------------------------------- */

/*
 * Children may report to nobody, to this task, or where this task itself
 * reports; in the last case with the same context and tag.
 */
static int set_child_tid(int *child, int tid, int own, bool same_tag)
{
	if (tid != 0 && !(tid > 0 && tid == pvmmytid) && !(tid == own && same_tag))
		return PvmBadParam;
	*child = tid;
	return 0;
}

static int set_child_word(int *child, int value, int child_tid, int own)
{
	if (child_tid > 0 && child_tid != pvmmytid && value != own)
		return PvmBadParam;
	*child = value;
	return 0;
}

/* ---- checked values ------------------------------------------------------ */

static int set_in_range(int *option, int value, int min, int max)
{
	if (value < min || value > max)
		return PvmBadParam;
	*option = value;
	return 0;
}

static inline int set_any(int *option, int value)
{
	*option = value;
	return 0;
}

/* The mailbox keeps the list of tasks that a reset spares. */
static int set_noreset(int on)
{
	static int index;
	int code = 0;

	if (pvmmytid == -1)
		return PvmBadParam;
	if (on && !pvm__task.option.noreset)
		code = index = pvm__mailbox_put_new(PVMNORESETCLASS, -1, PvmMboxMultiInstance,
			pvm__compose("i", pvmmytid));
	else if (!on && pvm__task.option.noreset)
		code = pvm__mailbox_remove(PVMNORESETCLASS, index, PvmMboxDefault);
	if (code < 0)
		return code;
	pvm__task.option.noreset = on;
	return 0;
}

static int thread_buffers; /* PvmThreadBuffers */

static int set_thread_buffers(int *option, int on)
{
	int code = set_in_range(option, on, 0, 1);

	if (code == 0)
		pvm__views_per_thread(on);
	return code;
}

/* ---- the calls ----------------------------------------------------------- */

/* Where an option is kept, and what it may be without another look. */
static const struct place {
	int *value; /* NULL: nowhere */
	int min, max;
	bool own;   /* one's own destination or trace setting, which comes with enrolment */
	bool *mark; /* that the program has set it; or NULL */
} places[] = {
#define ANY INT_MIN, INT_MAX
#define NONE 1, 0 /* set_checked decides */
	[PvmRoute] = { &pvm__task.option.route, PvmDontRoute, PvmRouteDirect, false, NULL },
	[PvmDebugMask] = { &pvm__task.option.debug_mask, ANY, false, NULL },
	[PvmAutoErr] = { &pvm__task.option.auto_err, ANY, false, NULL },
	[PvmOutputTid] = { &pvmctrc.outtid, 0, 0, false, NULL },
	[PvmOutputCode] = { &pvmctrc.outtag, NONE, false, NULL },
	[PvmOutputContext] = { &pvmctrc.outctx, NONE, false, NULL },
	[PvmTraceTid] = { &pvmctrc.trctid, 0, 0, false, NULL },
	[PvmTraceCode] = { &pvmctrc.trctag, NONE, false, NULL },
	[PvmTraceContext] = { &pvmctrc.trcctx, NONE, false, NULL },
	[PvmTraceBuffer] = { &pvmctrc.trcbuf, ANY, false, NULL },
	[PvmTraceOptions] = { &pvmctrc.trcopt, PvmTraceFull, PvmTraceCount, false, NULL },
	[PvmFragSize] = { &pvm__task.option.frag_size, WIRE_FRAG_MIN, WIRE_FRAG_MAX, false,
		&pvm__task.option.frag_size_set },
	[PvmResvTids] = { &pvm__task.option.resv_tids, ANY, false, NULL },
	[PvmSelfOutputTid] = { &pvmtrc.outtid, NONE, true, NULL },
	[PvmSelfOutputCode] = { &pvmtrc.outtag, NONE, true, NULL },
	[PvmSelfOutputContext] = { &pvmtrc.outctx, NONE, true, NULL },
	[PvmSelfTraceTid] = { &pvmtrc.trctid, NONE, true, NULL },
	[PvmSelfTraceCode] = { &pvmtrc.trctag, NONE, true, NULL },
	[PvmSelfTraceContext] = { &pvmtrc.trcctx, NONE, true, NULL },
	[PvmSelfTraceBuffer] = { &pvmtrc.trcbuf, NONE, true, NULL },
	[PvmSelfTraceOptions] = { &pvmtrc.trcopt, NONE, true, NULL },
	[PvmShowTids] = { &pvm__task.option.show_tids, ANY, false, NULL },
	[PvmNoReset] = { &pvm__task.option.noreset, NONE, false, NULL },
};

static const struct place of_moves = { &pvm__movable, 0, 2, false, NULL };

/* What is known of an option; one that does not exist is nowhere. */
static inline const struct place *place_of(int option)
{
	static const struct place nowhere, of_threads = { &thread_buffers, NONE, false, NULL };

	if ((unsigned)option < sizeof places / sizeof places[0])
		return &places[option];
	if (option == PvmMovable)
		return &of_moves;
	return option == PvmThreadBuffers ? &of_threads : &nowhere;
}

static inline bool allows(const struct place *place, int value)
{
	return place->value && value >= place->min && value <= place->max;
}

/* Set an option to what its range allows. Returns the old value. */
static inline int set_allowed(const struct place *place, int value)
{
	int old = *place->value;

	*place->value = value;
	if (place->mark)
		*place->mark = true;
	return old;
}

/* Set an option, whose present value is at `place`, to what its range does not allow. 0 or an error code. */
static int set_checked(int option, int *place, int value)
{
	switch (option) {
	case PvmOutputTid:
		return set_child_tid(place, value, pvmtrc.outtid, pvmctrc.outtag == pvmtrc.outtag);
	case PvmOutputCode: return set_child_word(place, value, pvmctrc.outtid, pvmtrc.outtag);
	case PvmOutputContext: return set_child_word(place, value, pvmctrc.outtid, pvmtrc.outctx);
	case PvmTraceTid:
		return set_child_tid(place, value, pvmtrc.trctid, pvmctrc.trctag == pvmtrc.trctag);
	case PvmTraceCode: return set_child_word(place, value, pvmctrc.trctid, pvmtrc.trctag);
	case PvmTraceContext: return set_child_word(place, value, pvmctrc.trctid, pvmtrc.trcctx);
	case PvmSelfTraceBuffer: pvm__trace_flush(); return set_any(place, value);
	case PvmSelfTraceOptions:
		pvm__trace_flush();
		return set_in_range(place, value, PvmTraceFull, PvmTraceCount);
	case PvmSelfOutputTid: return pvm__redirect_output(value);
	case PvmSelfOutputCode: return pvm__set_output_tag(value);
	case PvmSelfTraceTid: return pvm__redirect_trace(value);
	case PvmSelfTraceCode: return pvm__set_trace_tag(value);
	case PvmNoReset: return set_noreset(value);
	case PvmThreadBuffers: return set_thread_buffers(place, value);
	case PvmSelfOutputContext:
	case PvmSelfTraceContext:
	case PvmPollType:
	case PvmPollTime: return PvmNotImpl;
	default: return PvmBadParam;
	}
}

static int set_option(int option, int value)
{
	const struct place *place = place_of(option);
	int code = place->own ? pvm__connect() : 0;
	int old = place->value ? *place->value : 0;

	if (allows(place, value))
		return set_allowed(place, value);
	if (code == 0)
		code = set_checked(option, place->value, value);
	return code ? pvm__result("pvm_setopt", code) : old;
}

static __attribute__((noinline)) int setopt_locked(int option, int value)
{
	API_ENTER_AS_IS(TEV_SETOPT, TEV_DID_OPT, option, TEV_DID_OPV, value);
	return API_LEAVE(TEV_SETOPT, TEV_DID_OPV, set_option(option, value));
}

/*
 * Set an option. Returns the old value, or an error code and then the option is
 * as it was: PvmBadParam (no such option or value), PvmNotImpl.
 */
int pvm_setopt(int option, int value)
{
	const struct place *place = place_of(option);

	API_IF_TRACED(setopt_locked(option, value));
	if (pvm__at_rest() && allows(place, value))
		return set_allowed(place, value);
	return setopt_locked(option, value);
}

static inline int get_option(int option)
{
	const struct place *place = place_of(option);
	int code = PvmBadParam;

	if (place->value)
		code = place->own ? pvm__connect() : 0;
	return code ? pvm__result("pvm_getopt", code) : *place->value;
}

API_TRACED_WAY int getopt_traced(int option)
{
	API_ENTER_AS_IS(TEV_GETOPT, TEV_DID_OPT, option);
	return API_LEAVE(TEV_GETOPT, TEV_DID_OPV, get_option(option));
}

/* Value of an option; PvmBadParam. */
int pvm_getopt(int option)
{
	API_IF_TRACED(getopt_traced(option));
	API_LOCK();
	return get_option(option);
}

/* ---- output of children --------------------------------------------------- */

/*
 * Write the output of tasks spawned from now on to a file; pvm_exit waits for its
 * end. NULL: their output goes where this task's own goes, and what comes from
 * earlier ones is dropped. 0 or PvmSysErr.
 */
int pvm_catchout(FILE *file)
{
	API_LOCK();
	int code = pvm__connect();

	return pvm__result("pvm_catchout", code ? code : pvm__output_catch(file));
}
