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
/* Beyond PVM 3.4.6, which ignores it. */
#define PvmTaskFixed     128 /* the children are never moved to another host */

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

#define PvmMovable           1002 /* 1: may be moved; 2: only in calls of the library; 0: not */

/* When pvm_onmigrate calls: before the image is made, and when the task goes on. */
#define PvmBeforeImage 1
#define PvmAfterResume 2

/* Flags of pvm_checkpoint. */
#define PvmWholeJobs   1 /* each tid stands for its job */
#define PvmIncremental 2 /* only what has changed since the last checkpoint, where that is less */

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
/* Beyond PVM 3.4.6: of tasks that are to be moved. */
#define PvmNotMovable   (-101) /* the task stays where it is */
#define PvmBusy         (-102) /* it cannot be moved now; worth another try */
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

/*
 * What follows documents each function, in the comment before its declaration: what it does,
 * then "@argument: meaning", what it returns, and the error codes with their reasons. The manual
 * pages pvm_send(3) and so on are made from these comments.
 */

/* ---- The task itself ---- */

/*
 * Tid of the calling task.
 *
 * The first call of nearly any function makes the process a task of the virtual machine. This one
 * does nothing else, so programs call it first. After pvm_exit it makes a new task.
 *
 * Returns the tid, which is positive.
 * PvmSysErr: there is no daemon.
 * Example:
 *	int me = pvm_mytid();
 *
 *	if (me < 0)
 *		exit(1);
 *	printf("I am t%x\n", me);
 * See pvm_parent, pvm_exit, pvm_start_pvmd
 */
int pvm_mytid(void);

/*
 * Tid of the task that spawned this one.
 *
 * Returns the tid, or an error code that programs expect and that is not printed.
 * PvmNoParent: the task was started by hand.
 * PvmParentNotSet: it was spawned with PvmNoSpawnParent.
 * PvmSysErr: there is no daemon.
 * Example:
 *	if (pvm_parent() == PvmNoParent)
 *		printf("started by hand\n");
 * See pvm_spawn, pvm_siblings
 */
int pvm_parent(void);

/*
 * Tasks that the same call of pvm_spawn started.
 *
 * A spawned task waits here for the list, which its parent sends. Another task is its own only
 * sibling.
 *
 * @tids: the list is stored here, in the order of the parent's array; it belongs to the library
 * Returns the number of tasks in the list, the caller included.
 * PvmSysErr: there is no daemon.
 * See pvm_spawn, pvm_parent
 */
int pvm_siblings(int **tids);

/*
 * Leave the virtual machine.
 *
 * The process goes on without PVM. Messages that it has not received are lost, those it has sent
 * arrive. Standard output is flushed first. A task that collects output of children waits for
 * their end. A later call makes the process a new task.
 *
 * Returns 0, also in a process that is no task.
 * PvmSysErr: the daemon has gone.
 * See pvm_mytid, pvm_catchout
 */
int pvm_exit(void);

/*
 * Version of the interface.
 *
 * Returns "3.4.6". The version of this implementation is another one: pvmd3 --version prints it.
 */
char *pvm_version(void);

/* ---- Starting and watching tasks ---- */

/*
 * Start tasks.
 *
 * The daemon looks for a file name without "/" in the directories of PVM_PATH. Children get the
 * daemon's environment, the variables that pvm_export names, and the caller's context. The
 * environment variable PVMTASK adds flags to those given.
 *
 * @file: program, as a name or an absolute path
 * @argv: its arguments without the program's name, NULL at the end; NULL: none
 * @flags: sum of PvmTask... flags; PvmTaskDefault leaves the choice of hosts to PVM
 * @where: host or architecture as the flags say, "." for this host; ":directory" behind it is
 *   where the tasks start
 * @count: how many tasks to start, 1 or more
 * @tids: the tids are stored here, those of started tasks first, then error codes; may be NULL
 * Returns the number of tasks that were started. If it is below `count`, `tids` tells why.
 * PvmBadParam: `count` is below 1, or `file` is NULL.
 * PvmNoFile: in `tids`: no such program on that host.
 * PvmNoHost: in `tids`: no such host or architecture.
 * PvmNoMem: in `tids`: the host is out of memory.
 * PvmOutOfRes: in `tids`: the host can start no more tasks.
 * PvmSysErr: there is no daemon.
 * Example:
 *	int tids[4];
 *	int n = pvm_spawn("worker", NULL, PvmTaskDefault, NULL, 4, tids);
 *
 *	if (n < 4)
 *		fprintf(stderr, "only %d workers; the first failed with %d\n", n, tids[n]);
 * See pvm_kill, pvm_parent, pvm_siblings, pvm_export, pvm_catchout
 */
int pvm_spawn(PVM_CONST char *file, char **argv, int flags, PVM_CONST char *where, int count,
	int *tids);

/*
 * End a task by the signal SIGTERM.
 *
 * @tid: the task
 * Returns 0, also if the task has ended already.
 * PvmBadParam: `tid` is not the tid of a task.
 * PvmSysErr: there is no daemon.
 * See pvm_sendsig, pvm_exit
 */
int pvm_kill(int tid);

/*
 * Send a signal to the process of a task.
 *
 * @tid: the task
 * @signum: number of the signal on the task's host
 * Returns 0, also if the task has ended already.
 * PvmBadParam: `tid` is not the tid of a task.
 * PvmSysErr: there is no daemon.
 * See pvm_kill
 */
int pvm_sendsig(int tid, int signum);

/*
 * Ask whether a task runs.
 *
 * @tid: the task
 * Returns PvmOk if it runs.
 * PvmNoTask: it does not; this is not printed.
 * PvmBadParam: `tid` is not the tid of a task.
 * PvmSysErr: there is no daemon.
 * See pvm_mstat, pvm_notify
 */
int pvm_pstat(int tid);

/*
 * List tasks.
 *
 * @where: 0: of all hosts; tid of a daemon: of its host; tid of a task: that one
 * @ntask: the number of tasks is stored here; may be NULL
 * @tasks: the list is stored here, valid until the thread's next call; may be NULL
 * Returns 0.
 * PvmNoHost: there is no such host.
 * PvmSysErr: there is no daemon.
 * Example:
 *	struct pvmtaskinfo *tasks;
 *	int n;
 *
 *	if (pvm_tasks(0, &n, &tasks) == 0)
 *		for (int i = 0; i < n; i++)
 *			printf("t%x %s\n", tasks[i].ti_tid, tasks[i].ti_a_out);
 * See pvm_config, pvm_tidtohost
 */
int pvm_tasks(int where, int *ntask, struct pvmtaskinfo **tasks);

/*
 * Host of a task.
 *
 * The host is part of the tid. Nobody is asked, so the task need not exist.
 *
 * @tid: the task
 * Returns the tid of the daemon of its host.
 * See pvm_config
 */
int pvm_tidtohost(int tid);

/*
 * Ask for a message when something happens to tasks or hosts.
 *
 * A notice has the given tag and the caller's context. With PvmTaskExit and PvmHostDelete its body
 * is one int, the tid, and there is one notice for each. What has ended already is told at
 * once. With PvmHostAdd the body is an int n and the tids of n daemons. With PvmRouteAdd and
 * PvmRouteDelete it is the tid of the other task and a descriptor (-1 if closed).
 *
 * PvmNotifyCancel, added to the event, ends the matter: notices that are due come at once.
 *
 * @event: PvmTaskExit, PvmHostDelete, PvmHostAdd, PvmRouteAdd or PvmRouteDelete
 * @tag: tag of the notices, 0 or more
 * @count: length of `tids`; with PvmHostAdd and PvmRouteAdd how many notices are wanted, -1 for
 *   all, 0 for none
 * @tids: tasks, or daemons with PvmHostDelete; not used with PvmHostAdd and PvmRouteAdd
 * Returns 0.
 * PvmBadParam: there is no such event, `tag` or `count` is negative, or a tid is of another kind.
 * PvmSysErr: there is no daemon.
 * Example:
 *	int worker = pvm_parent();
 *	int who;
 *
 *	pvm_notify(PvmTaskExit, 99, 1, &worker);
 *	pvm_recv(-1, 99);
 *	pvm_upkint(&who, 1, 1);
 *	printf("t%x has ended\n", who);
 * See pvm_pstat, pvm_mstat
 */
int pvm_notify(int event, int tag, int count, int *tids);

#ifdef EOF
/*
 * Collect the output of tasks that are spawned from now on.
 *
 * Lines of children and of their children are written to a file, each with the tid in front
 * unless PvmShowTids is 0. pvm_exit then waits until all of them have ended. The function is
 * declared if <stdio.h> was included before.
 *
 * @file: where the lines go; NULL: no longer collect
 * Returns 0.
 * PvmSysErr: there is no daemon.
 * Example:
 *	int tid;
 *
 *	pvm_catchout(stdout);
 *	pvm_spawn("worker", NULL, PvmTaskDefault, NULL, 1, &tid);
 *	pvm_exit();
 * See pvm_spawn, pvm_setopt
 */
int pvm_catchout(FILE *file);
#endif

/*
 * Choose the environment variables that spawned tasks get.
 *
 * pvm_export adds a name to the list in the environment variable PVM_EXPORT, pvm_unexport takes
 * one away. pvm_spawn sends the listed variables along.
 *
 * @name: name of the variable
 * Returns 0.
 * See pvm_spawn
 */
int pvm_export(PVM_CONST char *name);
int pvm_unexport(PVM_CONST char *name);

/* ---- Hosts and the machine as a whole ---- */

/*
 * List the hosts of the virtual machine.
 *
 * @nhost: the number of hosts is stored here; may be NULL
 * @narch: the number of different data formats is stored here; may be NULL
 * @hosts: the list is stored here, valid until the thread's next call; may be NULL
 * Returns 0.
 * PvmSysErr: there is no daemon.
 * Example:
 *	struct pvmhostinfo *hosts;
 *	int n;
 *
 *	if (pvm_config(&n, NULL, &hosts) == 0)
 *		for (int i = 0; i < n; i++)
 *			printf("%s %s\n", hosts[i].hi_name, hosts[i].hi_arch);
 * See pvm_addhosts, pvm_mstat, pvm_tasks
 */
int pvm_config(int *nhost, int *narch, struct pvmhostinfo **hosts);

/*
 * Add hosts to the virtual machine.
 *
 * The master daemon starts a daemon on each host, by default with ssh. Each name may be a whole
 * line of a host file, with options: see pvmhosts(5).
 *
 * @names: names of the hosts
 * @count: number of names, 1 to 4095
 * @status: for each host the tid of its daemon or an error code is stored here; may be NULL
 * Returns the number of hosts that were added.
 * PvmBadParam: `count` is out of range, or in `status`: an option is not known.
 * PvmAlready: another addition is running.
 * PvmOutOfRes: there is no room for so many hosts.
 * PvmNoHost: in `status`: the name has no address.
 * PvmCantStart: in `status`: no daemon could be started there; the log of the master says why.
 * PvmDupHost: in `status`: the host is in the machine already.
 * PvmBadVersion: in `status`: the daemon there speaks another protocol.
 * PvmIPLoopback: in `status`: the master has no address that other hosts can reach.
 * PvmSysErr: there is no daemon.
 * Example:
 *	char *names[] = { "node2", "node3" };
 *	int status[2];
 *
 *	if (pvm_addhosts(names, 2, status) < 2)
 *		fprintf(stderr, "node2: %d, node3: %d\n", status[0], status[1]);
 * See pvm_delhosts, pvm_config, pvm_notify
 */
int pvm_addhosts(char **names, int count, int *status);

/*
 * Delete hosts from the virtual machine.
 *
 * Daemon and tasks there end. With " -m" behind the name of a host, its tasks that can move go to
 * other hosts before.
 *
 * @names: names of the hosts
 * @count: number of names, 1 to 4095
 * @status: for each host 0 or an error code is stored here; may be NULL
 * Returns the number of hosts that were deleted.
 * PvmBadParam: `count` is out of range.
 * PvmNoHost: in `status`: there is no such host.
 * PvmSysErr: there is no daemon.
 * See pvm_addhosts, pvm_halt
 */
int pvm_delhosts(char **names, int count, int *status);

/*
 * Ask whether a host is alive.
 *
 * @host: its name
 * Returns PvmOk if it is.
 * PvmNoHost: there is no such host in the machine; this is not printed.
 * PvmHostFail: it does not answer; this is not printed.
 * PvmBadParam: `host` is NULL or empty.
 * PvmSysErr: there is no daemon.
 * See pvm_config, pvm_notify
 */
int pvm_mstat(PVM_CONST char *host);

/*
 * Data format of an architecture.
 *
 * Machines whose numbers are equal can exchange messages that are packed with PvmDataRaw.
 *
 * @arch: name of an architecture of the machine, as LINUX64
 * Returns the number that pvm_config stores in hi_dsig.
 * PvmNotFound: no host has this architecture.
 * PvmBadParam: `arch` is NULL.
 * PvmSysErr: there is no daemon.
 * See pvm_config
 */
int pvm_archcode(PVM_CONST char *arch);

/*
 * Compare the clocks of two hosts.
 *
 * @host: tid of the daemon of the other host
 * @remote: time there is stored here; may be NULL
 * @delta: time here less time there is stored here, without the way of the question; may be NULL
 * Returns 0.
 * PvmNoHost: there is no such host.
 * PvmHostFail: the host was lost meanwhile.
 * PvmSysErr: there is no daemon.
 * See pvm_config
 */
int pvm_hostsync(int host, struct timeval *remote, struct timeval *delta);

/*
 * Start a daemon on this host, as the master of a new virtual machine.
 *
 * The program is $PVM_ROOT/lib/pvmd, or else pvmd3 or pvmd of PATH. The caller becomes a task of
 * the new machine, or of the one that runs already.
 *
 * @argc: number of arguments
 * @argv: arguments of the daemon, as a host file, without the program's name; NULL if there are
 *   none
 * @block: whether to wait until the hosts of the host file are added
 * Returns 0.
 * PvmDupHost: a daemon runs already; the program can use it.
 * PvmCantStart: the daemon did not start, and has said why on standard error.
 * PvmSysErr: the system refused something.
 * Example:
 *	if (pvm_start_pvmd(0, NULL, 1) == PvmDupHost)
 *		printf("there was a machine already\n");
 * See pvm_halt, pvm_mytid
 */
int pvm_start_pvmd(int argc, char **argv, int block);

/*
 * End the virtual machine: all tasks, the caller included, and all daemons.
 *
 * Returns 0. The caller is no task any more, and goes on.
 * PvmSysErr: there is no daemon, or it refused.
 * See pvm_exit, pvm_delhosts, pvm_start_pvmd
 */
int pvm_halt(void);

/*
 * Ask the daemon of this host to tell about itself, for debugging.
 *
 * What it tells is in its log. The first number says what: 0 memory, 1 hosts, 2 tasks, 3 requests
 * that wait, 4 mailbox, 5 returns the debug mask, 6 sets it.
 *
 * @narg: how many numbers, 1 to 10
 * @arg: the numbers
 * @nresp: how many numbers were answered is stored here; may be NULL
 * @resp: the answer is stored here, up to 10 numbers; may be NULL
 * Returns 0.
 * PvmBadParam: `narg` is out of range.
 * PvmSysErr: there is no daemon.
 */
int pvm_tickle(int narg, int *arg, int *nresp, int *resp);

/* ---- Buffers ---- */

/*
 * Begin a new message.
 *
 * The send buffer is emptied: the old one is freed, and an empty one takes its place.
 *
 * @encoding: PvmDataDefault for any receiver, PvmDataRaw for machines of the same kind,
 *   PvmDataInPlace to send from the program's memory without a copy
 * Returns the id of the buffer, which is positive.
 * PvmBadParam: there is no such encoding.
 * PvmNoMem: out of memory.
 * Example:
 *	int numbers[] = { 1, 2, 3 };
 *
 *	pvm_initsend(PvmDataDefault);
 *	pvm_pkint(numbers, 3, 1);
 *	pvm_send(pvm_parent(), 7);
 * See pvm_pkbyte, pvm_send, pvm_mkbuf
 */
int pvm_initsend(int encoding);

/*
 * Make a buffer.
 *
 * It becomes neither send nor receive buffer: pvm_setsbuf does that.
 *
 * @encoding: as for pvm_initsend, or PvmDataTrace for an event of a trace
 * Returns the id of the buffer, which is positive.
 * PvmBadParam: there is no such encoding.
 * PvmNoMem: out of memory.
 * See pvm_freebuf, pvm_setsbuf, pvm_initsend
 */
int pvm_mkbuf(int encoding);

/*
 * Free a buffer.
 *
 * @bufid: its id; 0 is allowed and does nothing
 * Returns 0.
 * PvmBadParam: `bufid` is negative.
 * PvmNoSuchBuf: there is no such buffer.
 * See pvm_mkbuf
 */
int pvm_freebuf(int bufid);

/*
 * Ids of the send buffer and of the receive buffer.
 *
 * Returns the id, 0 if there is none.
 * See pvm_setsbuf
 */
int pvm_getsbuf(void);
int pvm_getrbuf(void);

/*
 * Choose the send buffer or the receive buffer.
 *
 * The old one stays as it is, so a program can work on several messages in turn. Threads have
 * buffers of their own with the option PvmThreadBuffers.
 *
 * @bufid: id of the buffer; 0: none
 * Returns the id of the old one, 0 if there was none.
 * PvmBadParam: `bufid` is negative.
 * PvmNoSuchBuf: there is no such buffer.
 * Example:
 *	int kept = pvm_setrbuf(0);
 *
 *	pvm_recv(-1, 5);
 *	pvm_freebuf(pvm_setrbuf(kept));
 * See pvm_mkbuf, pvm_freebuf
 */
int pvm_setsbuf(int bufid);
int pvm_setrbuf(int bufid);

/*
 * Size, tag and sender of a message.
 *
 * @bufid: its buffer
 * @bytes: the length of the body in bytes is stored here; may be NULL
 * @tag: the tag is stored here; may be NULL
 * @tid: the sender is stored here; may be NULL
 * Returns 0.
 * PvmBadParam: `bufid` is not positive.
 * PvmNoSuchBuf: there is no such buffer.
 * Example:
 *	int bytes, tag, tid;
 *	int bufid = pvm_recv(-1, -1);
 *
 *	if (pvm_bufinfo(bufid, &bytes, &tag, &tid) == 0)
 *		printf("%d bytes with tag %d from t%x\n", bytes, tag, tid);
 * See pvm_recv, pvm_getminfo
 */
int pvm_bufinfo(int bufid, int *bytes, int *tag, int *tid);

/*
 * Read or change the header of a message.
 *
 * System tasks use the wait id, which an answer takes from its request.
 *
 * @bufid: buffer of the message
 * @info: the header
 * Returns 0.
 * PvmBadParam: `bufid` is not positive, or `info` is NULL.
 * PvmNoSuchBuf: there is no such buffer.
 * See pvm_bufinfo
 */
int pvm_getminfo(int bufid, struct pvmminfo *info);
int pvm_setminfo(int bufid, struct pvmminfo *info);

/* ---- Packing ---- */

/*
 * Add items to the message in the send buffer.
 *
 * There is a function for each C type. A complex number is two floats or two doubles, real part
 * first, and counts as one item. Whoever receives the message takes the items out in the same order
 * with the functions of the same types.
 *
 * In the portable encoding (PvmDataDefault) a long has 4 bytes: numbers that do not fit are
 * refused. With PvmDataInPlace the memory must stay as it is until the message is sent.
 *
 * @items: the first item
 * @count: how many items
 * @stride: distance from an item to the next, counted in items; 1: they are side by side
 * Returns 0.
 * PvmBadParam: `count` is negative.
 * PvmNoBuf: there is no send buffer.
 * PvmNoMem: out of memory.
 * PvmNotImpl: `stride` is not 1, with PvmDataInPlace.
 * PvmOverflow: a long does not fit into 4 bytes, with PvmDataDefault.
 * Example:
 *	double matrix[10][20];
 *
 *	pvm_initsend(PvmDataDefault);
 *	pvm_pkdouble(&matrix[0][3], 10, 20);
 * See pvm_initsend, pvm_upkbyte, pvm_pkstr, pvm_packf
 */
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

/*
 * Add a string to the message in the send buffer.
 *
 * @text: the string
 * Returns 0.
 * PvmBadParam: `text` is NULL.
 * PvmNoBuf: there is no send buffer.
 * PvmNoMem: out of memory.
 * PvmNotImpl: the buffer is one in place (PvmDataInPlace).
 * See pvm_upkstr, pvm_pkbyte
 */
int pvm_pkstr(PVM_CONST char *text);

/*
 * Add items to the message in the send buffer, as a format says.
 *
 * An item of the format is "%", a count, "." and a stride, and a type. Count and stride are numbers
 * or "*", which stands for an int argument. The types are c (byte), d (int), f (float), x (complex)
 * and s (string), with h for short, l for long or double, u for unsigned in front.
 *
 * An item with neither count nor stride is passed by value, others by address, complex numbers
 * always by address. "%+" at the begin takes an int argument and calls pvm_initsend with it. What
 * is no item is skipped.
 *
 * @format: the format
 * Returns 0. After an error the items before it are in the message.
 * PvmBadParam: the format makes no sense, or a count is negative.
 * PvmNoBuf: there is no send buffer.
 * PvmNoMem: out of memory.
 * PvmNotImpl: a value is to be packed in place.
 * PvmOverflow: a long does not fit into 4 bytes, with PvmDataDefault.
 * Undeclared: int pvm_vpackf(const char *format, va_list arguments)
 * Example:
 *	double values[100];
 *
 *	pvm_packf("%+ %d %100lf %s", PvmDataDefault, 100, values, "metres");
 * See pvm_unpackf, pvm_pkbyte
 */
int pvm_packf(const char *format, ...);

/*
 * Add a whole message to the message in the send buffer.
 *
 * pvm_pkmesg adds it with its header, so that pvm_upkmesg can take it out. pvm_pkmesgbody adds
 * the items alone, which are unpacked as if they had been packed here.
 *
 * @bufid: buffer of the message to add
 * Returns 0. Errors are not printed.
 * PvmBadParam: `bufid` is not positive.
 * PvmNoSuchBuf: there is no such buffer.
 * PvmNoBuf: there is no send buffer.
 * PvmMismatch: the encodings differ; pvm_pkmesgbody alone.
 * PvmNoMem: out of memory.
 * See pvm_upkmesg
 */
int pvm_pkmesg(int bufid);
int pvm_pkmesgbody(int bufid);

/* ---- Unpacking ---- */

/*
 * Take items out of the message in the receive buffer.
 *
 * The items come in the order in which they were packed. Nothing checks that the types are the
 * same. A complex number is two floats or two doubles, real part first, and counts as one item.
 *
 * @items: the first item is stored here
 * @count: how many items
 * @stride: distance from an item to the next, counted in items; 1: side by side
 * Returns 0.
 * PvmBadParam: `count` is negative.
 * PvmNoBuf: there is no receive buffer.
 * PvmNoData: the message ends before; the items that were left are stored.
 * PvmBadMsg: the message cannot be decoded here: it is raw data of another kind of machine.
 * Example:
 *	int n;
 *	double values[100];
 *
 *	pvm_recv(-1, 7);
 *	pvm_upkint(&n, 1, 1);
 *	if (n > 0 && n <= 100)
 *		pvm_upkdouble(values, n, 1);
 * See pvm_recv, pvm_pkbyte, pvm_upkstr
 */
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

/*
 * Take a string out of the message in the receive buffer.
 *
 * The length is not limited. If the sender is not trusted, pvm_bufinfo tells the length of the
 * message, and no string in it is longer.
 *
 * @text: the string is stored here, with its null byte
 * Returns 0.
 * PvmNoBuf: there is no receive buffer.
 * PvmNoData: the message ends before.
 * PvmBadMsg: the message cannot be decoded here.
 * See pvm_pkstr, pvm_upkbyte
 */
int pvm_upkstr(char *text);

/*
 * Take items out of the message in the receive buffer, as a format says.
 *
 * The format is that of pvm_packf without "%+". All items are passed by address.
 *
 * @format: the format
 * Returns 0. After an error the items before it are stored.
 * PvmBadParam: the format makes no sense, or a count is negative.
 * PvmNoBuf: there is no receive buffer.
 * PvmNoData: the message ends before.
 * PvmBadMsg: the message cannot be decoded here.
 * Undeclared: int pvm_vunpackf(const char *format, va_list arguments)
 * Example:
 *	int n;
 *	double values[100];
 *	char unit[20];
 *
 *	pvm_unpackf("%d %100lf %s", &n, values, unit);
 * See pvm_packf, pvm_upkbyte
 */
int pvm_unpackf(const char *format, ...);

/*
 * Take a whole message out of the message in the receive buffer.
 *
 * Returns the id of a new buffer with it. It does not become the receive buffer. Errors are not
 * printed.
 * PvmNoBuf: there is no receive buffer.
 * PvmBadMsg: there is no message at this place.
 * PvmNoData: the message ends before.
 * PvmNoMem: out of memory.
 * Example:
 *	int inner = pvm_upkmesg();
 *
 *	if (inner > 0)
 *		pvm_setrbuf(inner);
 * See pvm_pkmesg
 */
int pvm_upkmesg(void);

/* ---- Sending and receiving ---- */

/*
 * Send the message in the send buffer to a task.
 *
 * The call does not wait for the receiver, unless messages that it has not taken in fill the
 * room that the system has for them. The buffer stays, so the message can be sent again. Messages
 * from one task to another arrive in the order of their sending.
 *
 * @tid: the receiver; the caller itself is allowed
 * @tag: tag of the message, 0 or more
 * Returns 0, also if the task has ended.
 * PvmBadParam: `tid` is not the tid of a task, or `tag` is negative.
 * PvmNoBuf: there is no send buffer.
 * PvmSysErr: there is no daemon.
 * Example:
 *	pvm_initsend(PvmDataDefault);
 *	pvm_pkstr("hello");
 *	pvm_send(pvm_parent(), 1);
 * See pvm_recv, pvm_mcast, pvm_psend, pvm_initsend
 */
int pvm_send(int tid, int tag);

/*
 * Send the message in the send buffer to several tasks.
 *
 * A task that is in the list twice gets it once. The caller gets none.
 *
 * @tids: the receivers
 * @count: how many they are; 0 is allowed
 * @tag: tag of the message, 0 or more
 * Returns 0.
 * PvmBadParam: a tid is not that of a task, or `count` or `tag` is negative.
 * PvmNoBuf: there is no send buffer.
 * PvmSysErr: there is no daemon.
 * See pvm_send, pvm_bcast
 */
int pvm_mcast(int *tids, int count, int tag);

/*
 * Pack items of one type and send them, in one call.
 *
 * The items travel as they are in memory (PvmDataRaw). The send buffer is not touched.
 *
 * @tid: the receiver
 * @tag: tag of the message, 0 or more
 * @items: the items, side by side
 * @count: how many
 * @type: their type, PVM_BYTE to PVM_ULONG
 * Returns 0, also if the task has ended.
 * PvmBadParam: there is no such type, `tid` is not that of a task, `items` is NULL, or a number
 *   is negative.
 * PvmNotImpl: `type` is PVM_STR.
 * PvmSysErr: there is no daemon.
 * See pvm_precv, pvm_send
 */
int pvm_psend(int tid, int tag, void *items, int count, int type);

/*
 * Wait for a message.
 *
 * The message becomes the receive buffer; the old receive buffer is freed. Of several messages that
 * fit, the one that arrived first is taken. Only messages of the caller's context fit.
 *
 * @tid: the sender; -1: any
 * @tag: the tag; -1: any
 * Returns the id of the buffer, which is positive.
 * PvmNotImpl: the call is made in a message handler.
 * PvmSysErr: there is no daemon, or it is lost while the call waits.
 * Example:
 *	char text[100];
 *
 *	if (pvm_recv(-1, 1) > 0 && pvm_upkstr(text) == 0)
 *		puts(text);
 * See pvm_nrecv, pvm_trecv, pvm_precv, pvm_probe, pvm_bufinfo, pvm_upkbyte
 */
int pvm_recv(int tid, int tag);

/*
 * Take a message if one is there.
 *
 * The old receive buffer is freed, also if there is no message.
 *
 * @tid: the sender; -1: any
 * @tag: the tag; -1: any
 * Returns the id of the buffer, which has become the receive buffer; 0 if there is no message.
 * PvmSysErr: there is no daemon.
 * See pvm_recv, pvm_probe
 */
int pvm_nrecv(int tid, int tag);

/*
 * Wait for a message, but not longer than a given time.
 *
 * The old receive buffer is freed, also if no message comes.
 *
 * @tid: the sender; -1: any
 * @tag: the tag; -1: any
 * @timeout: how long to wait, in seconds and microseconds; 0: not at all; NULL: without a limit
 * Returns the id of the buffer, which has become the receive buffer; 0 if no message came.
 * PvmNotImpl: the call is made in a message handler.
 * PvmSysErr: there is no daemon, or it is lost while the call waits.
 * Example:
 *	struct timeval second = { 1, 0 };
 *
 *	if (pvm_trecv(-1, 7, &second) == 0)
 *		printf("nothing came within a second\n");
 * See pvm_recv, pvm_nrecv
 */
int pvm_trecv(int tid, int tag, struct timeval *timeout);

/*
 * Wait for a message and store its items, in one call.
 *
 * At most `count` items are stored; what goes beyond is lost. The items are not converted:
 * the message must be raw and from the same kind of machine, as pvm_psend sends it. The receive
 * buffer is not touched.
 *
 * @tid: the sender; -1: any
 * @tag: the tag; -1: any
 * @items: the items are stored here
 * @count: how many there is room for
 * @type: their type, PVM_BYTE to PVM_ULONG
 * @rtid: the sender is stored here; may be NULL
 * @rtag: the tag is stored here; may be NULL
 * @rlen: the length of the message in bytes is stored here; may be NULL
 * Returns 0.
 * PvmBadParam: there is no such type, `items` is NULL, or `count` is negative.
 * PvmNotImpl: `type` is PVM_STR, or the call is made in a message handler.
 * PvmSysErr: there is no daemon, or it is lost while the call waits.
 * Example:
 *	double values[100];
 *	int bytes;
 *
 *	if (pvm_precv(-1, 7, values, 100, PVM_DOUBLE, NULL, NULL, &bytes) == 0)
 *		printf("%d numbers\n", (int)(bytes / sizeof *values));
 * See pvm_psend, pvm_recv
 */
int pvm_precv(int tid, int tag, void *items, int count, int type,
	int *rtid, int *rtag, int *rlen);

/*
 * Look whether a message is there, and leave it there.
 *
 * The buffer may be given to pvm_bufinfo. The next receive with the same arguments takes it.
 *
 * @tid: the sender; -1: any
 * @tag: the tag; -1: any
 * Returns the id of its buffer; 0 if there is no message.
 * PvmSysErr: there is no daemon.
 * See pvm_nrecv, pvm_bufinfo
 */
int pvm_probe(int tid, int tag);

/*
 * Have a function of the program decide which messages fit.
 *
 * Each receiving call shows the function the messages that are there, in the order of their
 * arrival, with the tid and tag that were asked for. Its result says: 1 take this one now; 0 no;
 * above 1 take the one with the highest result; negative: end the call with this error. The
 * function must not call PVM, except pvm_bufinfo and the like.
 *
 * @match: the function; NULL: PVM's own rule
 * Returns the function that was in use before.
 * Example:
 *	int (*old)(int, int, int) = pvm_recvf(NULL);
 *
 *	pvm_recvf(old);
 * See pvm_recv, pvm_addmhf
 */
int (*pvm_recvf(int (*match)(int bufid, int tid, int tag)))(int bufid, int tid, int tag);

/*
 * Descriptors on which messages arrive, for select and poll.
 *
 * When one of them can be read, pvm_nrecv or pvm_probe looks what came. The list changes when
 * direct routes open and close. The first call ends the exchange of messages through shared
 * memory, which no descriptor shows.
 *
 * @fds: the list is stored here, valid until the thread's next call
 * Returns the number of descriptors, 1 or more. The first is the daemon's.
 * PvmBadParam: `fds` is NULL.
 * PvmSysErr: there is no daemon.
 * Example:
 *	int *fds;
 *
 *	if (pvm_getfds(&fds) > 0)
 *		while (pvm_nrecv(-1, -1) > 0)
 *			pvm_freebuf(pvm_getrbuf());
 * See pvm_nrecv, pvm_probe
 */
int pvm_getfds(int **fds);

/* ---- Message handlers, contexts, options ---- */

/*
 * Have a function called for each message of a kind.
 *
 * It is called when such a message comes in, within any call of the library. The message is the
 * receive buffer meanwhile, and is freed when the function returns. The function may send
 * and ask, but not wait for messages. Of several handlers that fit, the newest is called.
 *
 * @src: the sender; -1: any
 * @tag: the tag; -1: any
 * @context: the context; -1: any
 * @handler: the function; its result is not used
 * Returns the number of the handler, for pvm_delmhf.
 * PvmExists: there is a handler for a message that this one would be for.
 * PvmBadParam: `handler` is NULL.
 * See pvm_delmhf, pvm_recvf
 */
int pvm_addmhf(int src, int tag, int context, int (*handler)(int bufid));

/*
 * Delete a message handler.
 *
 * @id: its number
 * Returns 0.
 * PvmBadParam: `id` is negative.
 * PvmNotFound: there is no such handler.
 * See pvm_addmhf
 */
int pvm_delmhf(int id);

/*
 * Get a context that no other task has.
 *
 * A receive takes only messages of the context in which it is called. So a library with a context
 * of its own cannot take messages of the program, whatever tags both use.
 *
 * Returns the context.
 * PvmOutOfRes: this host has no contexts left.
 * PvmSysErr: there is no daemon.
 * Example:
 *	int mine = pvm_newcontext();
 *	int old = pvm_setcontext(mine);
 *
 *	pvm_recv(-1, 1);
 *	pvm_setcontext(old);
 *	pvm_freecontext(mine);
 * See pvm_setcontext, pvm_freecontext
 */
int pvm_newcontext(void);

/*
 * Give a context back.
 *
 * @context: a context from pvm_newcontext
 * Returns 0.
 * PvmNotFound: the task does not own it; nobody owns PvmBaseContext.
 * PvmSysErr: there is no daemon.
 * See pvm_newcontext
 */
int pvm_freecontext(int context);

/*
 * The context in which messages are sent and received.
 *
 * Returns the context. A task that was started by hand begins in PvmBaseContext, a spawned one
 * in that of its parent.
 * See pvm_setcontext
 */
int pvm_getcontext(void);

/*
 * Choose the context in which messages are sent and received.
 *
 * @context: the context; -1: receive from all
 * Returns the old one.
 * See pvm_newcontext, pvm_getcontext
 */
int pvm_setcontext(int context);

/*
 * Value of an option of the library.
 *
 * @option: PvmRoute to PvmNoReset, PvmThreadBuffers, or PvmMovable
 * Returns the value.
 * PvmBadParam: there is no such option here.
 * See pvm_setopt
 */
int pvm_getopt(int option);

/*
 * Set an option of the library.
 *
 * The list of options is in pvm3.h(3). Those of output and trace hold for tasks that are spawned
 * from then on; those named PvmSelf... hold for the caller.
 *
 * @option: PvmRoute to PvmNoReset, PvmThreadBuffers, or PvmMovable
 * @value: the new value
 * Returns the old value.
 * PvmBadParam: there is no such option, or the value makes no sense for it.
 * PvmNotImpl: the option cannot be set here.
 * PvmSysErr: there is no daemon, which some options need.
 * Example:
 *	pvm_setopt(PvmRoute, PvmRouteDirect);
 *	pvm_setopt(PvmAutoErr, 0);
 * See pvm_getopt
 */
int pvm_setopt(int option, int value);

/* ---- Moving tasks ---- */

/*
 * Move a task to another host, while it runs.
 *
 * The task keeps its tid, its messages, and all that asks for it. It returns when the task runs
 * there. A task may move itself.
 *
 * @tid: the task
 * @host: name of the host; NULL: whichever is best
 * @flags: 0
 * Returns 0.
 * PvmBadParam: `tid` is no task, or a flag is unknown.
 * PvmNoTask: there is no such task.
 * PvmNoHost: there is no such host.
 * PvmNotMovable: the task, or the host, does not allow it; pvm_canmigrate says why.
 * PvmBusy: not now; try again.
 * PvmNotImpl: the daemon cannot.
 * See pvm_canmigrate, pvm_onmigrate, pvm_setopt
 */
int pvm_migrate(int tid, char *host, int flags);

/*
 * Can a task be moved to a host? Nothing is stopped for the answer.
 *
 * @tid: the task
 * @host: name of the host; NULL: whichever is best
 * @why: the reason is stored here, in words, cut if need be; may be NULL
 * @size: bytes that `why` has room for
 * Returns 0: it can.
 * PvmBadParam: `tid` is no task, or `size` is negative.
 * PvmNotMovable: it cannot; this is not printed.
 * PvmBusy: not now; this is not printed.
 * PvmNotImpl: the daemon cannot tell.
 * See pvm_migrate
 */
int pvm_canmigrate(int tid, char *host, char *why, int size);

/*
 * Have a function called when the task is moved.
 *
 * With PvmBeforeImage it is called before the task stops, in a call of the library, which a task
 * with such a function is moved in alone; it may return a number other than 0: not now. With
 * PvmAfterResume it is called when the task goes on, there or, if nothing came of it, here: in the
 * next call of the library. At most 16 functions can be given.
 *
 * @when: PvmBeforeImage or PvmAfterResume
 * @f: the function
 * @arg: its argument
 * Returns 0.
 * PvmBadParam: `when` is none of both, or `f` is NULL.
 * PvmOutOfRes: there are too many.
 * See pvm_migrate
 */
int pvm_onmigrate(int when, int (*f)(void *), void *arg);

/*
 * Stop a task, or let a task that was stopped go on.
 *
 * What is sent to it waits. It stays stopped on another host if it is moved. PvmTaskExit and
 * pvm_kill work as always, and so does the end of the machine.
 *
 * @tid: the task
 * @on: 1 stops it, 0 lets it go on
 * Returns 0.
 * PvmBadParam: `tid` is no task, or `on` is another number.
 * PvmNoTask: there is no such task.
 * PvmNotImpl: a daemon cannot.
 * See pvm_migrate, pvm_sendsig
 */
int pvm_holdtask(int tid, int on);

/* ---- Checkpoints ---- */

/*
 * Have the images of tasks written to files, from which they can be started again.
 *
 * The tasks stop for a moment together, wherever they are, so that no message between them is lost
 * or doubled. They then go on while the files are written. It returns when the checkpoint is whole
 * on the disk. A task that is started again from it returns from the same call.
 *
 * @dir: directory that all hosts of the tasks share; NULL: PVM_CKPT_DIR of the master's daemon
 * @tids: the tasks
 * @n: their number; 0: the job of the caller, which is all that its root has spawned
 * @flags: 0, or of PvmWholeJobs: each tid stands for its job; PvmIncremental: what has not changed
 * since the last checkpoint is not written again, if the systems of the hosts can tell that
 * Returns the number of the checkpoint, from 1 up.
 * PvmBadParam: a tid is no task's, or the directory is not named.
 * PvmNoTask: a task has ended.
 * PvmNotMovable: a task cannot be imaged, or the directory cannot be used.
 * PvmBusy: not now; try again.
 * PvmNotImpl: the daemon cannot.
 * See pvm_restart, pvm_canmigrate
 */
int pvm_checkpoint(char *dir, int *tids, int n, int flags);

/*
 * Start tasks again from a checkpoint. They have the same tids, on whatever hosts they are.
 *
 * @dir: the directory given to pvm_checkpoint, or that of a job in it
 * @number: of the checkpoint; 0: the last one
 * @hosts: names of hosts; may be NULL
 * @n: their number; 0: all hosts
 * Returns the number of tasks.
 * PvmBadParam: there is no such checkpoint.
 * PvmNoHost: there is no such host.
 * PvmAlready: one of the tasks is there.
 * PvmNotMovable: the checkpoint is damaged, or does not fit the hosts.
 * PvmNotImpl: the daemon cannot.
 * See pvm_checkpoint
 */
int pvm_restart(char *dir, int number, char **hosts, int n);

/* ---- Mailbox ---- */

/*
 * Leave a message under a name, where all tasks of the machine can get it.
 *
 * Entries of one name form a class and have an index, which begins at 0. A task may replace its own
 * entry, and one that was left with PvmMboxOverWritable. An entry goes with its owner unless it is
 * PvmMboxPersistent.
 *
 * @name: name of the class
 * @bufid: buffer of the message, as pvm_getsbuf tells
 * @flags: sum of PvmMboxPersistent, PvmMboxMultiInstance, PvmMboxOverWritable; add
 *   PvmMboxDirectIndex(i) to choose an index
 * Returns the index of the entry.
 * PvmBadParam: `name` is NULL or empty, or `bufid` is not positive.
 * PvmNoSuchBuf: there is no such buffer.
 * PvmDenied: the entry belongs to another task; this is not printed.
 * PvmNoMem: out of memory.
 * PvmOutOfRes: the mailbox has no room for it.
 * PvmSysErr: there is no daemon.
 * Example:
 *	int me = pvm_mytid();
 *
 *	pvm_initsend(PvmDataDefault);
 *	pvm_pkint(&me, 1, 1);
 *	pvm_putinfo("printer", pvm_getsbuf(), PvmMboxDefault);
 * See pvm_recvinfo, pvm_delinfo, pvm_getmboxinfo
 */
int pvm_putinfo(PVM_CONST char *name, int bufid, int flags);

/*
 * Get a message that a task has left under a name.
 *
 * It becomes the receive buffer; the old receive buffer is freed. The entry stays unless
 * PvmMboxReadAndDelete is given.
 *
 * @name: name of the class
 * @index: index of the entry, 0 or more
 * @flags: sum of PvmMboxFirstAvail, PvmMboxReadAndDelete, PvmMboxWaitForInfo
 * Returns the id of the buffer.
 * PvmBadParam: `name` is NULL or empty, or `index` is negative.
 * PvmNotFound: there is no such entry; this is not printed.
 * PvmDenied: the entry may not be deleted by this task.
 * PvmSysErr: there is no daemon.
 * Example:
 *	int printer;
 *
 *	if (pvm_recvinfo("printer", 0, PvmMboxWaitForInfo) > 0)
 *		pvm_upkint(&printer, 1, 1);
 * See pvm_putinfo, pvm_getmboxinfo
 */
int pvm_recvinfo(PVM_CONST char *name, int index, int flags);

/*
 * Delete a message that was left under a name.
 *
 * @name: name of the class
 * @index: index of the entry, 0 or more
 * @flags: PvmMboxDefault
 * Returns the index.
 * PvmBadParam: `name` is NULL or empty, or `index` is negative.
 * PvmNotFound: there is no such entry; this is not printed.
 * PvmDenied: it belongs to another task; this is not printed.
 * PvmSysErr: there is no daemon.
 * See pvm_putinfo
 */
int pvm_delinfo(PVM_CONST char *name, int index, int flags);

/*
 * List the names in the mailbox with their entries.
 *
 * @pattern: names that contain it are listed; "*" in it stands for any text; NULL: all
 * @nclasses: the number of names is stored here; may be NULL
 * @classes: the list is stored here, valid until the thread's next call; may be NULL
 * Returns 0.
 * PvmSysErr: there is no daemon.
 * See pvm_putinfo
 */
int pvm_getmboxinfo(PVM_CONST char *pattern, int *nclasses, struct pvmmboxinfo **classes);

/*
 * Keep an int under a name, look it up, delete it.
 *
 * These are the calls of PVM 3.3. pvm_putinfo and pvm_recvinfo can do more, and use the same
 * names.
 *
 * @name: the name
 * @index: index of the number, 0 or more; -1: the first that is free (pvm_insert), or that there
 *   is (pvm_lookup)
 * @data: the number; pvm_lookup stores it here, or nowhere if that is NULL
 * Returns the index.
 * PvmBadParam: `name` is NULL or empty, or `index` is too small.
 * PvmDenied: there is a number already (pvm_insert); this is not printed.
 * PvmNotFound: there is none; this is not printed.
 * PvmNoData: what is kept there is no number (pvm_lookup).
 * PvmSysErr: there is no daemon.
 * See pvm_putinfo, pvm_recvinfo
 */
int pvm_insert(PVM_CONST char *name, int index, int data);
int pvm_lookup(PVM_CONST char *name, int index, int *data);
int pvm_delete(PVM_CONST char *name, int index);

/* ---- System tasks ---- */

/*
 * Become the task that starts the daemons of new hosts, or stop being it.
 *
 * The master daemon then sends SM_STHOST messages instead of starting daemons itself. A second call
 * ends that. The task must run on the master's host.
 *
 * Returns 0.
 * PvmAlready: another task has this part.
 * PvmHostrNMstr: this host is not the master's.
 * PvmSysErr: there is no daemon.
 * See pvm_reg_tasker, pvm_reg_rm
 */
int pvm_reg_hoster(void);

/*
 * Become the task that starts the tasks of this host, or stop being it.
 *
 * The daemon then sends SM_STTASK messages instead of starting programs itself. A second call ends
 * that.
 *
 * Returns 0.
 * PvmAlready: another task has this part.
 * PvmSysErr: there is no daemon.
 * See pvm_reg_hoster, pvm_reg_rm
 */
int pvm_reg_tasker(void);

/*
 * Become the resource manager of this host.
 *
 * Tasks that are made from then on send it their requests about hosts and tasks, as SM_...
 * messages. It decides, for instance, where spawned tasks run. A former manager is replaced.
 *
 * @host: what pvm_config tells of this host is stored here, valid until the thread's next call; may
 *   be NULL
 * Returns the tid of the manager before, 0 if there was none.
 * PvmSysErr: there is no daemon.
 * See pvm_reg_hoster, pvm_reg_tasker
 */
int pvm_reg_rm(struct pvmhostinfo **host);

/*
 * Become the tracer of the machine, or stop being it.
 *
 * Tasks without a destination of their own send trace and output to the tracer. A second call
 * ends that.
 *
 * @trace_context: context of trace messages
 * @trace_tag: tag of trace messages; 0: no trace
 * @output_context: context of output messages
 * @output_tag: tag of output messages; 0: no output
 * @mask: which calls to trace, as a Pvmtmask of pvmtev.h
 * @buffer: bytes that a task collects before it sends them, as PvmTraceBuffer
 * @options: PvmTraceFull, PvmTraceTime or PvmTraceCount
 * Returns 0.
 * PvmBadParam: `mask` is NULL.
 * PvmAlready: another task is the tracer.
 * PvmSysErr: there is no daemon.
 * See pvm_settmask, pvm_setopt
 */
int pvm_reg_tracer(int trace_context, int trace_tag, int output_context, int output_tag,
	PVM_CONST char *mask, int buffer, int options);

/*
 * List the tasks that a reset of the machine spares.
 *
 * These are the tasks that have set the option PvmNoReset.
 *
 * @tids: the list is stored here, valid until the thread's next call; may be NULL
 * @count: the number of tasks is stored here; may be NULL
 * Returns 0.
 * PvmSysErr: there is no daemon.
 * See pvm_setopt
 */
int pvm_getnoresets(int **tids, int *count);

/* ---- Errors ---- */

/*
 * Print the last error on standard error.
 *
 * The line begins with the task's tid and the given text, and has the text of pvm_errno. By
 * default the library prints errors by itself: see PvmAutoErr in pvm3.h(3).
 *
 * @prefix: what comes before the text of the error, as the name of a function
 * Returns 0.
 * Undeclared: extern int pvm_errno
 * Undeclared: extern int pvm_nerr
 * Undeclared: extern char *pvm_errlist[]
 * Example:
 *	if (pvm_kill(0) < 0)
 *		pvm_perror("cannot end it");
 * See pvm_strerror, pvm_setopt
 */
int pvm_perror(PVM_CONST char *prefix);

/*
 * Text of the last error.
 *
 * Returns the text of the error code that a call of this thread returned last.
 * See pvm_perror
 */
char *pvm_strerror(void);

/* ---- Helpers that programs have always used ---- */

#ifdef NOTMPNAM
/*
 * Name for a temporary file, below PVM_TMP.
 *
 * @name: the name is stored here, PVMTMPNAMLEN bytes; NULL: in memory of the library, valid until
 *   the thread's next call
 * Returns the name; NULL if it is too long.
 */
char *pvmtmpnam(char *name);
#endif

/*
 * Settings of the environment.
 *
 * pvmgetrsh tells the remote shell that starts daemons, pvmgettmp the directory of PVM's files.
 *
 * Returns the value of PVM_RSH or PVM_TMP, or the default.
 */
char *pvmgetrsh(void);
char *pvmgettmp(void);

#ifdef PVM33COMPAT
/*
 * Wait id of a message.
 *
 * pvm_getminfo and pvm_setminfo replace these two. They are declared if PVM33COMPAT is defined.
 *
 * @bufid: buffer of the message
 * @wid: the new wait id
 * Returns the wait id (pvm_getmwid), or 0.
 * PvmBadParam: `bufid` is not positive.
 * PvmNoSuchBuf: there is no such buffer.
 * See pvm_getminfo
 */
int pvm_getmwid(int bufid);
int pvm_setmwid(int bufid, int wid);
#endif

/* ---- Groups, in libgpvm3 ---- */

/*
 * Join a group.
 *
 * The group is made if it does not exist. The member gets the lowest free instance number. The
 * first task that uses groups starts the group server, pvmgs.
 *
 * @group: name of the group
 * Returns the instance number, 0 or more.
 * PvmNullGroup: the name is NULL or empty.
 * PvmDupGroup: the task is a member already.
 * PvmNotInGroup: the group is frozen.
 * PvmSysErr: there is no daemon, or no group server could be started.
 * Example:
 *	int mine = pvm_joingroup("workers");
 *
 *	pvm_barrier("workers", 4);
 *	printf("I am %d of %d\n", mine, pvm_gsize("workers"));
 *	pvm_lvgroup("workers");
 * See pvm_lvgroup, pvm_barrier, pvm_bcast
 */
int pvm_joingroup(PVM_CONST char *group);

/*
 * Leave a group.
 *
 * @group: name of the group
 * Returns 0.
 * PvmNullGroup: the name is NULL or empty.
 * PvmNoGroup: there is no such group.
 * PvmNotInGroup: the task is no member.
 * PvmSysErr: there is no daemon or no group server.
 * See pvm_joingroup
 */
int pvm_lvgroup(PVM_CONST char *group);

/*
 * Freeze a group: nobody can join it any more.
 *
 * The call waits until enough members have made it. Later questions about the group need no
 * server, so collective calls become faster. When a member leaves, the group can no longer be used
 * for collective calls.
 *
 * @group: name of the group
 * @size: how many members make the call; -1: all
 * Returns the number of members.
 * PvmNullGroup: the name is NULL or empty.
 * PvmMismatch: members gave different sizes, or the size makes no sense.
 * PvmDupGroup: it is frozen already.
 * PvmNoGroup: there is no such group.
 * PvmNotInGroup: the task is no member.
 * PvmSysErr: there is no daemon or no group server.
 * See pvm_joingroup
 */
int pvm_freezegroup(PVM_CONST char *group, int size);

/*
 * Tid of a member of a group.
 *
 * @group: name of the group
 * @instance: instance number of the member
 * Returns the tid.
 * PvmNullGroup: the name is NULL or empty.
 * PvmNoGroup: there is no such group.
 * PvmNoInst: it has no such member.
 * PvmSysErr: there is no daemon or no group server.
 * See pvm_getinst, pvm_gsize
 */
int pvm_gettid(PVM_CONST char *group, int instance);

/*
 * Instance number of a member of a group.
 *
 * @group: name of the group
 * @tid: the member
 * Returns the instance number, 0 or more.
 * PvmNullGroup: the name is NULL or empty.
 * PvmNoGroup: there is no such group.
 * PvmNotInGroup: the task is no member.
 * PvmSysErr: there is no daemon or no group server.
 * See pvm_gettid
 */
int pvm_getinst(PVM_CONST char *group, int tid);

/*
 * Number of members of a group.
 *
 * @group: name of the group
 * Returns the number.
 * PvmNullGroup: the name is NULL or empty.
 * PvmNoGroup: there is no such group.
 * PvmSysErr: there is no daemon or no group server.
 * See pvm_joingroup
 */
int pvm_gsize(PVM_CONST char *group);

/*
 * Wait until members of a group have made the same call.
 *
 * A member that dies while it waits counts as one that has come.
 *
 * @group: name of the group
 * @count: how many members make the call; -1: all that there are at the first call
 * Returns 0.
 * PvmNullGroup: the name is NULL or empty.
 * PvmMismatch: members gave different counts, or the count makes no sense.
 * PvmNoGroup: there is no such group.
 * PvmNotInGroup: the task is no member.
 * PvmSysErr: there is no daemon or no group server.
 * See pvm_joingroup, pvm_bcast
 */
int pvm_barrier(PVM_CONST char *group, int count);

/*
 * Send the message in the send buffer to all other members of a group.
 *
 * The caller need not be a member.
 *
 * @group: name of the group
 * @tag: tag of the message, 0 or more
 * Returns 0.
 * PvmNullGroup: the name is NULL or empty.
 * PvmBadParam: `tag` is negative.
 * PvmNoGroup: there is no such group.
 * PvmNoInst: nobody else is in it.
 * PvmNoBuf: there is no send buffer.
 * PvmSysErr: there is no daemon or no group server.
 * See pvm_mcast, pvm_joingroup
 */
int pvm_bcast(PVM_CONST char *group, int tag);

/*
 * Combine what all members of a group have, item by item.
 *
 * All members make the call. The result replaces the items of the member `root`; those of others
 * are undefined after it. The order in which items are combined is not fixed.
 *
 * The function gets the type, the items so far, the items to add, their number, and an int for
 * an error code. PVM has PvmMax, PvmMin, PvmSum and PvmProduct.
 *
 * @function: combines two arrays into the first
 * @items: the caller's items
 * @count: how many, more than 0
 * @type: their type, PVM_BYTE to PVM_LONG
 * @tag: tag of the messages between members, 0 or more
 * @group: name of the group
 * @root: instance number of the member that gets the result
 * Returns 0.
 * PvmBadParam: an argument makes no sense, or the function refused.
 * PvmNullGroup: the name is NULL or empty.
 * PvmNoGroup: there is no such group.
 * PvmNotInGroup: the task is no member.
 * PvmNoInst: the group has no member `root`.
 * PvmSysErr: there is no daemon or no group server.
 * Example:
 *	double part = 1.5;
 *
 *	pvm_reduce(PvmSum, &part, 1, PVM_DOUBLE, 3, "workers", 0);
 *	if (pvm_getinst("workers", pvm_mytid()) == 0)
 *		printf("sum %g\n", part);
 * See PvmMax, pvm_gather, pvm_scatter
 */
int pvm_reduce(void (*function)(int *, void *, void *, int *, int *), void *items,
	int count, int type, int tag, PVM_CONST char *group, int root);

/*
 * Collect items of all members of a group in one of them.
 *
 * All members make the call. The items of instance i are stored behind those of the instances
 * before.
 *
 * @result: the items of all members are stored here, `count` of each; only used by `root`
 * @items: the caller's items
 * @count: how many each member has, more than 0
 * @type: their type, PVM_BYTE to PVM_LONG
 * @tag: tag of the messages between members, 0 or more
 * @group: name of the group
 * @root: instance number of the member that gets the result
 * Returns 0.
 * PvmBadParam: an argument makes no sense.
 * PvmNullGroup: the name is NULL or empty.
 * PvmNoGroup: there is no such group.
 * PvmNotInGroup: the task is no member.
 * PvmNoInst: the group has no member `root`, or an instance number is free.
 * PvmSysErr: there is no daemon or no group server.
 * See pvm_scatter, pvm_reduce
 */
int pvm_gather(void *result, void *items, int count, int type, int tag, PVM_CONST char *group,
	int root);

/*
 * Distribute the items of one member of a group to all.
 *
 * All members make the call. Instance i gets the items that lie behind those for the instances
 * before.
 *
 * @result: the caller's items are stored here
 * @items: the items of all members, `count` for each; only used by `root`
 * @count: how many each member gets, more than 0
 * @type: their type, PVM_BYTE to PVM_LONG
 * @tag: tag of the messages between members, 0 or more
 * @group: name of the group
 * @root: instance number of the member that has the items
 * Returns 0.
 * PvmBadParam: an argument makes no sense.
 * PvmNullGroup: the name is NULL or empty.
 * PvmNoGroup: there is no such group.
 * PvmNotInGroup: the task is no member.
 * PvmNoInst: the group has no member `root`, or an instance number is free.
 * PvmSysErr: there is no daemon or no group server.
 * See pvm_gather, pvm_reduce
 */
int pvm_scatter(void *result, void *items, int count, int type, int tag, PVM_CONST char *group,
	int root);

/*
 * Functions for pvm_reduce: greatest, smallest, sum, product.
 *
 * Complex numbers are compared by their absolute values. Bytes can be compared, but not added or
 * multiplied.
 *
 * @type: type of the items, PVM_BYTE to PVM_LONG
 * @x: items so far; the result is stored here
 * @y: items to combine with them
 * @count: how many
 * @info: PvmBadParam is stored here if the type is not possible
 * See pvm_reduce
 */
void PvmMax(int *type, void *x, void *y, int *count, int *info);
void PvmMin(int *type, void *x, void *y, int *count, int *info);
void PvmSum(int *type, void *x, void *y, int *count, int *info);
void PvmProduct(int *type, void *x, void *y, int *count, int *info);

/*
 * Members of a group by hosts.
 *
 * Each host with members has a coordinator, the member with the smallest tid.
 *
 * Undeclared: int pvm_grphostinfo(char *group, int host, int *coordinator, int *members,
 *   int *hosts)
 * Undeclared: int pvm_grpvhostinfo(char *group, int **coordinators, int **members, int *hosts)
 *
 * @group: name of the group
 * @host: tid of the daemon of a host
 * @coordinator: the coordinator there is stored here, -1 if there is none; may be NULL
 * @coordinators: that of each host; valid until the next call; may be NULL
 * @members: the number of members there is stored here, or that of each host; may be NULL
 * @hosts: the number of hosts with members is stored here; may be NULL
 * Returns 0.
 * PvmNullGroup: the name is NULL or empty.
 * PvmSysErr: there is no daemon or no group server.
 * See pvm_getinst
 */

/*
 * Have the group server print all groups on its standard error.
 *
 * Undeclared: void pvm_gsdump(void)
 *
 * See pvm_joingroup
 */

#ifdef __cplusplus
}
#endif

#endif
