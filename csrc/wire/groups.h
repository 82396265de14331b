/* SPDX-License-Identifier: MIT */
/*
 * Numbers of the protocol between members of groups and the group server: tags of
 * the messages, all of them in context SYSCTX_DG and in the default encoding.
 * Also read by the Python side: every #define here is an integer constant.
 */
#ifndef PVM3PY_GROUPS_H
#define PVM3PY_GROUPS_H

/* Requests; a reply carries the tag of its request. */
#define GROUP_DIE 0        /* print the state and exit; no reply */
#define GROUP_JOIN 1       /* become a member: instance */
#define GROUP_LEAVE 2      /* be a member no more: 0 */
#define GROUP_BARRIER 3    /* answered when enough members have asked: their number */
#define GROUP_BCAST 4      /* tids of the members */
#define GROUP_GETINST 5    /* instance of a tid */
#define GROUP_GETTID 6     /* tid of an instance */
#define GROUP_GSIZE 7      /* number of members */
#define GROUP_DUMP 9       /* print the state; no reply */
#define GROUP_LIST 10      /* state of all groups */
#define GROUP_DEADTID 11   /* exit notice that the server asks the daemon for */
#define GROUP_TIDLIST 12   /* as GROUP_BCAST, refused if an instance is missing */
#define GROUP_FREEZE 13    /* answered when enough members have asked: the static group */
#define GROUP_HOSTCHAR 14  /* members and coordinator on one host */
#define GROUP_HOSTCHARV 15 /* the same for each host */
#define GROUP_BARRIERV 16  /* GROUP_BARRIER on behalf of all members on the caller's host */

/*
 * From a daemon alone: tell the groups with some of these tasks, or have these groups again, as
 * pvm3py/wire/checkpoints.py has them. Both are answered with SM_CKPT_GROUPS to the daemon.
 */
#define GROUP_KEEP 17
#define GROUP_RESTORE 18

/* Exit notice of the server, that a member asks its daemon for. */
#define GROUP_SERVER_EXIT 0x67733158

/* Second part of many replies: what kind of group it is. */
#define GROUP_DYNAMIC 2 /* how many members have died follows, if any; not from 3.4.6's server */
#define GROUP_STATIC 1  /* a record of all members follows */
#define GROUP_DEAD 3    /* static, and a member has gone */

/*
 * In a collective call a long travels as a 32-bit word.  If that loses something, the
 * high words follow behind all the low ones, after this word; members with
 * PVM 3.4.6 do not read that far.
 */
#define GROUP_LONG_TAIL 0x6c6f6e67

#endif
