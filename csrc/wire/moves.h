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
#define WIRE_MIGRATE_LIVE 1 /* a flag: the task runs while its memory is sent */
/* Can it be moved? i tid, s host. Answer: i code, i reason, s text, u bytes of memory (0: unknown). */
#define TM_CANMIGRATE (TM_FIRST + WIRE_OWN_MOVES + 1)
/*
 * Daemon to task: stop, and write the image to who waits there. i epoch, i flags, s address
 * ("a.b.c.d:port"), s token (WIRE_TOKEN hex digits, with which the connection begins). It is in one
 * fragment, and the last one of the stream until the move is off. The signal comes before.
 */
#define TM_FREEZE (TM_FIRST + WIRE_OWN_MOVES + 2)
/*
 * A flag of TM_FREEZE: the image goes to a file, whose path follows (s), and the task goes on. A
 * child writes it, and says on the connection how that has ended: struct image_outcome.
 */
#define WIRE_FREEZE_FILE 1
/*
 * With it: the kernel notes what the task changes from now on, and the image may build on the one
 * whose epoch follows the path (i; 0: there is none).
 */
#define WIRE_FREEZE_NOTE 2
/*
 * The task goes on: a child sends its memory, or what has changed of it since the last such order. The
 * connection stays open. The answer comes at once, and the order is not the last of the stream.
 */
#define WIRE_FREEZE_ROUND 4
/* So it is with this one: the move is off, and the connection to be closed. There is no answer. */
#define WIRE_FREEZE_OFF 8
/* Bytes of that path, with its NUL. */
#define WIRE_FREEZE_PATH 360
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

/* Stop a task, or let it go on: i tid, i on (1, or 0). Answer: i code. */
#define TM_HOLDTASK (TM_FIRST + WIRE_OWN_MOVES + 24)
/* Say whether the owner of a host uses it: s host, i word (WIRE_OWNER_). Answer: i code. */
#define TM_OWNER (TM_FIRST + WIRE_OWN_MOVES + 25)
#define WIRE_OWNER_AUTO 0 /* the daemon finds that out by itself */
#define WIRE_OWNER_HERE 1
#define WIRE_OWNER_GONE 2

/* Capability bit of the extension block: the daemon serves these four. */
#define WIRE_EXT_MOVES 8

/*
 * Write images of tasks to files: s directory, i flags (WIRE_CKPT_), i seconds from one to the next
 * (0: once), i how many are kept (0: the usual number), then i number of tasks, tids; none: the job
 * of who asks. Answer: i number of the checkpoint or code, i reason, s text.
 */
#define TM_CKPT (TM_FIRST + WIRE_OWN_MOVES + 16)
/* Each tid stands for its whole job. */
#define WIRE_CKPT_JOBS 1
/* Images build on those of the last checkpoint where that is less. */
#define WIRE_CKPT_INCREMENTAL 2
/* Not for programs. The tasks end when all is written; nothing of them runs behind what was written. */
#define WIRE_CKPT_END 256
/* Not if one was started by hand. */
#define WIRE_CKPT_SPAWNED 512
/*
 * Start tasks from such files: s directory, i number of the checkpoint (0: the last), where the
 * output goes as in TM_SPAWN (i tid, context, tag), i number of hosts, names (none: all). Answer:
 * i number of tasks or code, i reason, s text, i number of tids, tids.
 */
#define TM_RESTART (TM_FIRST + WIRE_OWN_MOVES + 17)

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
#define WIRE_WHY_FILE (WIRE_WHY_TASK + 8)     /* the file of its image cannot be made */

/*
 * Between daemons, each to one that has said WIRE_DAEMON_CAN_MOVE; bodies are in
 * pvm3py/wire/moves.py. The answer of one that has an answer is the next number.
 *
 * MIGRATE and CANMIGRATE pass on what a task has asked for. The daemon where the task is, the origin,
 * decides all else: RESERVE and GO go to the daemon of the goal, which reports READY; HOLD and PLACE
 * go to all others, FLUSH to both; ABORT to the goal. LEAVE goes to the host of a task that has a
 * direct route to the one that moves. PLACE is also how the end of a task is told that has ever been
 * moved.
 *
 * For the loss of the origin: FLUSHED gives the goal what GO would. If a goal or an origin then loses
 * the other, it CLAIMs the task at the master, which gives it to the first. Others who lose the
 * origin ask the goal for the task's FATE. WAITS asks a host where a task was before for what that
 * has yet to answer to it; the answer comes behind that. With tid 0 that is of all tasks.
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
#define DM_PLACE (DM_FIRST + WIRE_OWN_MOVES + 15) /* no answer */
#define DM_MOVE_FLUSHED (DM_FIRST + WIRE_OWN_MOVES + 16)
#define DM_MOVE_FLUSHEDACK (DM_FIRST + WIRE_OWN_MOVES + 17)
#define DM_MOVE_CLAIM (DM_FIRST + WIRE_OWN_MOVES + 18)
#define DM_MOVE_CLAIMACK (DM_FIRST + WIRE_OWN_MOVES + 19)
#define DM_MOVE_FATE (DM_FIRST + WIRE_OWN_MOVES + 20)
#define DM_MOVE_FATEACK (DM_FIRST + WIRE_OWN_MOVES + 21)
#define DM_MOVE_WAITS (DM_FIRST + WIRE_OWN_MOVES + 22)
#define DM_MOVE_WAITSACK (DM_FIRST + WIRE_OWN_MOVES + 23)
#define DM_MOVE_LEAVE (DM_FIRST + WIRE_OWN_MOVES + 28) /* no answer */
/* From the goal: the memory that a round of a live move has brought is there. No answer. */
#define DM_MOVE_ROUND (DM_FIRST + WIRE_OWN_MOVES + 56)
/*
 * The master to a host that is about to be deleted: EVACUATE has it move its tasks away, and answers
 * how many may move; EVACUATED answers when that is done.
 */
#define DM_EVACUATE (DM_FIRST + WIRE_OWN_MOVES + 24)
#define DM_EVACUATEACK (DM_FIRST + WIRE_OWN_MOVES + 25)
#define DM_EVACUATED (DM_FIRST + WIRE_OWN_MOVES + 26)
#define DM_EVACUATEDACK (DM_FIRST + WIRE_OWN_MOVES + 27)
/* HOLDTASK and OWNER pass on what a task has asked for. */
#define DM_HOLDTASK (DM_FIRST + WIRE_OWN_MOVES + 48)
#define DM_HOLDTASKACK (DM_FIRST + WIRE_OWN_MOVES + 49)
#define DM_OWNER (DM_FIRST + WIRE_OWN_MOVES + 50)
#define DM_OWNERACK (DM_FIRST + WIRE_OWN_MOVES + 51)
/* A resource manager has sent SM_WATCH to another daemon: i tid, i what. No answer. */
#define DM_WATCH (DM_FIRST + WIRE_OWN_MOVES + 52)

/*
 * Resource managers. WATCH says to the manager's own daemon what it takes, i bits of WIRE_WATCH_;
 * the answer has the tids of the hosts that have been told, i n, i[n]. It gets nothing of what
 * follows without that. Those that it sends go to the daemon of the place.
 */
#define SM_WATCH (SM_FIRST + WIRE_OWN_MOVES)
#define WIRE_WATCH_HOSTS 1 /* SM_HOSTSTAT once a second, if something has changed; SM_MIGRATED */
#define WIRE_WATCH_MOVES 2 /* SM_MIGRATE: what tasks ask for */
#define SM_HOSTSTAT (SM_FIRST + WIRE_OWN_MOVES + 1)
/* Both ways, with a wait id and the body of TM_MIGRATE: to the manager what a task has asked for. */
#define SM_MIGRATE (SM_FIRST + WIRE_OWN_MOVES + 2)
#define SM_MIGRATEACK (SM_FIRST + WIRE_OWN_MOVES + 3) /* the body of its answer */
/* To the manager: a task has been moved, whoever has wanted that. */
#define SM_MIGRATED (SM_FIRST + WIRE_OWN_MOVES + 4)
/* From the manager: stop tasks of the host, or let them go on. i on, i n, i tids[n]. No answer. */
#define SM_HOLDTASK (SM_FIRST + WIRE_OWN_MOVES + 5)
/*
 * From the manager to its own daemon, with a wait id, and the bodies of TM_CKPT and TM_RESTART; the
 * answers have theirs. What WIRE_CKPT_END has ended can be started again from the directory that the
 * answer has as its text.
 */
#define SM_CKPT (SM_FIRST + WIRE_OWN_MOVES + 72)
#define SM_CKPTACK (SM_FIRST + WIRE_OWN_MOVES + 73)
#define SM_RESTART (SM_FIRST + WIRE_OWN_MOVES + 74)
#define SM_RESTARTACK (SM_FIRST + WIRE_OWN_MOVES + 75)
/* Number of the setting in DM_SLCONF that is `ow=` of the host file, to who can move. */
#define WIRE_SLCONF_OWNER (WIRE_OWN_MOVES)

/*
 * Images in files, and tasks that are started from them; bodies are in pvm3py/wire/checkpoints.py.
 * CKPT and RESTART pass on to the master's daemon what a task has asked for. That one has all others
 * list their tasks (LIST), stop some of them (FREEZE), note what is under way between them (CUT),
 * and have them go on (THAW), which is answered when the images are on the disk. For a restart all
 * prepare the tasks that are to be theirs (AWAIT), and then have them run, or not (GO). Tasks that
 * are to end stay stopped at THAW; END ends them, or has them go on.
 */
#define DM_CKPT (DM_FIRST + WIRE_OWN_MOVES + 32)
#define DM_CKPTACK (DM_FIRST + WIRE_OWN_MOVES + 33)
#define DM_CKPT_LIST (DM_FIRST + WIRE_OWN_MOVES + 34)
#define DM_CKPT_LISTACK (DM_FIRST + WIRE_OWN_MOVES + 35)
#define DM_CKPT_FREEZE (DM_FIRST + WIRE_OWN_MOVES + 36)
#define DM_CKPT_FREEZEACK (DM_FIRST + WIRE_OWN_MOVES + 37)
#define DM_CKPT_CUT (DM_FIRST + WIRE_OWN_MOVES + 38)
#define DM_CKPT_CUTACK (DM_FIRST + WIRE_OWN_MOVES + 39)
#define DM_CKPT_THAW (DM_FIRST + WIRE_OWN_MOVES + 40)
#define DM_CKPT_THAWACK (DM_FIRST + WIRE_OWN_MOVES + 41)
#define DM_CKPT_END (DM_FIRST + WIRE_OWN_MOVES + 72)
#define DM_CKPT_ENDACK (DM_FIRST + WIRE_OWN_MOVES + 73)
#define DM_RESTART (DM_FIRST + WIRE_OWN_MOVES + 42)
#define DM_RESTARTACK (DM_FIRST + WIRE_OWN_MOVES + 43)
#define DM_RESTART_AWAIT (DM_FIRST + WIRE_OWN_MOVES + 44)
#define DM_RESTART_AWAITACK (DM_FIRST + WIRE_OWN_MOVES + 45)
#define DM_RESTART_GO (DM_FIRST + WIRE_OWN_MOVES + 46)
#define DM_RESTART_GOACK (DM_FIRST + WIRE_OWN_MOVES + 47)
/*
 * What a job has besides its tasks. KEPT asks each host for the contexts of the tasks, and that of the
 * group server for their groups; BACK gives both back before the tasks run. The daemon asks the
 * group server by GROUP_KEEP and GROUP_RESTORE, which answers with SM_CKPT_GROUPS.
 */
#define DM_CKPT_KEPT (DM_FIRST + WIRE_OWN_MOVES + 64)
#define DM_CKPT_KEPTACK (DM_FIRST + WIRE_OWN_MOVES + 65)
#define DM_RESTART_BACK (DM_FIRST + WIRE_OWN_MOVES + 66)
#define DM_RESTART_BACKACK (DM_FIRST + WIRE_OWN_MOVES + 67)
#define SM_CKPT_GROUPS (SM_FIRST + WIRE_OWN_MOVES + 64)

/* Reasons that daemons find; pvm3py/wire/moves.py has the words. */
#define WIRE_WHY_DAEMON 200
#define WIRE_WHY_LIBRARY (WIRE_WHY_DAEMON)      /* its library makes no images */
#define WIRE_WHY_STARTING (WIRE_WHY_DAEMON + 1) /* it has not enrolled yet */
#define WIRE_WHY_THREADS (WIRE_WHY_DAEMON + 2)
#define WIRE_WHY_CHILDREN (WIRE_WHY_DAEMON + 3)
#define WIRE_WHY_TRACED (WIRE_WHY_DAEMON + 4) /* by a debugger */
#define WIRE_WHY_USERS (WIRE_WHY_DAEMON + 5)  /* it has changed its user or group */
#define WIRE_WHY_SECCOMP (WIRE_WHY_DAEMON + 6)
#define WIRE_WHY_TERMINAL (WIRE_WHY_DAEMON + 7)  /* it is one of its standard streams */
#define WIRE_WHY_ROLE (WIRE_WHY_DAEMON + 8)      /* it serves this host */
#define WIRE_WHY_WRAPPED (WIRE_WHY_DAEMON + 9)   /* something else has been started for it */
#define WIRE_WHY_OLD_HOST (WIRE_WHY_DAEMON + 10) /* the goal, or where it is, is one of 3.4.6 */
#define WIRE_WHY_MACHINE (WIRE_WHY_DAEMON + 11)  /* the goal's architecture or kernel differs */
#define WIRE_WHY_RESTART (WIRE_WHY_DAEMON + 12)  /* the image cannot be restarted there */
#define WIRE_WHY_NO_GOAL (WIRE_WHY_DAEMON + 13)  /* there is no other host */
#define WIRE_WHY_CHANNEL (WIRE_WHY_DAEMON + 18)  /* a standard stream of it is a pipe or a socket */
#define WIRE_WHY_OLD_MASTER (WIRE_WHY_DAEMON + 19) /* the master is one of 3.4.6 */
#define WIRE_WHY_FIXED (WIRE_WHY_DAEMON + 30)      /* spawned with PvmTaskFixed */
/* Of checkpoints alone. */
#define WIRE_WHY_DIRECTORY (WIRE_WHY_DAEMON + 40)  /* it cannot be used */
#define WIRE_WHY_CHECKPOINT (WIRE_WHY_DAEMON + 41) /* it is not there, or damaged */
#define WIRE_WHY_ALIVE (WIRE_WHY_DAEMON + 42)      /* there is a task with such a tid */
/* The same with PvmBusy: another try may do. */
#define WIRE_WHY_ROOM (WIRE_WHY_DAEMON + 43)    /* the disk is too full */
#define WIRE_WHY_WRITING (WIRE_WHY_DAEMON + 44) /* the image was not written */
#define WIRE_WHY_OWNER (WIRE_WHY_DAEMON + 31)   /* the owner of the goal uses it */
#define WIRE_WHY_MANAGER (WIRE_WHY_DAEMON + 32) /* the resource manager finds no host for it */
#define WIRE_WHY_BY_HAND (WIRE_WHY_DAEMON + 33) /* it was started by hand, so it is not ended */
#define WIRE_WHY_HOSTS (WIRE_WHY_DAEMON + 14)   /* hosts are being added */
#define WIRE_WHY_SLOW (WIRE_WHY_DAEMON + 15) /* it does not stop, or the image makes no progress */
#define WIRE_WHY_FULL (WIRE_WHY_DAEMON + 16) /* the goal has no room for it */
#define WIRE_WHY_LOST (WIRE_WHY_DAEMON + 17) /* the goal has been lost */

#endif
