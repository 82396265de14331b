/* SPDX-License-Identifier: MIT */
/* In the archive only: for bindings of other languages, and the group server, which is in one. */
#ifndef PVM3PY_BINDING_H
#define PVM3PY_BINDING_H

/* ---- pvm_gather and pvm_scatter with limited room (collective.c) ------------------- */

int gs_gather(void *result, int room, void *items, int count, int type, int tag, char *group,
	int root);
int gs_scatter(void *result, void *items, int room, int count, int type, int tag, char *group,
	int root);

/* ---- messages of the group server (serve.c) ---------------------------------------- */

#define GS_BODY_MAX 1024
#define GS_CALLERS_MAX 64

/* A request that tasks made one after the other in the same words. */
struct gs_request {
	int tag, length, count;
	int callers[GS_CALLERS_MAX];
	char body[GS_BODY_MAX];
};

/*
 * Wait for a message, and take it with those behind it that are the same. If it is longer
 * than GS_BODY_MAX it is taken alone, and its body left in the receive buffer. 0 or an error code.
 */
int gs_take(struct gs_request *request);
/* Send a message to n tasks. 0 or an error code. */
int gs_answer(int *tids, int n, int tag, const char *body, int length);

#endif
