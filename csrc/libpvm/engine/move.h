/* SPDX-License-Identifier: MIT */
/* What freeze.c and journey.c share: orders about a move, and what is said of it. */
#ifndef PVM3PY_LIBPVM_MOVE_H
#define PVM3PY_LIBPVM_MOVE_H

#include "checkpoint/checkpoint.h"
#include "engine/engine.h"

enum { WHY_TEXT = 300 }; /* bytes of a reason in words */

/* Where the image goes: what TM_FREEZE says. */
struct freeze {
	int epoch;
	char address[32]; /* "a.b.c.d:port" */
	char token[WIRE_TOKEN + 1];
	char file[WIRE_FREEZE_PATH]; /* "": the image is sent */
	bool noted;                  /* what changes afterwards is noted; */
	int base;                    /* the image may build on this one, 0: on none */
};

/* Why the task does not move now; code 0: it does. */
struct objection {
	int code, reason;
	char text[WHY_TEXT];
};

/*
 * ---- parting.c: direct routes; all of it may run in a signal handler, and allocates by mmap alone ----
 */

/*
 * Leave all of them for a move. With an objection some may be left; the task goes on with what they
 * have brought, and by the daemon.
 */
struct objection pvm__routes_leave(int epoch);
/* The task goes on, there or here: those that were left have ended. False: not possible. */
bool pvm__routes_renew(void);
/* That task is about to move: its route is to be left by pvm__routes_heed (engine.h). */
void pvm__route_told(int tid);
/* Is a message half written to one of them? */
bool pvm__routes_written(void);

/* ---- journey.c: all of it may run in a signal handler, and allocates nothing --------- */

/* The body of TM_FREEZE. False: it is none. */
bool pvm__freeze_read(const struct move_order *, struct freeze *);
/* The first word of an order, as its epoch; -1: there is none. */
int pvm__order_first(const struct move_order *);
/* Take over the settings in TM_GO. False: it is not what it must be. */
bool pvm__settings_take(const struct move_order *);
/* Write TM_UNROUTE or TM_FROZEN to the daemon's stream, which nobody is writing to. False: it is lost. */
bool pvm__unroute_write(int fd, int epoch, int tid);
bool pvm__frozen_write(int fd, int epoch, const struct objection *);
/* Connect to who takes the image, and say the token. A descriptor, or a negative error number. */
int pvm__journey_open(const struct freeze *);
/* An objection in words: of a number, or of the image's library. */
struct objection pvm__objection(int code, int reason);
struct objection pvm__image_objection(const struct image_report *);

#endif
