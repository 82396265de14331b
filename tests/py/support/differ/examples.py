# SPDX-License-Identifier: MIT
"""Short scripts that have found differences, or that need a machine of their own."""

from __future__ import annotations

from support.differ.bed import Script


def alone(*lines: str) -> tuple[tuple[int, str], ...]:
    """Steps of one task."""
    return tuple((1, line) for line in lines)


CHILD = ((1, "spawn 'self 0 null 1 out"),)
TWINS = ((1, "spawn 'self 0 null 2 out"),)

EXAMPLES = (
    Script(
        "a child that leaves and comes back is nobody's child",
        (*CHILD, (2, "mytid"), (2, "exit"), (2, "mytid"), (2, "parent"), (2, "siblings 0")),
    ),
    Script("a child's family", (*TWINS, (2, "siblings 0"), (3, "siblings 0"), (2, "parent"))),
    Script(
        "a child without parent",
        ((1, "spawn 'self 64 null 1 out"), (2, "parent"), (2, "siblings 0")),
    ),
    Script(
        "numbers of buffers are not used again at once",
        alone("mytid", "a=initsend 0", "b=initsend 0", "freebuf $a", "pkint data 1 1", "freebuf $b",
              "setsbuf $a", "setsbuf $b", "getsbuf"),
    ),
    Script(
        "a failed initsend keeps the buffer or not",
        alone("mytid", "a=initsend 0", "initsend 77", "getsbuf", "bufinfo $a out out out"),
    ),
    Script("the first call connects", alone("initsend 0", "getsbuf", "mytid")),
    Script("the first packing connects", alone("pkint data 1 1", "mytid")),
    Script("the first look at a buffer connects", alone("bufinfo 1 out out out", "mytid")),
    Script("the first handler connects", alone("addmhf -1 5 0 0", "mytid")),
    Script("the first context connects", alone("getcontext", "mytid")),
    Script(
        "options after a second daemon was refused",
        alone("mytid", "start_pvmd 0 0", "setopt 3 0", "pkint data 1 1", "setopt 3 1"),
    ),
    Script(
        "header of a message that was sent",
        alone("mytid", "a=initsend 0", "pkint data 1 1", "getminfo $a out", "send %1 5",
              "getminfo $a out", "r=nrecv -1 5", "getminfo $r out"),
    ),
    Script(
        "what a failed look-up leaves in the receive buffer",
        alone("mytid", "recvinfo 'none~ 0 0", "getrbuf", "upkint out 1 1"),
    ),
    Script(
        "header of a message that was sent to many",
        (*alone("mytid", "a=initsend 0", "mcast [%1] 1 6", "getminfo $a out"), (2, "mytid"),
         *alone("mcast [%1,%2] 2 7", "getminfo $a out", "mcast [%2] 0 8", "getminfo $a out")),
    ),
    Script(
        "nesting a buffer that does not exist",
        alone("pkmesg 9999", "pkmesgbody 9999", "pkmesg 0", "mytid"),
    ),
    Script("freezing again", alone("joingroup 'g~", "freezegroup 'g~ 1", "freezegroup 'g~ 0")),
    Script("a debug hook without a machine", alone("tickle 0 [6] out out"), machine=False),
    Script("a barrier of one", alone("joingroup 'g~", "barrier 'g~ 1", "barrier 'g~ -1")),
    Script("a barrier of none", alone("joingroup 'g~", "barrier 'g~ 0", "barrier 'g~ 1")),
    Script(
        "freezing fewer than there are",
        ((1, "joingroup 'g~"), (2, "joingroup 'g~"), (1, "freezegroup 'g~ 1"), (1, "gsize 'g~")),
    ),
    Script(
        "a member that comes back gets the free place",
        ((1, "joingroup 'g~"), (2, "joingroup 'g~"), (1, "lvgroup 'g~"), (2, "gettid 'g~ 0"),
         (2, "getinst 'g~ %1"), (1, "joingroup 'g~"), (2, "getinst 'g~ %1"), (2, "gsize 'g~")),
    ),
    Script(
        "pvm_exit leaves the groups",
        ((1, "joingroup 'g~"), (2, "joingroup 'g~"), (1, "exit"), (2, "gsize 'g~"),
         (2, "gettid 'g~ 0"), (1, "joingroup 'g~"), (2, "gsize 'g~")),
    ),
    Script(
        "a notice of an end",
        ((1, "mytid"), (2, "mytid"), (1, "notify 1 5 1 [%2]"), (2, "exit"), (1, "nrecv -1 5"),
         (1, "upkint out 1 1"), (1, "getrbuf")),
    ),
    Script(
        "what pvm_exit leaves of the buffers",
        alone("mytid", "initsend 0", "pkint data 1 1", "send %1 5", "r=nrecv -1 5", "exit",
              "mytid", "getsbuf", "getrbuf", "upkint out 1 1"),
    ),
    Script(
        "what pvm_exit leaves of the options",
        alone("mytid", "setopt 25 1", "setopt 1 3", "setopt 18 0", "exit", "mytid", "getopt 25",
              "getopt 1", "getopt 18"),
    ),
    Script(
        "collective calls of one member with an odd tag",
        alone("joingroup 'g~", "reduce 0 data 1 3 -1 'g~ 0", "gather out data 1 3 -1 'g~ 0",
              "scatter out data 1 3 -1 'g~ 0"),
    ),
    *[
        Script(
            f"a tracer {name}",
            (*alone("mytid", f"reg_tracer {places} '@@ 0 1", "nrecv -1 -1"), (2, "mytid"),
             *((2, f"getopt {option}") for option in (4, 5, 6, 7, 12, 13, 14, 15)), (2, "exit"),
             *alone("nrecv -1 6", "upkint out 2 1", "nrecv -1 0", "tasks 0 0")),
            alone=True,
        )
        for name, places in (("of output alone", "0 0 0 6"), ("of events alone", "0 7 0 0"),
                             ("of nothing", "1 0 1 0"))
    ],
    Script("the machine halts", alone("mytid", "halt", "mytid", "exit"), alone=True),
    Script("halting without having called anything", alone("halt", "getsbuf"), alone=True),
    Script(
        "a task is the resource manager",
        alone("mytid", "reg_rm 0", "reg_rm 1", "tasks 0 2", "exit"),
        alone=True,
    ),
    Script("errors end the task", alone("mytid", "setopt 3 2", "freebuf 9999"), alone=True),
    Script("errors abort the task", alone("mytid", "setopt 3 3", "freebuf 9999"), alone=True),
)  # fmt: skip
