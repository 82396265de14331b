/* SPDX-License-Identifier: MIT */
/*
 * Numbers of the PVM 3.4 protocols: message tags, identifiers, system contexts.
 *
 * The names are those that PVM system tasks (hosters, taskers, schedulers) are
 * written against.  Byte layouts are in csrc/wire/layout.h.  Both headers are
 * also read by the Python side, so every #define here is an integer constant.
 */
#ifndef PVM3PY_PVMPROTO_H
#define PVM3PY_PVMPROTO_H

/* Protocol numbers, exchanged at enrolment, between daemons and with schedulers. */
#define TDPROTOCOL 1318
#define DDPROTOCOL 2316
#define SDPROTOCOL 4302

/* Parts of a tid: flag bits, 12-bit host index, 18-bit local part. */
#define TIDPVMD  ((int)0x80000000)
#define TIDGID   0x40000000
#define TIDHOST  0x3ffc0000
#define TIDLOCAL 0x0003ffff

/* Bytes of a fragment header between task and daemon, and between daemons. */
#define TDFRAGHDR 16
#define DDFRAGHDR 16
/* Bytes of the message header that follows the first fragment header. */
#define MSGHDRLEN 32

/* Fragment flags.  DAT, FIN and ACK occur between daemons only. */
#define FFSOM 1
#define FFEOM 2
#define FFDAT 4
#define FFFIN 8
#define FFACK 16

/* Task to its own daemon; the reply carries the same tag. */
#define TM_FIRST    ((int)0x80010001)
#define TM_CONNECT  (TM_FIRST + 0)  /* enrolment, first round */
#define TM_CONN2    (TM_FIRST + 1)  /* enrolment, second round */
#define TM_EXIT     (TM_FIRST + 2)  /* leave */
#define TM_ADDHOST  (TM_FIRST + 3)  /* add hosts */
#define TM_DELHOST  (TM_FIRST + 4)  /* delete hosts */
#define TM_CONFIG   (TM_FIRST + 5)  /* host table */
#define TM_MSTAT    (TM_FIRST + 6)  /* status of a host */
#define TM_HALT     (TM_FIRST + 7)  /* end the virtual machine */
#define TM_TICKLE   (TM_FIRST + 8)  /* debug hooks of the daemon */
#define TM_SPAWN    (TM_FIRST + 9)  /* start tasks */
#define TM_PSTAT    (TM_FIRST + 10) /* status of a task */
#define TM_SENDSIG  (TM_FIRST + 11) /* signal a task */
#define TM_TASK     (TM_FIRST + 12) /* task table */
#define TM_MCA      (TM_FIRST + 13) /* announce the receivers of a multicast */
#define TM_NOTIFY   (TM_FIRST + 14) /* ask for notification */
#define TM_DB       (TM_FIRST + 15) /* mailbox */
#define TM_SCHED    (TM_FIRST + 16) /* register as resource manager */
#define TM_TASKER   (TM_FIRST + 17) /* register as task starter */
#define TM_HOSTER   (TM_FIRST + 18) /* register as host starter */
#define TM_TRACER   (TM_FIRST + 19) /* register as trace and output sink */
#define TM_HOSTSYNC (TM_FIRST + 20) /* clock of a host */
#define TM_SETOPT   (TM_FIRST + 21) /* set output and trace targets */
#define TM_GETOPT   (TM_FIRST + 22) /* read them */
#define TM_CONTEXT  (TM_FIRST + 23) /* allocate or free a context */
#define TM_SHMCONN  (TM_FIRST + 24) /* shared-memory ports only */
#define TM_LAST     (TM_FIRST + 24)

/* Operations of TM_DB. */
#define TMDB_PUT    1
#define TMDB_REMOVE 2
#define TMDB_GET    3
#define TMDB_NAMES  4
#define TMDB_RESET  5

/* Options of TM_SETOPT. */
#define TS_OUTTID 1
#define TS_OUTCTX 2
#define TS_OUTTAG 3
#define TS_TRCTID 4
#define TS_TRCCTX 5
#define TS_TRCTAG 6

/* Daemon to daemon. */
#define DM_FIRST       ((int)0x80020001)
#define DM_ADD         (DM_FIRST + 0)
#define DM_ADDACK      (DM_FIRST + 1)
#define DM_EXEC        (DM_FIRST + 2)
#define DM_EXECACK     (DM_FIRST + 3)
#define DM_SENDSIG     (DM_FIRST + 4)
#define DM_HTUPD       (DM_FIRST + 5)
#define DM_HTUPDACK    (DM_FIRST + 6)
#define DM_HTCOMMIT    (DM_FIRST + 7)
#define DM_SLCONF      (DM_FIRST + 8)
#define DM_STARTACK    (DM_FIRST + 9)
#define DM_TASK        (DM_FIRST + 10)
#define DM_TASKACK     (DM_FIRST + 11)
#define DM_DELHOST     (DM_FIRST + 12)
#define DM_DELHOSTACK  (DM_FIRST + 13)
#define DM_NULL        (DM_FIRST + 14)
#define DM_TASKOUT     (DM_FIRST + 15)
#define DM_PSTAT       (DM_FIRST + 16)
#define DM_PSTATACK    (DM_FIRST + 17)
#define DM_HALT        (DM_FIRST + 18)
#define DM_MCA         (DM_FIRST + 19)
#define DM_NOTIFY      (DM_FIRST + 20)
#define DM_NOTIFYACK   (DM_FIRST + 21)
#define DM_DB          (DM_FIRST + 22)
#define DM_DBACK       (DM_FIRST + 23)
#define DM_RESET       (DM_FIRST + 24)
#define DM_RESETACK    (DM_FIRST + 25)
#define DM_HTDEL       (DM_FIRST + 26)
#define DM_HOSTSYNC    (DM_FIRST + 27)
#define DM_HOSTSYNCACK (DM_FIRST + 28)
#define DM_LAST        (DM_FIRST + 28)

/* Fields of DM_SLCONF. */
#define DM_SLCONF_EP    1
#define DM_SLCONF_BP    2
#define DM_SLCONF_WD    3
#define DM_SLCONF_SCHED 4
#define DM_SLCONF_TRACE 5

/* Task to task, handled inside the library. */
#define TC_FIRST     ((int)0x80030001)
#define TC_CONREQ    (TC_FIRST + 0)  /* ask for a direct route */
#define TC_CONACK    (TC_FIRST + 1)  /* accept or refuse it */
#define TC_TASKEXIT  (TC_FIRST + 2)  /* exit notice of a route's peer */
#define TC_NOOP      (TC_FIRST + 3)  /* nothing */
#define TC_OUTPUT    (TC_FIRST + 4)  /* collected output of a child */
#define TC_SETTRACE  (TC_FIRST + 5)  /* set trace and output targets */
#define TC_SETTMASK  (TC_FIRST + 6)  /* set the trace mask */
#define TC_SETTRCBUF (TC_FIRST + 7)  /* set the trace buffer size */
#define TC_SETTRCOPT (TC_FIRST + 8)  /* set the trace options */
#define TC_SHMAT     (TC_FIRST + 9)  /* shared-memory ports only */
#define TC_OUTPUTX   (TC_FIRST + 10) /* exit notice of a child whose output is collected */
#define TC_SIBLINGS  (TC_FIRST + 11) /* tids started by the same spawn */
#define TC_LAST      (TC_FIRST + 11)

/* Record kinds in TC_OUTPUT; a positive number is a byte count. */
#define TO_EOF   0
#define TO_SPAWN (-1)
#define TO_NEW   (-2)

/* System tasks: resource manager, hoster, tasker. */
#define SM_FIRST     ((int)0x80040001)
#define SM_SPAWN     (SM_FIRST + 0)
#define SM_EXEC      (SM_FIRST + 1)
#define SM_EXECACK   (SM_FIRST + 2)
#define SM_TASK      (SM_FIRST + 3)
#define SM_CONFIG    (SM_FIRST + 4)
#define SM_ADDHOST   (SM_FIRST + 5)
#define SM_DELHOST   (SM_FIRST + 6)
#define SM_ADD       (SM_FIRST + 7)
#define SM_ADDACK    (SM_FIRST + 8)
#define SM_NOTIFY    (SM_FIRST + 9)
#define SM_TASKX     (SM_FIRST + 10)
#define SM_HOSTX     (SM_FIRST + 11)
#define SM_HANDOFF   (SM_FIRST + 12)
#define SM_SCHED     (SM_FIRST + 13)
#define SM_STHOST    (SM_FIRST + 14)
#define SM_STHOSTACK (SM_FIRST + 15)
#define SM_STTASK    (SM_FIRST + 16)
#define SM_LAST      (SM_FIRST + 16)

/* Contexts that the system keeps for itself. */
#define SYSCTX_FIRST 0x0007ffff
#define SYSCTX_TC    (SYSCTX_FIRST - 0) /* task control, collected output */
#define SYSCTX_TM    (SYSCTX_FIRST - 1) /* requests to the daemon */
#define SYSCTX_SG    (SYSCTX_FIRST - 2) /* static groups */
#define SYSCTX_DG    (SYSCTX_FIRST - 3) /* dynamic groups */
#define SYSCTX_RS4   (SYSCTX_FIRST - 4) /* and more that nothing uses yet */
#define SYSCTX_RS5   (SYSCTX_FIRST - 5)
#define SYSCTX_RS6   (SYSCTX_FIRST - 6)
#define SYSCTX_RS7   (SYSCTX_FIRST - 7)
#define SYSCTX_RS8   (SYSCTX_FIRST - 8)
#define SYSCTX_RS9   (SYSCTX_FIRST - 9)
#define SYSCTX_LAST  (SYSCTX_FIRST - 9)
#define NUM_SYSCTX   (SYSCTX_FIRST - SYSCTX_LAST + 1)
#define BASECONTEXT  0

#endif
