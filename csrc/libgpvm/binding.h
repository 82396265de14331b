/* SPDX-License-Identifier: MIT */
/* In the archive only: for bindings of other languages, and the group server, which is in one. */
#ifndef PVM3PY_BINDING_H
#define PVM3PY_BINDING_H

/* ---- pvm_gather and pvm_scatter with limited room (collective.c) ------------------- */

/*
 * pvm_gather with a result for at most `room` members: PvmOverflow if the group has more.
 * The root gets the number of members, others 0.
 */
int gs_gather(void *result, int room, void *items, int count, int type, int tag, char *group,
	int root);
/* pvm_scatter with items for at most `room` members: PvmOverflow if the group has more. */
int gs_scatter(void *result, void *items, int room, int count, int type, int tag, char *group,
	int root);

/* ---- all members in one question (member.c) ---------------------------------------- */

/*
 * The tids of all members by instance, without holes: `room` of them at most. Returns their
 * number, or an error code as pvm_gsize.
 */
int gs_members(char *group, int *tids, int room);
/*
 * How many members have died since the first one joined; 0 of a static group, of which everybody
 * learns it otherwise, and if the server is 3.4.6's. Or an error code as pvm_gsize.
 */
int gs_deaths(char *group);

/* ---- messages of the group server (serve.c, known.c) ------------------------------- */

#define GS_BODY_MAX 1024
#define GS_CALLERS_MAX 64

/* A request that tasks made one after the other in the same words. */
struct gs_request {
	int tag, length, count;
	int callers[GS_CALLERS_MAX];
	char body[GS_BODY_MAX];
};

/*
 * A barrier at which members arrive without Python: its memory is the caller's. Between gs_count
 * and gs_uncount gs_take counts who sends GROUP_BARRIER with this body, and answers all when
 * `count` have come; then the next ones begin a new barrier.
 */
struct gs_barrier {
	struct gs_barrier *next;
	const char *body;
	int length;
	int members;     /* who may arrive: */
	const int *tids; /* ascending */
	int count;
	int running;  /* somebody waits */
	int reached;  /* who has arrived, of the last barrier if none is running: */
	int *waiting; /* with room for `count` */
};

/* Count at this barrier from now on, and until gs_uncount. */
void gs_count(struct gs_barrier *barrier);
/* End that; of a barrier that is not counted nothing happens. */
void gs_uncount(struct gs_barrier *barrier);

/*
 * From now on gs_take gives this answer to who sends the same question, until gs_forget. If there
 * are many, or no memory, some are forgotten before.
 */
void gs_know(int tag, const char *body, int length, const char *answer, int answer_length);
/* Forget all answers: they may be others now. */
void gs_forget(void);

/*
 * Wait for a message that is no arrival at a counted barrier and has no known answer, and take it
 * with those behind it that are the same. If it is longer than GS_BODY_MAX it is taken alone, and its body left in
 * the receive buffer. 0 or an error code.
 */
int gs_take(struct gs_request *request);
/* Send a message to n tasks. 0 or an error code. */
int gs_answer(int *tids, int n, int tag, const char *body, int length);

#endif
