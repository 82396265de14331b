# SPDX-License-Identifier: MIT
"""Scripts that try every function with odd arguments in every state of a task."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from support.differ.bed import Script
from support.differ.fortran import FORTRAN
from support.differ.known import avoided

TAG = 5
HANDLED = 75
# The steps that make a script's handler run, or its function of pvm_recvf; each has one, by number.
TRIGGERS = (f"send %1 {HANDLED}", "nrecv -1 8")


@dataclass(frozen=True)
class State:
    """How a task gets where the call is made.

    setup     the steps that lead there
    fresh     each call has a task of its own, since the first call changes the state
    caller    the task that makes the call
    machine   there is a daemon
    alone     the daemon does not survive it
    most      calls of a function that are tried at most; 0: all
    inside    number of the trigger that makes a handler or the like make the call, -1: none
    """

    setup: tuple[tuple[int, str], ...]
    fresh: bool = False
    caller: int = 1
    machine: bool = True
    alone: bool = False
    most: int = 0
    inside: int = -1


def own(*steps: str) -> tuple[tuple[int, str], ...]:
    """Steps of the first task."""
    return tuple((1, step) for step in steps)


FILLED = ("mytid", "old=mkbuf 0", "freebuf $old", "a=mkbuf 0", "setsbuf $a", "pkint data 3 1")
LOOPED = (*FILLED, f"send %1 {TAG}", f"send %1 {TAG + 1}", f"r=nrecv -1 {TAG}")
SPAWNED = ((1, "spawn 'self 0 null 1 out"),)

STATES: dict[str, State] = {
    "before enrolling": State((), fresh=True, most=16),
    "enrolled": State(own("mytid")),
    "after pvm_exit": State(own("mytid", "exit"), fresh=True, most=16),
    "enrolled again": State(own("mytid", "exit", "mytid")),
    "after an error": State(own("mytid", "pstat 0", "freebuf 9999")),
    "with a send buffer": State(own(*FILLED)),
    "with a raw buffer": State(own("mytid", "a=initsend 1", "pkint data 3 1")),
    "with data in place": State(own("mytid", "a=initsend 2", "pkint data 3 1")),
    "with a receive buffer": State(own(*LOOPED)),
    "with several buffers": State(own(*LOOPED, "b=mkbuf 1", "d=mkbuf 2", "old=value $b")),
    "receive buffer to be sent": State(own(*LOOPED, "a=setsbuf $r", "a=value $r")),
    "after pvm_initsend twice": State(own("mytid", "old=initsend 0", "a=initsend 0")),
    "in a handler": State(
        own("mytid", f"addmhf -1 {HANDLED} 0 0", "initsend 0", "pkint data 2 1"), inside=0
    ),
    "in a function of pvm_recvf": State(
        own("mytid", "initsend 0", "pkint data 2 1", "recvf 4", "send %1 8"),
        inside=1,
        fresh=True,
        most=12,
    ),
    "as a child": State((*SPAWNED, (2, "mytid")), caller=2),
    "as a child before enrolling": State(SPAWNED, caller=2, fresh=True, most=8),
    "as a child after pvm_exit": State(
        (*SPAWNED, (2, "mytid"), (2, "exit")), caller=2, fresh=True, most=8
    ),
    "as a member": State(own("mytid", "joingroup 'g~", "a=initsend 0", "pkint data 1 1")),
    "as one of two members": State(
        (*own("joingroup 'g~"), (2, "joingroup 'g~"), (2, "initsend 0"))
    ),
    "in another context": State(own("mytid", "c=newcontext", "setcontext $c", "a=initsend 0")),
    "with reserved tids": State(own("mytid", "setopt 11 1", "a=initsend 0")),
    "after pvm_getfds": State(own("mytid", "getfds 0", *LOOPED[1:])),
    "after pvm_catchout": State(own("mytid", "catchout 1", *LOOPED[1:])),
    "without texts of errors": State(own("mytid", "setopt 3 0", *LOOPED[1:])),
    "as a member of a static group": State(
        own("mytid", "joingroup 'g~", "freezegroup 'g~ 1", "a=initsend 0", "pkint data 1 1")
    ),
    "with a direct route": State(
        (
            *own("mytid", "setopt 1 3"),
            (2, "mytid"),
            (2, "& recv -1 5"),
            *own("a=initsend 0", "pkint data 3 1", "send %2 5"),
            (2, "await"),
        )
    ),
    "without a machine": State((), fresh=True, most=16, machine=False),
    "after the daemon's end": State(
        (*own(*FILLED), (1, "daemon dies")), fresh=True, alone=True, most=2
    ),
}

BUFFERS = "{0,-1,9999,$a,$old,$r}"
TIDS = "{0,-1,1,%1,0x40fff,0x40000,0x80040000,0x80000000,0x40040001}"
FROM = "{-2,-1,0,1,%1,0x40fff,0x80040000}"
TAGS = "{-1,-2,0,5,6}"
GROUPS = "{null,',none~,'g~}".replace("none", "'none")
NAMES = "{null,','none~,'e~}"
ITEMS = (
    *("byte", "short", "ushort", "int", "uint", "long", "ulong"),
    *("float", "double", "cplx", "dcplx"),
)

# Arguments of each function; {a,b} are alternatives, ";" separates steps that belong together.
CALLS: dict[str, tuple[str, ...]] = {
    "mytid": ("mytid",),
    "parent": ("parent",),
    "siblings": ("siblings 0", "siblings 1"),
    "exit": ("exit",),
    "version": ("version",),
    "perror": ("perror {0,-2,-14,-36,-37,5} {null,','text}",),
    "strerror": ("strerror {0,-1,-2,-9,-14,-36,-37,5,1000}",),
    "spawn": (
        "spawn {null,','nowhere,'/bin/true} {0,1} {null,'.} {1,0} out",
        "spawn 'nowhere {0,1,2,33,34,64,128} {null,','nohost,'.} {1,2} out",
        "spawn '/bin/true 0 null -1 out",
        "spawn '/bin/true 0 null 1 null",
        "spawn '/bin/true {1,2,3,33} {'.:/,'LINUX64,'LINUX64:/} 1 out",
    ),
    "kill": ("kill {0,-1,1,0x40fff,0x40000,0x40040001}",),
    "sendsig": ("sendsig {0,-1,1,0x40fff,0x40000} {0,-1,15,999}", "sendsig %1 {0,-1,999,18}"),
    "pstat": (f"pstat {TIDS}",),
    "tasks": ("tasks {-1,1,0x40fff,0x40000,0x80040000,0xc0000} 0", "tasks {0,%1} {0,1,2,3}"),
    "tidtohost": (f"tidtohost {TIDS}",),
    "notify": (
        "notify 1 5 1 null",
        "notify {0,-1,1,2,6,256,257} {-1,5} {-1,0,1} {[0],[%1],[0x40fff],[0x40000]}",
        "notify {3,4,5,259} 5 {-2,-1,0,1} null",
    ),
    "catchout": ("catchout 1", "catchout 0"),
    "export": ("export {null,','A,'A,'B,'A:B}",),
    "unexport": ("unexport {null,','A,'NONE}",),
    "config": ("config {0,1,2,4,7}",),
    "addhosts": ("addhosts {null,','localhost,'no.such.host.at.all} {0,-1} {null,out}",),
    "delhosts": (
        "delhosts {null,'} {0,-1,4096} {null,out}",
        "delhosts {','no.such.host} 1 {null,out}",
    ),
    "mstat": ("mstat {null,','nowhere,'.}",),
    "archcode": ("archcode {null,','nothing,'LINUX64}",),
    "hostsync": ("hostsync {0,-1,1,0x40000,0x80040000,%1,0xc0000} 0", "hostsync 0x40000 {1,2,3}"),
    "start_pvmd": ("start_pvmd 0 {0,1}", "start_pvmd -1 0"),
    "tickle": (
        "tickle {-1,0,11} [6] out out",
        "tickle 1 [6] {null,out} {null,out}",
        "tickle 1 [{99,-1}] out out",
    ),
    "initsend": ("initsend {0,1,2,3,4,5,-1,99}",),
    "mkbuf": ("mkbuf {0,1,2,3,4,5,-1,99}",),
    "freebuf": ("freebuf {0,-1,9999,$old,$a,$a,$r,$r}",),
    "getsbuf": ("getsbuf",),
    "getrbuf": ("getrbuf",),
    "setsbuf": ("setsbuf {-1,9999,$old,$r,$a,0,$a}",),
    "setrbuf": ("setrbuf {-1,9999,$old,$a,$r,0,$r}",),
    "bufinfo": (f"bufinfo {BUFFERS} out out out", "bufinfo {$a,$r} null {null,out} null"),
    "getminfo": (f"getminfo {BUFFERS} out", "getminfo {$a,$r,0} null"),
    "setminfo": (
        f"setminfo {BUFFERS} [99,1,2,3,4,5,6,7]",
        "getminfo {$a,$r} out",
        "setminfo {$a,$r,0} null",
        "setminfo $a [-1,-1,-1,-1,-1,-1,-1,-1]",
        "getminfo $a out",
    ),
    **{f"pk{t}": (f"pk{t} data {{-1,0,1,3}} {{-1,0,1,2}}", f"pk{t} null 0 1") for t in ITEMS},
    "pkstr": ("pkstr {','text}",),
    "packf": (
        "packf '",
        "packf '%d 7",
        "packf '%2d data",
        "packf '%*d 2 data",
        "packf '%{z,,q,-1d,0d,hs,ld,hd,s,+} {data,0}",
        "packf '%+%+ 0 1",
        "packf '%+ {0,9,-1}",
        "packf '%d%z 1",
        "packf 'text",
        "packf '%s 'text",
        "packf '%1.2d data",
        "packf '%*.*d {-1,0} 1 data",
    ),
    "pkmesg": (f"pkmesg {BUFFERS}",),
    "pkmesgbody": (f"pkmesgbody {BUFFERS}",),
    **{f"upk{t}": (f"upk{t} out {{-1,0,1}} {{-1,0,1,2}}", f"upk{t} out 99 1") for t in ITEMS},
    "upkstr": ("upkstr out", "upkstr out"),
    "unpackf": (
        "unpackf '",
        "unpackf '%d out",
        "unpackf '%2d out",
        "unpackf '%*d 9 out",
        "unpackf '%{z,,q,-1d,0d,hs,ld,s,+} out",
        "unpackf 'text out",
    ),
    "upkmesg": ("upkmesg", "upkmesg"),
    "send": (f"send {TIDS} {{-1,0,5}}",),
    "mcast": (
        "mcast {[],[0],[-1],[%1],[0x40fff,%1],[0x40fff,0],[0x80040000]} {-1,0,1,2} {-1,5}",
        "mcast null 0 5",
        "mcast null -1 5",
    ),
    "psend": (
        f"psend {TIDS} {{-1,5}} data 1 3",
        "psend %1 5 data {-1,0,1} {-1,0,1,3,8,11,12,99}",
        "psend %1 5 null {0,1} 3",
        "psend %1 5 'text 1 0",
    ),
    "recv": ("initsend 0;mytid;send %0 9;recv {-1,%0} 9",),
    "nrecv": (f"nrecv {FROM} {TAGS}",),
    "trecv": (f"trecv {FROM} {TAGS} 0 0", "trecv -1 77 {-1,0} {-1,1000}"),
    "precv": (
        "precv -1 6 out 1 {-1,0,12,99} out out out",
        "initsend 0;mytid;send %0 9;precv -1 9 out {0,1} 3 out out out",
        "initsend 0;pkint data 2 1;mytid;send %0 9;precv %0 9 out {0,1,2,9} {1,3,6} out out out",
    ),
    "probe": (f"probe {FROM} {TAGS}",),
    "recvf": ("recvf {0,1,0,2}", "probe -1 -1", "recvf 3", "probe -1 -1", "nrecv -1 -1", "recvf 0"),
    "getfds": ("getfds {0,1}",),
    "addmhf": (
        "addmhf {-1,0,%1,0x80040000} {-1,3,-2} {-1,0,7} 0",
        "addmhf 0 3 0 -1",
        "addmhf 99 98 97 1",
        "addmhf 99 98 97 0",
        "addmhf 99 98 -1 0",
    ),
    "delmhf": ("delmhf {-1,0,8,99,9999}", "h=addmhf 0 4 0 0;delmhf $h;delmhf $h"),
    "newcontext": ("newcontext", "c=newcontext", "freecontext $c", "freecontext $c"),
    "freecontext": ("freecontext {-1,1,0x40fff,0x7ffff,$c,$c}", "freecontext 0"),
    "getcontext": ("getcontext",),
    "setcontext": ("setcontext {-1,-2,0,1,0x7ffff,$c,0}", "getcontext"),
    "getopt": (
        "getopt {0,-1,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17}",
        "getopt {18,19,20,21,22,23,24,25,26,99}",
    ),
    "setopt": (
        "setopt {0,-1,26,99} {0,1}",
        "setopt 1 {-1,0,4,9,1,2}",
        "setopt 2 {0,-1,0}",
        "setopt 3 {-1,4,9,0,1}",
        "setopt {4,6,12,14} {-1,1,0x40fff,0x40000,0x80040000,%1,0}",
        "setopt {5,7,13,15} {-1,-2,7,0}",
        "setopt {8,16} {-1,0,100000,0}",
        "setopt {9,17} {-1,0,4,1,2,3}",
        "setopt 10 {-1,0,1,100,2000000000,1048577,4080}",
        "setopt 11 {-1,2,0}",
        "setopt 18 {-1,2,1,0}",
        "setopt {19,20} {-1,1,2}",
        "setopt {21,22,23,24} {-1,7,0}",
        "setopt 25 {-1,2,1,0}",
    ),
    "gettmask": ("gettmask {0,1,2,-1} out",),
    "settmask": ("settmask {0,1,2,-1} '@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@",),
    "putinfo": (
        "putinfo {null,'} 0 0",
        "p=mkbuf 0;putinfo 'f~ $p {0,2,4,8,16,64,2048,512}",
    ),
    "recvinfo": (f"recvinfo {NAMES} {{-1,0,1}} {{0,8,16}}", "recvinfo 'none~ 0 {64,-33}"),
    "delinfo": (f"delinfo {NAMES} {{-1,0,1}} {{0,8}}",),
    "getmboxinfo": ("getmboxinfo 'none~ {0,1,2,3}", "insert 'n~ 2 5", "getmboxinfo 'n~* {0,1,2,3}"),
    "insert": ("insert {null,','i~} {-2,-1,0,0,7} {5,-5}",),
    "lookup": ("lookup {null,','none~} {-2,-1,0} out", "lookup 'i~ {-2,-1,0,7} {null,out}"),
    "delete": ("delete {null,','none~} {-2,-1,0}", "insert 'd~ 0 1", "delete 'd~ {-1,0,0}"),
    "reg_hoster": ("reg_hoster", "reg_hoster"),
    "reg_tasker": ("reg_tasker", "reg_tasker"),
    "reg_tracer": ("reg_tracer {0,-1} 1 0 2 '@@ 0 0", "reg_tracer 0 1 0 2 null 0 0"),
    "getnoresets": ("getnoresets {0,1,2,3}",),
    "joingroup": (f"joingroup {GROUPS}", "joingroup 'g~", "getinst 'g~ %1"),
    "lvgroup": (f"lvgroup {GROUPS}", "lvgroup 'g~", "gsize 'g~"),
    "freezegroup": (f"freezegroup {GROUPS} {{-1,0,1,2}}",),
    "gettid": (f"gettid {GROUPS} {{-1,0,1,99}}",),
    "getinst": (f"getinst {GROUPS} {{-1,0,1,%1,0x40fff,0x80040000}}",),
    "gsize": (f"gsize {GROUPS}",),
    "barrier": (f"barrier {GROUPS} {{0,1}}", "barrier {null,'} {-1,-2}", "barrier 'none~ {-1,-2}"),
    "bcast": (f"bcast {GROUPS} {{-1,5}}",),
    "reduce": (
        "reduce 0 {null,data} {-1,1} {-1,3} {-1,5} {null,','none~} {-1,0}",
        "reduce -1 data 1 3 5 'none~ 0",
        "reduce {-1,0} {null,data} {-1,0,1} {-1,99} 5 'g~ {-1,9}",
    ),
    "gather": (
        "gather {null,out} {null,data} {-1,1} {-1,3} {-1,5} {null,','none~} {-1,0}",
        "gather {null,out} {null,data} {-1,0,1} {-1,99} 5 'g~ {-1,9}",
    ),
    "scatter": (
        "scatter {null,out} {null,data} {-1,1} {-1,3} {-1,5} {null,','none~} {-1,0}",
        "scatter {null,out} {null,data} {-1,0,1} {-1,99} 5 'g~ {-1,9}",
    ),
    "operate": ("operate {0,1,2,3} {-1,0,1,2,3,4,5,6,7,8,9,10,11,12} data data {-1,0,2}",),
}


def expanded(template: str) -> Iterator[str]:
    """The lines that a template with {a,b} stands for."""
    parts = re.split(r"\{([^{}]*)\}", template)
    choices = []
    for index, part in enumerate(parts):
        choices.append(re.split(r",(?![^\[]*\])", part) if index % 2 else [part])
    return ("".join(chosen) for chosen in itertools.product(*choices))


def lines_of(function: str) -> list[str]:
    """Calls of a function, odd ones for the most part, that 3.4.6 survives."""
    templates = FORTRAN[function] if function in FORTRAN else CALLS[function]
    lines = (line for template in templates for line in expanded(template))
    return [line for line in lines if not avoided(line)]


# They would start a daemon where there is none, which nobody ends.
STARTING = ("start_pvmd", "pvmfstartpvmd")
# What shows the state that a call has left.
PROBES = ("getsbuf", "getrbuf", "getcontext")


def scripts(function: str, state: str) -> Iterator[Script]:
    """The scripts that try a function in a state."""
    place = STATES[state]
    if function in STARTING and (place.alone or not place.machine):
        return
    lines = lines_of(function)
    if place.most:
        lines = lines[:: -(-len(lines) // place.most)]
    for group in [[line] for line in lines] if place.fresh else [lines]:
        made = tuple(step for line in group for step in placed(place, line))
        end = tuple((place.caller, probe) for probe in PROBES)
        steps = (*place.setup, *made, *(() if place.alone else end))
        yield Script(f"{function}, {state}", steps, place.alone, place.machine)


def placed(state: State, line: str) -> list[tuple[int, str]]:
    """Steps that make a call where the state wants it."""
    steps = line.split(";")
    number = state.inside
    if number < 0:
        return [(state.caller, step) for step in steps]
    kept = [(1, f"on {number} {step}") for step in steps]
    again = [(1, "send %1 8")] if number == 1 else []
    return [(1, f"forget {number}"), *kept, (1, TRIGGERS[number]), *again]
