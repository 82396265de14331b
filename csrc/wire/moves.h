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
/* Daemon to task, the first fragment of the new stream: i epoch, then what answers TM_GETOPT. */
#define TM_GO (TM_FIRST + WIRE_OWN_MOVES + 5)

/* Capability bit of the extension block: the daemon serves TM_MIGRATE and TM_CANMIGRATE. */
#define WIRE_EXT_MOVES 8

#define WIRE_TOKEN 32
/* Most bytes of a fragment of TM_FREEZE, TM_THAW and TM_GO, without its header. */
#define WIRE_MOVE_FRAGMENT 512
/* The signal that a task announces unless PVM_MOVE_SIGNAL says otherwise. */
#define WIRE_MOVE_SIGNAL 62
/* Reasons of TM_FROZEN: those of images are below WIRE_WHY_TASK (libpvm/checkpoint/checkpoint.h). */
#define WIRE_WHY_TASK 100
#define WIRE_WHY_OFF (WIRE_WHY_TASK)          /* PvmMovable is 0 */
#define WIRE_WHY_CALLBACK (WIRE_WHY_TASK + 1) /* a function of pvm_onmigrate says no */
#define WIRE_WHY_ROUTES (WIRE_WHY_TASK + 2)   /* it has direct routes */
#define WIRE_WHY_CONNECT (WIRE_WHY_TASK + 3)  /* nobody takes the image */
#define WIRE_WHY_BUSY (WIRE_WHY_TASK + 4)     /* it computes, and is to be moved in calls only */

#endif
