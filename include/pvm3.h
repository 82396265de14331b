/* SPDX-License-Identifier: MIT */
/*
 * Programming interface of the Parallel Virtual Machine, version 3.4.
 *
 * Calls return a negative Pvm... code on failure and keep it in pvm_errno.
 * Messages are built in the current send buffer (pvm_initsend, pvm_pk...), sent
 * (pvm_send), received into the current receive buffer (pvm_recv) and taken
 * apart (pvm_upk...).  Group functions are in libgpvm3, the rest in libpvm3.
 */
#ifndef _PVM3_H_
#define _PVM3_H_

#include <sys/time.h>

/* Release whose interface this is. */
#define PVM_VER           "3.4.6"
#define PVM_MAJOR_VERSION 3
#define PVM_MINOR_VERSION 4
#define PVM_PATCH_VERSION 6

/* Encodings of a message: pvm_initsend, pvm_mkbuf. */
#define PvmDataDefault 0 /* XDR: understood by every machine */
#define PvmDataRaw     1 /* as in memory: machines of the same kind */
#define PvmDataInPlace 2 /* as raw, but read from the caller's memory by the send */
#define PvmDataFoo     PvmDataDefault
#define PvmDataTrace   4 /* trace event made by the program */

/* Flags of pvm_spawn, added together. */
#define PvmTaskDefault   0  /* any host */
#define PvmTaskHost      1  /* `where` names a host */
#define PvmTaskArch      2  /* `where` names an architecture */
#define PvmTaskDebug     4  /* under a debugger */
#define PvmTaskTrace     8  /* traced */
#define PvmMppFront      16 /* on the service node of a multiprocessor */
#define PvmHostCompl     32 /* on all hosts but those that `where` selects */
#define PvmNoSpawnParent 64 /* the children do not learn their parent */

/* Events of pvm_notify. */
#define PvmTaskExit     1   /* a task ended */
#define PvmHostDelete   2   /* a host left or failed */
#define PvmHostAdd      3   /* hosts joined */
#define PvmRouteAdd     4   /* a direct route to a task opened */
#define PvmRouteDelete  5   /* a direct route to a task closed */
#define PvmNotifyCancel 256 /* added to the event: answer pending ones now */

/* Options of pvm_setopt and pvm_getopt, with the values of some of them. */
#define PvmRoute             1
#define PvmDontRoute             1 /* all messages through the daemons */
#define PvmAllowDirect           2 /* accept direct routes, do not ask for them */
#define PvmRouteDirect           3 /* ask for direct routes */
#define PvmDebugMask         2
#define PvmAutoErr           3  /* 0 silent, 1 print errors, 2 and exit, 3 and abort */
#define PvmOutputTid         4  /* who gets the output of future children */
#define PvmOutputCode        5
#define PvmTraceTid          6  /* who gets the trace of future children */
#define PvmTraceCode         7
#define PvmTraceBuffer       8  /* bytes collected before a trace message is sent */
#define PvmTraceOptions      9
#define PvmTraceFull             1 /* every event */
#define PvmTraceTime             2 /* sum of times per kind of event */
#define PvmTraceCount            3 /* number of events per kind */
#define PvmFragSize          10 /* bytes of a message fragment with its headers */
#define PvmResvTids          11 /* allow tags and tids that the system reserves */
#define PvmSelfOutputTid     12 /* who gets the output of this task */
#define PvmSelfOutputCode    13
#define PvmSelfTraceTid      14 /* who gets the trace of this task */
#define PvmSelfTraceCode     15
#define PvmSelfTraceBuffer   16
#define PvmSelfTraceOptions  17
#define PvmShowTids          18 /* pvm_catchout names the task on each line */
#define PvmPollType          19 /* shared-memory machines only */
#define PvmPollConstant          1
#define PvmPollSleep             2
#define PvmPollTime          20
#define PvmOutputContext     21
#define PvmTraceContext      22
#define PvmSelfOutputContext 23
#define PvmSelfTraceContext  24
#define PvmNoReset           25 /* a reset of the machine spares this task */
/* Beyond PVM 3.4.6, with numbers that it refuses. */
#define PvmThreadBuffers     1001 /* 1: each thread has active buffers and a context of its own */

/* Whose trace mask: pvm_gettmask, pvm_settmask. */
#define PvmTaskSelf  0
#define PvmTaskChild 1

/* Context that every hand-started task begins in. */
#define PvmBaseContext 0

/* Flags of pvm_putinfo, pvm_recvinfo and pvm_delinfo. */
#define PvmMboxDefault       0  /* put: one entry that others may not replace */
#define PvmMboxPersistent    1  /* put: stays when its owner exits */
#define PvmMboxMultiInstance 2  /* put: next free index of the class */
#define PvmMboxOverWritable  4  /* put: any task may replace or delete it */
#define PvmMboxFirstAvail    8  /* get: first index that is not below the given one */
#define PvmMboxReadAndDelete 16 /* get: and delete */
#define PvmMboxWaitForInfo   32 /* get: wait until the entry exists */
#define PvmMboxMaxFlag       512

/* An index that pvm_putinfo is to use travels in the upper bits of its flags. */
#define PvmMboxDirectIndexShift 10
#define PvmMboxMaxDirectIndex   (1u << (31 - PvmMboxDirectIndexShift))
#define PvmMboxDirectIndexOf(flags) \
	(((flags) & ((PvmMboxMaxDirectIndex - 1) << PvmMboxDirectIndexShift)) \
		>> PvmMboxDirectIndexShift)
/* Needs <stdio.h>; an index that is too large is reported and becomes 0. */
#define PvmMboxDirectIndex(index) \
	((index) < PvmMboxMaxDirectIndex ? (index) << PvmMboxDirectIndexShift : \
		(fprintf(stderr, "PvmMboxDirectIndex: %d is not below %d\n", \
			(int)(index), (int)PvmMboxMaxDirectIndex), 0))

/* Mailbox classes that the system uses. */
#define PVMNORESETCLASS "###_PVM_NO_RESET_###" /* tasks with PvmNoReset */
#define PVMHOSTERCLASS  "###_PVM_HOSTER_###"   /* the starter of daemons */
#define PVMTASKERCLASS  "###_PVM_TASKER_###"   /* starters of tasks */
#define PVMTRACERCLASS  "###_PVM_TRACER_###"   /* the tracer */
#define PVMRMCLASS      "###_PVM_RM_###"       /* resource managers */

/* Error codes. */
#define PvmOk           0
#define PvmBadParam     (-2)  /* an argument makes no sense */
#define PvmMismatch     (-3)  /* arguments do not fit together */
#define PvmOverflow     (-4)  /* value too large for its encoding */
#define PvmNoData       (-5)  /* read past the end of a message */
#define PvmNoHost       (-6)  /* no such host */
#define PvmNoFile       (-7)  /* no such executable */
#define PvmDenied       (-8)  /* not allowed */
#define PvmNoMem        (-10) /* out of memory */
#define PvmBadMsg       (-12) /* message cannot be decoded */
#define PvmSysErr       (-14) /* no daemon */
#define PvmNoBuf        (-15) /* no current buffer */
#define PvmNoSuchBuf    (-16) /* no buffer of that number */
#define PvmNullGroup    (-17) /* group name is NULL */
#define PvmDupGroup     (-18) /* already in the group */
#define PvmNoGroup      (-19) /* no such group */
#define PvmNotInGroup   (-20) /* not a member */
#define PvmNoInst       (-21) /* no such instance in the group */
#define PvmHostFail     (-22) /* host failed */
#define PvmNoParent     (-23) /* not started by pvm_spawn */
#define PvmNotImpl      (-24) /* not implemented */
#define PvmDSysErr      (-25) /* the daemon had a system error */
#define PvmBadVersion   (-26) /* versions do not fit */
#define PvmOutOfRes     (-27) /* out of some resource */
#define PvmDupHost      (-28) /* host is there already */
#define PvmCantStart    (-29) /* daemon could not be started */
#define PvmAlready      (-30) /* somebody else does it already */
#define PvmNoTask       (-31) /* no such task */
#define PvmNotFound     (-32) /* no such entry */
#define PvmExists       (-33) /* exists already */
#define PvmHostrNMstr   (-34) /* hosters must run on the master host */
#define PvmParentNotSet (-35) /* parent spawned with PvmNoSpawnParent */
#define PvmIPLoopback   (-36) /* the master host knows only its loopback address */
/* Names that PVM 3.3 had for two of them. */
#define PvmNoEntry      PvmNotFound
#define PvmDupEntry     PvmDenied

/* Item types of pvm_psend, pvm_precv and the collective group calls. */
#define PVM_STR    0
#define PVM_BYTE   1
#define PVM_SHORT  2
#define PVM_INT    3
#define PVM_FLOAT  4
#define PVM_CPLX   5
#define PVM_DOUBLE 6
#define PVM_DCPLX  7
#define PVM_LONG   8
#define PVM_USHORT 9
#define PVM_UINT   10
#define PVM_ULONG  11

/* One host: pvm_config. */
struct pvmhostinfo {
	int hi_tid;    /* tid of its daemon */
	char *hi_name;
	char *hi_arch; /* architecture, as LINUX64 */
	int hi_speed;  /* relative speed; 1000 unless the host file says otherwise */
	int hi_dsig;   /* data signature: machines with equal ones can exchange raw data */
};

/* One task: pvm_tasks. */
struct pvmtaskinfo {
	int ti_tid;
	int ti_ptid;    /* parent, 0: none */
	int ti_host;    /* tid of the daemon it runs under */
	int ti_flag;
	char *ti_a_out; /* executable; "" for tasks that were not spawned */
	int ti_pid;
};

/* Header of a message: pvm_getminfo, pvm_setminfo. */
struct pvmminfo {
	int len; /* bytes of the body */
	int ctx; /* context */
	int tag;
	int wid; /* wait id: pairs reply and request */
	int enc; /* encoding word */
	int crc;
	int src;
	int dst;
};

/* One class of the mailbox: pvm_getmboxinfo. */
struct pvmmboxinfo {
	char *mi_name;
	int mi_nentries;
	int *mi_indices;
	int *mi_owners;
	int *mi_flags;
};

/* Name for a temporary file. */
#ifdef NOTMPNAM
#define PVMTMPNAMFUN(x) pvmtmpnam(x)
#define PVMTMPNAMLEN    128
#else
#define PVMTMPNAMFUN(x) tmpnam(x)
#ifdef L_tmpnam
#define PVMTMPNAMLEN    L_tmpnam
#else
#define PVMTMPNAMLEN    128
#endif
#endif

/* Programs written for PVM's own headers may wrap their prototypes in this. */
#ifndef __ProtoGlarp__
#define __ProtoGlarp__(x) x
#endif

/*
 * Texts that a function only reads.  C++ insists on `const`; in C the declarations stay those
 * that programs of old may repeat.  Defined as `const` before, C programs have it, too.
 */
#ifndef PVM_CONST
#ifdef __cplusplus
#define PVM_CONST const
#else
#define PVM_CONST
#endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The task itself. */
int pvm_mytid(void);
int pvm_parent(void);
int pvm_siblings(int **tids);
int pvm_exit(void);
char *pvm_version(void);

/* Tasks. */
int pvm_spawn(PVM_CONST char *file, char **argv, int flags, PVM_CONST char *where, int count,
	int *tids);
int pvm_kill(int tid);
int pvm_sendsig(int tid, int signum);
int pvm_pstat(int tid);
int pvm_tasks(int where, int *ntask, struct pvmtaskinfo **tasks);
int pvm_tidtohost(int tid);
int pvm_notify(int event, int tag, int count, int *tids);
/* Output of children; declared if <stdio.h> was included before. */
#ifdef EOF
int pvm_catchout(FILE *file);
#endif
int pvm_export(PVM_CONST char *name);
int pvm_unexport(PVM_CONST char *name);

/* Hosts and the machine as a whole. */
int pvm_config(int *nhost, int *narch, struct pvmhostinfo **hosts);
int pvm_addhosts(char **names, int count, int *status);
int pvm_delhosts(char **names, int count, int *status);
int pvm_mstat(PVM_CONST char *host);
int pvm_archcode(PVM_CONST char *arch);
int pvm_hostsync(int host, struct timeval *remote, struct timeval *delta);
int pvm_start_pvmd(int argc, char **argv, int block);
int pvm_halt(void);
int pvm_tickle(int narg, int *arg, int *nresp, int *resp);

/* Buffers. */
int pvm_initsend(int encoding);
int pvm_mkbuf(int encoding);
int pvm_freebuf(int bufid);
int pvm_getsbuf(void);
int pvm_setsbuf(int bufid);
int pvm_getrbuf(void);
int pvm_setrbuf(int bufid);
int pvm_bufinfo(int bufid, int *bytes, int *tag, int *tid);
int pvm_getminfo(int bufid, struct pvmminfo *info);
int pvm_setminfo(int bufid, struct pvmminfo *info);

/* Packing: `count` items that lie `stride` items apart. */
int pvm_pkbyte(PVM_CONST char *items, int count, int stride);
int pvm_pkshort(short *items, int count, int stride);
int pvm_pkushort(unsigned short *items, int count, int stride);
int pvm_pkint(int *items, int count, int stride);
int pvm_pkuint(unsigned int *items, int count, int stride);
int pvm_pklong(long *items, int count, int stride);
int pvm_pkulong(unsigned long *items, int count, int stride);
int pvm_pkfloat(float *items, int count, int stride);
int pvm_pkdouble(double *items, int count, int stride);
int pvm_pkcplx(float *items, int count, int stride);
int pvm_pkdcplx(double *items, int count, int stride);
int pvm_pkstr(PVM_CONST char *text);
int pvm_packf(const char *format, ...);
int pvm_pkmesg(int bufid);
int pvm_pkmesgbody(int bufid);

/* Unpacking, the same way. */
int pvm_upkbyte(char *items, int count, int stride);
int pvm_upkshort(short *items, int count, int stride);
int pvm_upkushort(unsigned short *items, int count, int stride);
int pvm_upkint(int *items, int count, int stride);
int pvm_upkuint(unsigned int *items, int count, int stride);
int pvm_upklong(long *items, int count, int stride);
int pvm_upkulong(unsigned long *items, int count, int stride);
int pvm_upkfloat(float *items, int count, int stride);
int pvm_upkdouble(double *items, int count, int stride);
int pvm_upkcplx(float *items, int count, int stride);
int pvm_upkdcplx(double *items, int count, int stride);
int pvm_upkstr(char *text);
int pvm_unpackf(const char *format, ...);
int pvm_upkmesg(void);

/* Sending and receiving; -1 stands for any sender or any tag. */
int pvm_send(int tid, int tag);
int pvm_mcast(int *tids, int count, int tag);
int pvm_psend(int tid, int tag, void *items, int count, int type);
int pvm_recv(int tid, int tag);
int pvm_nrecv(int tid, int tag);
int pvm_trecv(int tid, int tag, struct timeval *timeout);
int pvm_precv(int tid, int tag, void *items, int count, int type,
	int *rtid, int *rtag, int *rlen);
int pvm_probe(int tid, int tag);
int (*pvm_recvf(int (*match)(int bufid, int tid, int tag)))(int bufid, int tid, int tag);
int pvm_getfds(int **fds);

/* Message handlers, contexts, options. */
int pvm_addmhf(int src, int tag, int context, int (*handler)(int bufid));
int pvm_delmhf(int id);
int pvm_newcontext(void);
int pvm_freecontext(int context);
int pvm_getcontext(void);
int pvm_setcontext(int context);
int pvm_getopt(int option);
int pvm_setopt(int option, int value);

/* Mailbox. */
int pvm_putinfo(PVM_CONST char *name, int bufid, int flags);
int pvm_recvinfo(PVM_CONST char *name, int index, int flags);
int pvm_delinfo(PVM_CONST char *name, int index, int flags);
int pvm_getmboxinfo(PVM_CONST char *pattern, int *nclasses, struct pvmmboxinfo **classes);
int pvm_insert(PVM_CONST char *name, int index, int data);
int pvm_lookup(PVM_CONST char *name, int index, int *data);
int pvm_delete(PVM_CONST char *name, int index);

/* System tasks. */
int pvm_reg_hoster(void);
int pvm_reg_tasker(void);
int pvm_reg_rm(struct pvmhostinfo **host);
int pvm_reg_tracer(int trace_context, int trace_tag, int output_context, int output_tag,
	PVM_CONST char *mask, int buffer, int options);
int pvm_getnoresets(int **tids, int *count);

/* Errors. */
int pvm_perror(PVM_CONST char *prefix);
char *pvm_strerror(void);

/* Helpers that programs have always used. */
#ifdef NOTMPNAM
char *pvmtmpnam(char *name);
#endif
char *pvmgetrsh(void);
char *pvmgettmp(void);

#ifdef PVM33COMPAT
/* Wait id of a buffer alone; pvm_getminfo and pvm_setminfo replace them. */
int pvm_getmwid(int bufid);
int pvm_setmwid(int bufid, int wid);
#endif

/* Groups (libgpvm3). */
int pvm_joingroup(PVM_CONST char *group);
int pvm_lvgroup(PVM_CONST char *group);
int pvm_freezegroup(PVM_CONST char *group, int size);
int pvm_gettid(PVM_CONST char *group, int instance);
int pvm_getinst(PVM_CONST char *group, int tid);
int pvm_gsize(PVM_CONST char *group);
int pvm_barrier(PVM_CONST char *group, int count);
int pvm_bcast(PVM_CONST char *group, int tag);
int pvm_reduce(void (*function)(int *, void *, void *, int *, int *), void *items,
	int count, int type, int tag, PVM_CONST char *group, int root);
int pvm_gather(void *result, void *items, int count, int type, int tag, PVM_CONST char *group,
	int root);
int pvm_scatter(void *result, void *items, int count, int type, int tag, PVM_CONST char *group,
	int root);
/* Functions for pvm_reduce: type, accumulator, operand, number of items, error. */
void PvmMax(int *type, void *x, void *y, int *count, int *info);
void PvmMin(int *type, void *x, void *y, int *count, int *info);
void PvmSum(int *type, void *x, void *y, int *count, int *info);
void PvmProduct(int *type, void *x, void *y, int *count, int *info);

#ifdef __cplusplus
}
#endif

#endif
