# SPDX-License-Identifier: MIT
"""Bodies of the messages about tasks that move, and the words of reasons: csrc/wire/moves.h."""

from typing import Annotated

from . import constants as c
from .codec import Counted
from .record import I32, Blob, Ints, OptionalI32, OptionalStr, Record, Str
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
    c.WIRE_WHY_OLD_HOST: "the host is one of PVM 3.4.6",
    c.WIRE_WHY_OLD_MASTER: "the master is one of PVM 3.4.6",
    c.WIRE_WHY_MACHINE: "the machines differ",
    c.WIRE_WHY_RESTART: "its image cannot be restarted there",
    c.WIRE_WHY_NO_GOAL: "there is no other host",
    c.WIRE_WHY_HOSTS: "hosts are being added",
    c.WIRE_WHY_SLOW: "it takes too long",
    c.WIRE_WHY_FULL: "there is no room for it",
    c.WIRE_WHY_LOST: "the host has been lost",
    c.WIRE_WHY_FIXED: "it has been spawned to stay where it is",
    c.WIRE_WHY_OWNER: "the owner of that host uses it",
    c.WIRE_WHY_MANAGER: "the resource manager finds no host for it",
    c.WIRE_WHY_BY_HAND: "it was started by hand",
    c.WIRE_WHY_DIRECTORY: "the directory cannot be used",
    c.WIRE_WHY_CHECKPOINT: "the checkpoint cannot be used",
    c.WIRE_WHY_ALIVE: "tasks with these tids are there",
    c.WIRE_WHY_ROOM: "the disk is too full",
    c.WIRE_WHY_WRITING: "the image could not be written",
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
    """TM_FREEZE; address of who takes the image, and the token that it expects.

    file: path of the image, with WIRE_FREEZE_FILE; base: with WIRE_FREEZE_NOTE.
    """

    epoch: I32
    flags: I32
    address: Str
    token: Str
    file: OptionalStr = None
    base: OptionalI32 = None


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
    """Which move is meant: DM_MOVE_FLUSH, _ABORT, _CLAIM, _FATE, _WAITS."""

    tid: I32
    epoch: I32


class MoveLeave(Record):
    """DM_MOVE_LEAVE: the peer, which the receiver has, is to leave its route to one that moves."""

    tid: I32
    epoch: I32
    peer: I32


class HoldOrder(Record):
    """DM_MOVE_HOLD; goal: the host to which the task is to go."""

    tid: I32
    epoch: I32
    goal: I32


class Placed(Record):
    """DM_PLACE, and the answer to DM_MOVE_FATE: where a task is from this move on.

    host 0: it has ended.
    """

    tid: I32
    epoch: I32
    host: I32


class Evacuate(Record):
    """DM_EVACUATE; but: hosts that are no goals."""

    but: Ints


class TaskRecord(Record):
    """What a daemon knows of a task from its start on, and by what it has announced.

    out, trc, begun: tid, context and tag; begun is empty if no tracer was told. announced: words
    of the library's extension. held: it is stopped by hand; job: tid of the task with which its job
    began.
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
    held: I32 = 0
    job: I32 = 0


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


class OpenRequest(Record):
    """A request of the task that a host where it was has yet to answer."""

    host: I32
    tag: I32
    ctx: I32
    wid: I32


class MoveGo(Record):
    """DM_MOVE_GO: the task is the receiver's, with all that the origin had of it.

    DM_MOVE_FLUSHED: so it is if the origin is lost; what the task has sent has come. managers: none
    or one; signals: that it has yet to get; output: what it has written and nobody has read.
    """

    tid: I32
    epoch: I32
    task: Annotated[TaskRecord, TaskRecord]
    notices: Annotated[list[KeptNotice], Counted(KeptNotice)]
    managers: Annotated[list[ManagerRecord], Counted(ManagerRecord)]
    requests: Annotated[list[OpenRequest], Counted(OpenRequest)]
    signals: Ints
    output: Blob


class TaskHold(Record):
    """TM_HOLDTASK, DM_HOLDTASK."""

    tid: I32
    on: I32


class OwnerWord(Record):
    """TM_OWNER, DM_OWNER: a WIRE_OWNER_ word about a host."""

    host: Str
    word: I32


class WatchOrder(Record):
    """SM_WATCH: what a resource manager takes, WIRE_WATCH_ bits."""

    what: I32


class Watched(Record):
    """DM_WATCH: a resource manager, and what it takes."""

    manager: I32
    what: I32


class HoldTasks(Record):
    """SM_HOLDTASK."""

    on: I32
    tids: Ints


class TaskStat(Record):
    """A task in HostStat. share: of a processor, in thousandths; held: bits of who has stopped it.

    reason: WIRE_WHY_, why it cannot be moved, as far as can be seen from outside; 0: it can; job:
    tid of the task with which its job began.
    """

    tid: I32
    kilobytes: I32
    share: I32
    held: I32
    reason: I32
    job: I32


class HostStat(Record):
    """SM_HOSTSTAT. others, ours: processors that are busy with what, in thousandths.

    free: megabytes of memory; pressure: time that something waits for a processor, in hundredths of
    a percent; idle: seconds since the owner has used the host; owner: a WIRE_OWNER_ word, HERE if
    that is now; tasks: those that were spawned.
    """

    cores: I32
    others: I32
    ours: I32
    free: I32
    pressure: I32
    idle: I32
    owner: I32
    tasks: Annotated[list[TaskStat], Counted(TaskStat)]


class Migrated(Record):
    """SM_MIGRATED: a task has moved; milliseconds that it stood still, and that all has taken."""

    tid: I32
    epoch: I32
    origin: I32
    goal: I32
    kilobytes: I32
    frozen: I32
    whole: I32
