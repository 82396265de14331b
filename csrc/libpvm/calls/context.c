/* SPDX-License-Identifier: MIT */
/* Contexts: separate worlds of messages with the same tags. */
#include "calls/api.h"

/* A context that nobody else has. PvmOutOfRes. */
int pvm_newcontext(void)
{
	API_ENTER(TEV_NEWCONTEXT);
	return API_LEAVE(TEV_NEWCONTEXT, TEV_DID_CXN,
		pvm__result("pvm_newcontext", pvm__ask_code(TM_CONTEXT, pvm__compose("i", 0))));
}

/* Give back a context from pvm_newcontext. 0; PvmNotFound if the task does not own it. */
int pvm_freecontext(int context)
{
	API_ENTER(TEV_FREECONTEXT, TEV_DID_CXF, context);
	/* On the wire 0 asks for a new context. */
	int code = context == PvmBaseContext ?
		pvm__refuse(PvmNotFound) :
		pvm__ask_code(TM_CONTEXT, pvm__compose("i", context));

	return API_LEAVE(TEV_FREECONTEXT, TEV_DID_CC, pvm__result("pvm_freecontext", code));
}

/* Current context; at first that in which the task was spawned. */
int pvm_getcontext(void)
{
	API_ENTER(TEV_GETCONTEXT);
	return API_LEAVE(TEV_GETCONTEXT, TEV_DID_CXC, pvmmyctx);
}

/* Change the context of sends and receives; -1 receives from all. Returns the old one. */
int pvm_setcontext(int context)
{
	int old;

	API_ENTER(TEV_SETCONTEXT, TEV_DID_CXS, context);
	old = pvmmyctx;
	pvmmyctx = context;
	return API_LEAVE(TEV_SETCONTEXT, TEV_DID_CC, old);
}
