/* SPDX-License-Identifier: MIT */
/* Sending the send buffer to all members of a group. */
#include <stdlib.h>

#include "group.h"

/* Take the own tid out of a list of n; the last entry takes its place. Returns the new n. */
static int without_self(int *tids, int n)
{
	for (int i = 0; i < n; i++)
		if (tids[i] == pvmmytid) {
			tids[i] = tids[n - 1];
			return n - 1;
		}
	return n;
}

/*
 * Send the send buffer with `tag` to all members but the caller, who need not be
 * one, in the caller's context. PvmNoInst: there is nobody else.
 */
int pvm_bcast(char *group, int tag)
{
	struct traced t;
	int *tids = NULL;
	int n, code;

	GROUP_CALL();
	gs__trace_entry(&t, TEV_BCAST, group, TEV_DID_MC, tag);
	n = gs__tids(GROUP_BCAST, group, &tids);
	if (n > 0)
		n = without_self(tids, n);
	if (n < 0)
		code = n;
	else
		code = n > 0 ? pvm_mcast(tids, n, tag) : PvmNoInst;
	gs__trace_exit(&t, TEV_DID_CC, code, tids, n > 0 ? n : 0);
	free(tids);
	return gs__quiet(code);
}
