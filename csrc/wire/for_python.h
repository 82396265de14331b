/* SPDX-License-Identifier: MIT */
/* What the Python interface has of libpvm3 beside pvm3.h. */
#ifndef PVM3PY_FOR_PYTHON_H
#define PVM3PY_FOR_PYTHON_H

#include <stddef.h>

/* ---- messages past the active buffers (csrc/libpvm/calls/for_python.c) ------------- */

/* Bytes in memory. */
struct pvmpart {
	const void *data;
	size_t length;
};

/* In a message of parts each begins at a multiple of this. */
enum { PVM_PART_ALIGN = 64 };

/*
 * What is known of a message: the id of its buffer, who sent it, PvmDataDefault or PvmDataRaw, and
 * the bytes of its body.
 */
struct pvmarrival {
	int id, tid, tag, ctx, encoding;
	size_t length;
};

/* Send bytes as they are in memory. 0 or an error code, as pvm_psend. */
int pvmsendbytes(int tid, int tag, const char *data, size_t length);

/*
 * Send parts of a message to `n` tasks, as pvm_mcast if there are several. The parts are not
 * copied before; they may be changed when the call returns. 0 or an error code.
 */
int pvmsendparts(const int *tids, int n, int tag, const struct pvmpart *parts, int count);

/* The same of two parts, of n and m bytes, to one task. */
int pvmsendpair(int tid, int tag, const char *first, size_t n, const char *second, size_t m);

/* Instead of seconds: only as long as a wait looks before it sleeps, if it is worth that at all. */
enum { PVM_BRIEFLY = -2 };

/*
 * Wait for a message from `tid` with `tag` (-1: any) in the current context, for `seconds` at most
 * (-1: for ever; 0: as pvm_nrecv). It becomes a buffer of the caller's, not the receive
 * buffer. The first bytes of its body, `room` at most, are copied to `head`. If that is all of
 * it, and it begins with the 8 bytes at `magic` (NULL: never), the buffer is freed and its id 0.
 * 1, 0 if none came, or an error code, as pvm_trecv.
 */
int pvmtake(int tid, int tag, double seconds, struct pvmarrival *arrival, char *head, size_t room,
	const char *magic);

/*
 * Wait as pvmtake. If the message is raw and has just `length` bytes, they are copied to `to`, the
 * buffer is freed and its id 0. Of any other nothing is copied.
 */
int pvmfill(int tid, int tag, double seconds, struct pvmarrival *arrival, void *to, size_t length);

/* Wait as pvmtake for a message, and leave it where it is. 1, 0 or an error code. */
int pvmlook(int tid, int tag, double seconds, struct pvmarrival *arrival);

/* Describe the message of a buffer. 0, PvmBadParam, PvmNoSuchBuf. */
int pvmdescribe(int id, struct pvmarrival *arrival);

/*
 * Copy bytes of a message that was received, from `offset` on, whatever was unpacked. 0,
 * PvmBadParam, PvmNoSuchBuf; PvmNoData: the body has fewer, and nothing is copied.
 */
int pvmread(int id, size_t offset, char *to, size_t length);

/* The same, after which the buffer is freed, unless an error is returned. */
int pvmdrain(int id, size_t offset, char *to, size_t length);

/* Unpack a message from its begin again. 0, PvmBadParam, PvmNoSuchBuf. */
int pvmrewind(int id);

/* ---- starting tasks (csrc/libpvm/calls/spawn.c) -------------------------------------- */

/*
 * Start tasks as pvm_spawn. Strings NAME=value, up to NULL, are added to their environment. What
 * they print goes to a task, in a context and with a tag (`output`; NULL: where pvm_setopt says).
 * `reasons`, of `room` bytes, gets what the daemon says about tasks that it could not start: lines
 * of a host's name, a tab and why; "" if it says nothing.
 */
int pvmspawn(char *file, char **argv, int flags, char *where, int count, char **env,
	const int output[3], int *tids, char *reasons, size_t room);

/*
 * Fork a process whose parent is this one's (csrc/libpvm/base/sibling.c). This process has one
 * thread, and functions of pthread_atfork are not called, but for the library's. In the child 0,
 * else its id, or -errno; -ENOSYS: this system has no safe way.
 */
int pvmforksibling(void);

/* ---- moving tasks (csrc/libpvm/calls/move.c) ------------------------------------------ */

/*
 * What the daemon says about a move: a reason (WIRE_WHY_, or 0), bytes of memory that the task has
 * (0: unknown), and words, cut if need be.
 */
struct pvmverdict {
	int reason;
	long long bytes;
	char text[1024];
};

/* As pvm_migrate and pvm_canmigrate, with all of the answer; it is empty if there is none. */
int pvmmove(int tid, const char *host, int flags, struct pvmverdict *verdict);
int pvmmovable(int tid, const char *host, struct pvmverdict *verdict);
/* As pvm_checkpoint; every: seconds from one to the next, 0: once; keep: how many, 0: as usual. */
int pvmcheckpoint(const char *dir, const int *tids, int n, int flags, int every, int keep,
	struct pvmverdict *verdict);
/* As pvm_restart; tids: room for `most` of those that were started. */
int pvmrevive(const char *dir, int number, char *const *hosts, int n, int *tids, int most,
	struct pvmverdict *verdict);

/* Say of a host whether its owner uses it: WIRE_OWNER_. 0 or an error code. (calls/hold.c) */
int pvmowner(const char *host, int word);

/* ---- waiting (csrc/libpvm/engine/wait.c) -------------------------------------------- */

/*
 * Have `given_up` called in each thread whose call waits for messages or answers: when a signal
 * has come, and once a second. The lock is free then. If it returns non-zero the wait ends, and
 * the call, with PvmSysErr. An answer that comes later is dropped. NULL: nobody is asked.
 */
void pvmaskwaiting(int (*given_up)(void));

/* ---- waiting in an event loop (csrc/libpvm/calls/for_loops.c) ------------------------ */

/*
 * A descriptor that is readable when something may have come, by whatever way. It is the same as
 * long as the task is enrolled. Before the loop sleeps it calls pvmdoze, and after that it receives.
 * PvmSysErr.
 */
int pvmwatch(void);

/*
 * The loop is going to sleep. Milliseconds for which it may at most, PVM_DOZE_MAX: until the
 * descriptor is readable. 0: something is there, or has come since the last call, so look again.
 * PvmSysErr.
 */
enum { PVM_DOZE_MAX = 0x7fffffff };
int pvmdoze(void);

/* ---- settings (csrc/libpvm/calls) --------------------------------------------------- */

/* The own tid, -1 while this is no task. (base/task.c) */
extern int pvmmytid;

/* Name that pvm_tasks shows, to be set before the first call that connects. 0, PvmExists. */
int pvmsettaskname(char *name);

/* Copy the trace mask, 36 bytes, of the own task or of children. 0, PvmBadParam. (pvmtev.h) */
int pvm_gettmask(int who, char mask[36]);
int pvm_settmask(int who, char mask[36]);

/*
 * Reset the machine: end the tasks (if killtasks) other than the caller and those with
 * PvmNoReset, and delete what ended tasks have left in the mailbox, of one class and index (""
 * and -1: all). 0 or an error code. (compat.c)
 */
int pvmreset(int mytid, int killtasks, char *noreset_class, int index);

#endif
