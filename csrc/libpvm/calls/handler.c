/* SPDX-License-Identifier: MIT */
/* Message handlers of the program. */
#include "calls/api.h"

/*
 * Have `f` called with the buffer id of every message from `src` with `tag` and
 * context `ctx`, -1 being any.  Returns the handler's id; PvmExists if another
 * handler could match the same message, PvmBadParam, PvmNoMem.
 */
int pvm_addmhf(int src, int tag, int ctx, int (*f)(int mid))
{
	API_ENTER(TEV_ADDMHF, TEV_DID_RST, src, TEV_DID_RMC, tag, TEV_DID_RCX, ctx);
	return API_LEAVE(TEV_ADDMHF, TEV_DID_MHI,
		pvm__result("pvm_addmhf", pvm__handler_add(src, tag, ctx, f)));
}

/* Remove a handler. 0, PvmBadParam (negative id), PvmNotFound. */
int pvm_delmhf(int id)
{
	API_ENTER(TEV_DELMHF, TEV_DID_MHI, id);
	return API_LEAVE(TEV_DELMHF, TEV_DID_CC,
		pvm__result("pvm_delmhf", pvm__handler_remove(id)));
}

/* Print the handlers on stdout, below a heading of the caller's. */
void pvmdisplaymhfinfo(char *who, char *text, int tid)
{
	API_LOCK_OR();
	printf("%s t%x: %s\n", who, (unsigned)tid, text);
	pvm__handlers_print();
}
