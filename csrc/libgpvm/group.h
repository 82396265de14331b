/* SPDX-License-Identifier: MIT */
/*
 * What the files of libgpvm share.  Nothing here is exported but what libgpvm.map names.
 *
 *   session.c     the state, and the context of a call
 *   cache.c       records of static groups, which need no server
 *   server.c      finding, starting and asking the group server
 *   member.c      joining, leaving, asking about members, barrier
 *   hosts.c       members by host
 *   bcast.c       sending to all members
 *   collective.c  gather, scatter
 *   reduce.c      reduce
 *   items.c       items of collective calls in messages
 *   operation.c   PvmMax, PvmMin, PvmSum, PvmProduct
 *   trace.c       trace events of the calls
 *   serve.c       for the group server itself
 *   known.c       its answers to questions that come again
 *
 * The library stands on the public functions of libpvm3 and the few other names
 * below, so that it works with 3.4.6's libpvm3 as well.
 */
#ifndef PVM3PY_GROUP_H
#define PVM3PY_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/time.h>

#include "groups.h"
/* Everything is compiled hidden (-fvisibility=hidden) but what these and the next parts declare. */
#pragma GCC visibility push(default)
#include "binding.h"
#include "pvm3.h"
#include "pvmproto.h"
#include "pvmtev.h"
#include "for_groups.h"

/* ---- what libpvm3 has besides pvm3.h --------------------------------------- */

typedef int (*trace_packer)(int did, int array, void *data, int n, int stride);

extern int pvm_errno;
extern int pvmmytid;  /* -1: not connected */
extern int pvmtoplvl; /* 0 inside a call that is traced already */
extern struct Pvmtracer pvmtrc;
extern trace_packer *pvmtrccodef;
int pvmbeatask(void); /* connect: 0 or an error code */
int lpvmerr(const char *function, int code);
int tev_begin(int kind, int entry_exit);
int tev_fin(void);

/* What this project's libpvm3 has for threads (for_groups.h); with 3.4.6's they are NULL. */
#pragma weak pvmlock
#pragma weak pvmunlock
#pragma weak pvmgroupbegin
#pragma weak pvmgroupend
#pragma weak pvmgroupmask
#pragma weak pvmgroupcount
#pragma weak pvmgrouppause
#pragma weak pvmgroupresume
#pragma weak pvmviewbegin
#pragma weak pvmviewend
#pragma weak pvmtrecvf
#pragma weak pvmturn
#pragma weak pvmturnend
#pragma weak pvmsession
#pragma weak pvmistask

/* ---- exported, not in pvm3.h ------------------------------------------------- */

/* Limit of waits for the server; NULL: none. */
extern struct timeval *pvmgs_tmout;
/* Tid of the group server, which is started if need be; or an error code. */
int gs_getgstid(void);
/* Have the server print its state on its standard error. */
void pvm_gsdump(void);
/*
 * Coordinator and number of members on `host` (tid of its daemon), and number of hosts with
 * members; pointers may be NULL. A host without members: -1, 0. 0 or an error code.
 */
int pvm_grphostinfo(char *group, int host, int *coordinator, int *members, int *hosts);
/* The same of all hosts with members, in arrays that are valid until the next call. */
int pvm_grpvhostinfo(char *group, int **coordinators, int **members, int *hosts);

#pragma GCC visibility pop

/* ---- the state (session.c) ------------------------------------------------- */

struct record;

/* All state of the library; threads look at it and change it between gs__lock and gs__unlock. */
struct groups {
	int turns[GROUP_BARRIERV + 1];      /* who waits for the answer to a request, see pvmturn */
	int unanswered[GROUP_BARRIERV + 1]; /* requests whose answers have not come */
	int server;                         /* tid of the group server, 0: not known */
	int client;             /* own tid when it was found; after pvm_exit it is another, ... */
	unsigned session;       /* ... but may be the same in another machine */
	struct record *records; /* of static groups */
	int deaths;   /* members that died, of the group of the last reply, if not static */
	int *vectors; /* what pvm_grpvhostinfo answered last */
};
extern struct groups gs__state;

/*
 * The connection to the daemon; 3.4.6's libpvm3 does not tell one from another. Between gs__lock
 * and gs__unlock.
 */
static inline unsigned gs__session(void)
{
	return pvmsession ? pvmsession() : 0;
}

/* Keep other threads out of the library; a thread may nest it. 3.4.6's libpvm3 has no threads. */
static inline void gs__lock(void)
{
	if (pvmlock)
		pvmlock();
}

/* End what gs__lock began; others are let in at the outermost one. */
static inline void gs__unlock(void)
{
	if (pvmunlock)
		pvmunlock();
}

/*
 * First line of a public function. It holds the lock, and nobody but this library may use it for
 * anything, signal handlers included: they are refused.
 */
#define GROUP_CALL() GROUP_CALL_OR(PvmNotImpl)
/* The same with what is returned to a signal handler that is refused. */
#define GROUP_CALL_OR(refusal) \
	struct pvmcall group_call; \
	if (pvmgroupbegin && pvmgroupbegin(&group_call) < 0) \
		return refusal; \
	const char group_end __attribute__((cleanup(gs__end), unused)) = 0

static inline void gs__end(const char *scope)
{
	(void)scope;
	if (pvmgroupend)
		pvmgroupend();
}

/* Called before memory is allocated or freed: a signal handler that comes in between may do so. */
static inline void gs__mask(void)
{
	if (pvmgroupmask)
		pvmgroupmask();
}

/* ---- context of a call (session.c) ----------------------------------------- */

/* The program's own buffers, context and match function, put aside. */
struct setting {
	struct pvmview view; /* or, with 3.4.6's libpvm3: */
	int sbuf, rbuf, context;
	int (*match)(int mid, int tid, int tag);
};

/* Put them aside: no buffers, context SYSCTX_DG, the usual matching. */
void gs__enter(struct setting *);
/* Put them back; buffers that came up meanwhile are freed. */
void gs__leave(struct setting *);

/*
 * Inside gs__enter: pvm_trecv of the first message that `match` likes; NULL: by source and
 * tag. `match` gets id 0 at first, and may then end the wait with a negative code. Returns the
 * message's id, 0 after the time (NULL: none), or an error code.
 */
int gs__receive(int (*match)(int, int, int), int tid, int tag, struct timeval *timeout);

/* Set pvm_errno to the code if that is negative; at the end of a group call. Returns code. */
static inline int gs__quiet(int code)
{
	if (code < 0)
		pvm_errno = code;
	return code;
}

/* ---- asking the server (server.c) -------------------------------------------- */

/*
 * Send a request about `group` and wait for the answer.
 *
 * arg   second part of the requests that have one
 * list  gets the integers behind the result, as many as the request defines,
 *       malloc'ed; NULL: not wanted
 *
 * Returns the result, or a negative code: the server's, PvmNullGroup for a name that is
 * NULL or empty, PvmSysErr if there is no server, PvmBadMsg, PvmNoMem.
 * A server that has died is replaced; as the new one knows no groups, requests other than
 * GROUP_JOIN then end in PvmNoGroup.
 */
int gs__ask(int request, const char *group, int arg, int **list);
static inline bool gs__named(const char *group)
{
	return group && *group;
}

/* ---- static groups (cache.c) -------------------------------------------------- */

/* What the server tells about a static group. */
struct record {
	struct record *next;
	int members, capacity, hosts;
	int *tids;         /* of `capacity` instances, -1: none */
	int *per_host;     /* members on each host ... */
	int *coordinators; /* ... and the smallest tid there */
	char name[];
};

/* Record of a group, or NULL. */
const struct record *gs__cached(const char *group);
/* Read a record from the receive buffer and keep it. 0, PvmBadMsg, PvmNoMem. */
int gs__cache_read(void);
/* Forget the record of a group; NULL, or a group without one, is no error. */
void gs__cache_drop(const char *group);
/* Forget all records, as they are of another server. */
void gs__cache_clear(void);
/*
 * Read `n` integers from the receive buffer, malloc'ed. PvmBadMsg if the
 * message cannot hold them, PvmNoMem.
 */
int gs__read_ints(int n, int **ints);

/* ---- groups (member.c) --------------------------------------------------------- */

/* As the public calls, from the cache or the server, without trace and pvm_errno. */
int gs__instance(const char *group, int tid);
int gs__tid(const char *group, int instance);
/* Members by GROUP_BCAST or GROUP_TIDLIST: their number, tids malloc'ed; or a code. */
int gs__tids(int request, const char *group, int **tids);

/* ---- items of collective calls (items.c) --------------------------------------- */

/* Bytes of an item, 0: type not allowed in collective calls. */
size_t gs__item_size(int type);
/* Put n items into the send buffer. 0 or an error code. */
int gs__pack(int type, void *items, int n);
/* Take n items from the receive buffer; text longer than n bytes is PvmOverflow. */
int gs__unpack(int type, void *items, int n);

/* ---- the server's answers (known.c) -------------------------------------------- */

/* The answer to a request of at most GS_BODY_MAX bytes, and its length; NULL: not known. */
const char *gs__known(const struct gs_request *, int *length);

/* ---- trace events (trace.c) ---------------------------------------------------- */

enum { NO_ITEM = -1 };

/* A call that may be traced. */
struct traced {
	int kind;     /* TEV_... */
	int toplevel; /* pvmtoplvl outside the call */
};

/* Begin of a call about `group`; `did` with `value` is a second item, or NO_ITEM. */
void gs__trace_entry(struct traced *, int kind, const char *group, int did, int value);
/* End of a call with its result, and a list of tids if tids is not NULL. */
void gs__trace_exit(const struct traced *, int did, int value, int *tids, int n);

/* The events of both, if the task has a tracer; it may have one as soon as it is a task. */
void gs__entry_event(const struct traced *, const char *group, int did, int value);
void gs__exit_event(const struct traced *, int did, int value, int *tids, int n);
static inline bool gs__may_be_traced(void)
{
	return __builtin_expect(pvmtrc.trctid > 0 || pvmmytid == -1, 0);
}

/* gs__trace_entry and gs__trace_exit between gs__lock and gs__unlock. */
static inline void gs__trace_entry_held(struct traced *t, int kind, const char *group, int did,
	int value)
{
	t->kind = kind;
	t->toplevel = pvmtoplvl;
	pvmtoplvl = 0;
	if (gs__may_be_traced())
		gs__entry_event(t, group, did, value);
}

static inline void gs__trace_exit_held(const struct traced *t, int did, int value, int *tids, int n)
{
	if (gs__may_be_traced())
		gs__exit_event(t, did, value, tids, n);
	pvmtoplvl = t->toplevel;
}

#endif
