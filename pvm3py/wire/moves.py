# SPDX-License-Identifier: MIT
"""Bodies of the messages about tasks that move, and the words of reasons: csrc/wire/moves.h."""

from typing import Annotated

from . import constants as c
from .codec import Counted
from .record import I32, Blob, Ints, Record, Str
from .task import Settings

# What people are told of the reasons that daemons find; some have more to say behind it.
WORDS = {
    c.WIRE_WHY_LIBRARY: "its library makes no images: relink it with this version",
    c.WIRE_WHY_STARTING: "it has not enrolled yet",
    c.WIRE_WHY_THREADS: "it has threads",
    c.WIRE_WHY_CHILDREN: "it has child processes",
    c.WIRE_WHY_TRACED: "a debugger traces it",
    c.WIRE_WHY_USERS: "it has changed its user or group",
    c.WIRE_WHY_SECCOMP: "it has restricted its system calls",
    c.WIRE_WHY_TERMINAL: "a standard stream of it is a terminal",
    c.WIRE_WHY_CHANNEL: "a standard stream of it is a pipe or a socket",
    c.WIRE_WHY_ROLE: "it serves the host where it is",
    c.WIRE_WHY_WRAPPED: "another process has been started for it",
    c.WIRE_WHY_OLD_HOST: "a host of PVM 3.4.6 is in the machine",
    c.WIRE_WHY_MACHINE: "the machines differ",
    c.WIRE_WHY_RESTART: "its image cannot be restarted there",
    c.WIRE_WHY_NO_GOAL: "there is no other host",
    c.WIRE_WHY_HOSTS: "hosts are being added",
    c.WIRE_WHY_SLOW: "it takes too long",
    c.WIRE_WHY_FULL: "there is no room for it",
    c.WIRE_WHY_LOST: "the host has been lost",
}


class MoveOrder(Record):
    """TM_MIGRATE, DM_MIGRATE: host "" is where it is best."""

    tid: I32
    host: Str
    flags: I32


class MoveQuestion(Record):
    """TM_CANMIGRATE, DM_CANMIGRATE."""

    tid: I32
    host: Str


class MoveReply(Record):
    """Whether something about a move has been done: 0 or an error code, with a reason."""

    code: I32
    reason: I32 = 0
    text: Str = ""


class CanMoveReply(Record):
    """The answer to a MoveQuestion, with bytes of memory, 31 bits a word; 0: unknown."""

    code: I32
    reason: I32 = 0
    text: Str = ""
    size_high: I32 = 0
    size_low: I32 = 0


class Freeze(Record):
    """TM_FREEZE; address of who takes the image, and the token that it expects."""

    epoch: I32
    flags: I32
    address: Str
    token: Str


class Frozen(Record):
    """TM_FROZEN."""

    epoch: I32
    code: I32
    reason: I32
    text: Str


class Thaw(Record):
    """TM_THAW."""

    epoch: I32


class Unroute(Record):
    """TM_UNROUTE: the task is to leave its route to the sender."""

    epoch: I32
    tid: I32


class Leave(Record):
    """TM_LEAVE: the route to this task is to be left."""

    tid: I32


class Go(Record):
    """TM_GO; host where the task is now."""

    epoch: I32
    settings: Annotated[Settings, Settings]
    host: I32


class MoveWord(Record):
    """Which move is meant: DM_MOVE_HOLD, _FLUSH, _ABORT."""

    tid: I32
    epoch: I32


class MoveLeave(Record):
    """DM_MOVE_LEAVE: the peer, which the receiver has, is to leave its route to one that moves."""

    tid: I32
    epoch: I32
    peer: I32


class Placed(Record):
    """DM_PLACE: where a task is from this move on; host 0: it has ended."""

    tid: I32
    epoch: I32
    host: I32


class TaskRecord(Record):
    """What a daemon knows of a task from its start on, and by what it has announced.

    out, trc, begun: tid, context and tag; begun is empty if no tracer was told. announced: words
    of the library's extension.
    """

    ptid: I32
    name: Str
    flags: I32
    sched: I32
    tells_status: I32
    output_ended: I32
    out: Ints
    trc: Ints
    begun: Ints
    announced: Ints


class Reserve(Record):
    """DM_MOVE_RESERVE: a task is to come, or (only_asked) may it?

    piped: its output goes into a pipe of its daemon; machine: has to be the same at the goal.
    """

    tid: I32
    epoch: I32
    only_asked: I32
    piped: I32
    machine: Str


class Reserved(Record):
    """The answer: where the task is to send its image, with which token."""

    code: I32
    reason: I32 = 0
    text: Str = ""
    address: Str = ""
    token: Str = ""


class Ready(Record):
    """DM_MOVE_READY: the task can run, or why it cannot."""

    tid: I32
    epoch: I32
    code: I32
    reason: I32 = 0
    text: Str = ""


class KeptNotice(Record):
    """A notice that the task has asked for: a kind of pvm_notify; count: of additions."""

    what: I32
    tid: I32
    ctx: I32
    tag: I32
    wid: I32
    count: I32


class OwedWish(Record):
    """A notice that its resource manager owes it."""

    what: I32
    ctx: I32
    tag: I32
    tid: I32
    count: I32


class ManagerRecord(Record):
    """The resource manager that the task was told of; gone: that has ended."""

    manager: I32
    gone: I32
    wishes: Annotated[list[OwedWish], Counted(OwedWish)]


class MoveGo(Record):
    """DM_MOVE_GO: the task is the receiver's, with all that the origin had of it.

    managers: none or one; signals: that it has yet to get; output: what it has written and nobody
    has read.
    """

    tid: I32
    epoch: I32
    task: Annotated[TaskRecord, TaskRecord]
    notices: Annotated[list[KeptNotice], Counted(KeptNotice)]
    managers: Annotated[list[ManagerRecord], Counted(ManagerRecord)]
    signals: Ints
    output: Blob
