/* SPDX-License-Identifier: MIT */
/*
 * Tasks that move: what a task and its daemon say about it. Extensions of this project, sent only
 * to who has said that it takes them: a task by the signal and the image version that it announces.
 *
 * Bodies are in XDR: i an int, s a counted string, u two ints, the high one first. A code is 0 or an
 * error code, a reason a number, its text is for people.
 */
#ifndef PVM3PY_MOVES_H
#define PVM3PY_MOVES_H

#include "layout.h"

/* Move a task: i tid, s host ("": where it is best), i flags. Answer: i code, i reason, s text. */
#define TM_MIGRATE (TM_FIRST + WIRE_OWN_MOVES)
/* Can it be moved? i tid, s host. Answer: i code, i reason, s text, u bytes of memory (0: unknown). */
#define TM_CANMIGRATE (TM_FIRST + WIRE_OWN_MOVES + 1)
/*
 * Daemon to task: stop, and write the image to who waits there. i epoch, i flags (0), s address
 * ("a.b.c.d:port"), s token (WIRE_TOKEN hex digits, with which the connection begins). It is in one
 * fragment, and the last one of the stream until the move is off. The signal comes before.
 */
#define TM_FREEZE (TM_FIRST + WIRE_OWN_MOVES + 2)
/*
 * Task to daemon: i epoch, i code, i reason, s text. With code 0 the image is under way, and this is
 * the task's last fragment. Otherwise nothing has changed, and the task goes on.
 */
#define TM_FROZEN (TM_FIRST + WIRE_OWN_MOVES + 3)
/* Daemon to task, on the old stream: the move is off. i epoch. */
#define TM_THAW (TM_FIRST + WIRE_OWN_MOVES + 4)
/* Daemon to task, first on the new stream: i epoch, what answers TM_GETOPT, i tid of the host. */
#define TM_GO (TM_FIRST + WIRE_OWN_MOVES + 5)
/*
 * Task to daemon, between TM_FREEZE and TM_FROZEN: i epoch, i tid. Another task is to leave its direct
 * route to this one, which goes over the network.
 */
#define TM_UNROUTE (TM_FIRST + WIRE_OWN_MOVES + 6)
/*
 * Daemon to task: i tid. That task stops for a move, so write nothing more to the direct route to it.
 * The signal comes before, unless TM_FREEZE has come.
 */
#define TM_LEAVE (TM_FIRST + WIRE_OWN_MOVES + 7)

/*
 * What two tasks say of themselves behind the address in TC_CONREQ and TC_CONACK, where 3.4.6 reads
 * nothing: i WIRE_EXT_MAGIC, i a set of WIRE_ROUTE_CAN_ bits, i tid of the host where the task is. A
 * task refuses a socket of the wrong kind, Unix or TCP; the asker sees by the host which one is right.
 */
#define WIRE_ROUTE_CAN_LEAVE 1 /* it serves TM_LEAVE */

/* Capability bit of the extension block: the daemon serves TM_MIGRATE and TM_CANMIGRATE. */
#define WIRE_EXT_MOVES 8

#define WIRE_TOKEN 32
/* Most bytes of a fragment of TM_FREEZE, TM_THAW, TM_GO, TM_LEAVE, without its header. */
#define WIRE_MOVE_FRAGMENT 512
/* The signal that a task announces unless PVM_MOVE_SIGNAL says otherwise. */
#define WIRE_MOVE_SIGNAL 62
/* Reasons of TM_FROZEN: those of images are below WIRE_WHY_TASK (libpvm/checkpoint/checkpoint.h). */
#define WIRE_WHY_TASK 100
#define WIRE_WHY_OFF (WIRE_WHY_TASK)          /* PvmMovable is 0 */
#define WIRE_WHY_CALLBACK (WIRE_WHY_TASK + 1) /* a function of pvm_onmigrate says no */
#define WIRE_WHY_ROUTES (WIRE_WHY_TASK + 2)   /* a direct route to a task with 3.4.6's library */
#define WIRE_WHY_CONNECT (WIRE_WHY_TASK + 3)  /* nobody takes the image */
#define WIRE_WHY_BUSY (WIRE_WHY_TASK + 4)     /* it computes, and is to be moved in calls only */
#define WIRE_WHY_PEERS (WIRE_WHY_TASK + 5)    /* another task does not leave its direct route */

/*
 * Between daemons, each to one that has said WIRE_DAEMON_CAN_MOVE; bodies are in
 * pvm3py/wire/moves.py. The answer of one that has an answer is the next number.
 *
 * MIGRATE and CANMIGRATE pass on what a task has asked for. The daemon where the task is, the origin,
 * decides all else: RESERVE and GO go to the daemon of the goal, which reports READY; HOLD and PLACE
 * go to all others, FLUSH to both; ABORT to the goal. LEAVE goes to the host of a task that has a
 * direct route to the one that moves. PLACE is also how the end of a task is told that has ever been
 * moved.
 */
#define DM_MIGRATE (DM_FIRST + WIRE_OWN_MOVES)
#define DM_MIGRATEACK (DM_FIRST + WIRE_OWN_MOVES + 1)
#define DM_CANMIGRATE (DM_FIRST + WIRE_OWN_MOVES + 2)
#define DM_CANMIGRATEACK (DM_FIRST + WIRE_OWN_MOVES + 3)
#define DM_MOVE_RESERVE (DM_FIRST + WIRE_OWN_MOVES + 4)
#define DM_MOVE_RESERVEACK (DM_FIRST + WIRE_OWN_MOVES + 5)
#define DM_MOVE_HOLD (DM_FIRST + WIRE_OWN_MOVES + 6)
#define DM_MOVE_HOLDACK (DM_FIRST + WIRE_OWN_MOVES + 7)
#define DM_MOVE_FLUSH (DM_FIRST + WIRE_OWN_MOVES + 8)
#define DM_MOVE_FLUSHACK (DM_FIRST + WIRE_OWN_MOVES + 9)
#define DM_MOVE_READY (DM_FIRST + WIRE_OWN_MOVES + 10) /* no answer */
#define DM_MOVE_GO (DM_FIRST + WIRE_OWN_MOVES + 11)
#define DM_MOVE_GOACK (DM_FIRST + WIRE_OWN_MOVES + 12)
#define DM_MOVE_ABORT (DM_FIRST + WIRE_OWN_MOVES + 13)
#define DM_MOVE_ABORTACK (DM_FIRST + WIRE_OWN_MOVES + 14)
#define DM_PLACE (DM_FIRST + WIRE_OWN_MOVES + 15)      /* no answer */
#define DM_MOVE_LEAVE (DM_FIRST + WIRE_OWN_MOVES + 16) /* no answer */

/* Reasons that daemons find; pvm3py/wire/moves.py has the words. */
#define WIRE_WHY_DAEMON 200
#define WIRE_WHY_LIBRARY (WIRE_WHY_DAEMON)      /* its library makes no images */
#define WIRE_WHY_STARTING (WIRE_WHY_DAEMON + 1) /* it has not enrolled yet */
#define WIRE_WHY_THREADS (WIRE_WHY_DAEMON + 2)
#define WIRE_WHY_CHILDREN (WIRE_WHY_DAEMON + 3)
#define WIRE_WHY_TRACED (WIRE_WHY_DAEMON + 4) /* by a debugger */
#define WIRE_WHY_USERS (WIRE_WHY_DAEMON + 5)  /* it has changed its user or group */
#define WIRE_WHY_SECCOMP (WIRE_WHY_DAEMON + 6)
#define WIRE_WHY_TERMINAL (WIRE_WHY_DAEMON + 7) /* it is one of its standard streams */
#define WIRE_WHY_ROLE (WIRE_WHY_DAEMON + 8)     /* it serves this host */
#define WIRE_WHY_WRAPPED (WIRE_WHY_DAEMON + 9)  /* something else has been started for it */
#define WIRE_WHY_OLD_HOST (WIRE_WHY_DAEMON + 10)
#define WIRE_WHY_MACHINE (WIRE_WHY_DAEMON + 11) /* the goal's architecture or kernel differs */
#define WIRE_WHY_RESTART (WIRE_WHY_DAEMON + 12) /* the image cannot be restarted there */
#define WIRE_WHY_NO_GOAL (WIRE_WHY_DAEMON + 13) /* there is no other host */
#define WIRE_WHY_CHANNEL (WIRE_WHY_DAEMON + 18) /* a standard stream of it is a pipe or a socket */
/* The same with PvmBusy: another try may do. */
#define WIRE_WHY_HOSTS (WIRE_WHY_DAEMON + 14) /* hosts are being added */
#define WIRE_WHY_SLOW (WIRE_WHY_DAEMON + 15)  /* it does not stop, or the image makes no progress */
#define WIRE_WHY_FULL (WIRE_WHY_DAEMON + 16)  /* the goal has no room for it */
#define WIRE_WHY_LOST (WIRE_WHY_DAEMON + 17)  /* the goal has been lost */

#endif
