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

/* A message to the server. */
struct gs_request {
	int source, tag, length;
	char body[GS_BODY_MAX];
};

/*
 * Wait for a message and take it; if it is longer than GS_BODY_MAX, its body is left in the
 * receive buffer. 0 or an error code.
 */
int gs_take(struct gs_request *request);
/* Send a message to n tasks. 0 or an error code. */
int gs_answer(int *tids, int n, int tag, const char *body, int length);

#endif
