# SPDX-License-Identifier: MIT
"""Bodies of the messages about images in files: csrc/wire/moves.h."""

from typing import Annotated

from .codec import Counted
from .moves import MoveGo
from .record import I32, Blob, Ints, Record, Str, Strs


class CheckpointOrder(Record):
    """TM_CKPT, DM_CKPT: directory "" is the usual one; every, keep: 0 is what is usual."""

    directory: Str
    flags: I32
    every: I32
    keep: I32
    tids: Ints


class RestartOrder(Record):
    """TM_RESTART, DM_RESTART: number 0 is the last checkpoint; no hosts: all."""

    directory: Str
    number: I32
    outtid: I32
    outctx: I32
    outtag: I32
    hosts: Strs


class RestartReply(Record):
    """How many tasks were started, or an error code with a reason; their tids."""

    code: I32
    reason: I32 = 0
    text: Str = ""
    tids: Ints = []  # noqa: RUF012


class Member(Record):
    """A task, and the task with which its job began."""

    tid: I32
    job: I32


class Members(Record):
    """The answer to DM_CKPT_LIST: the tasks of a host; machine: what has to be the same."""

    members: Annotated[list[Member], Counted(Member)]
    machine: Str


class FreezeOrder(Record):
    """DM_CKPT_FREEZE: stop those of these tasks that are there; only_asked: or may they be?

    stamp: the number of this checkpoint, which nothing else has; directory: that of its files;
    flags: WIRE_CKPT_END, WIRE_CKPT_SPAWNED; base: stamp of the one on which images may build, 0:
    there is none, -1: nor will the next.
    """

    stamp: I32
    only_asked: I32
    directory: Str
    tids: Ints
    flags: I32 = 0
    base: I32 = -1


class CutOrder(Record):
    """DM_CKPT_CUT, DM_CKPT_THAW: of the checkpoint with this stamp.

    server: a group server, whose messages to the tasks are noted as theirs are; 0: none.
    """

    stamp: I32
    server: I32


class EndOrder(Record):
    """DM_CKPT_END: the tasks end, or else they go on."""

    stamp: I32
    end: I32


class TaskState(Record):
    """All of a task but its image, at the cut; piped: its output goes into a pipe of its daemon."""

    go: Annotated[MoveGo, MoveGo]
    piped: I32


class Cut(Record):
    """The answer to DM_CKPT_CUT."""

    code: I32
    reason: I32 = 0
    text: Str = ""
    states: Annotated[list[TaskState], Counted(TaskState)] = []  # noqa: RUF012


class KeptFile(Record):
    """A file of a checkpoint: bytes, 31 bits a word, and hash.

    tid: whose image it is; 0: messages; base: stamp of the image on which that builds, 0: none.
    """

    tid: I32
    name: Str
    high: I32
    low: I32
    hash: Str
    base: I32 = 0

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self.high << 31 | self.low


class Appended(Record):
    """A file to which a task appends, and its bytes at the cut, 31 bits a word."""

    tid: I32
    path: Str
    high: I32
    low: I32

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self.high << 31 | self.low


class ThawReply(Record):
    """The answer to DM_CKPT_THAW: the files that this host has written."""

    code: I32
    reason: I32 = 0
    text: Str = ""
    files: Annotated[list[KeptFile], Counted(KeptFile)] = []  # noqa: RUF012
    appended: Annotated[list[Appended], Counted(Appended)] = []  # noqa: RUF012


class OwnedContext(Record):
    """A context, and the task that has it."""

    context: I32
    owner: I32


class KeptMail(Record):
    """An entry of the mailbox, as TM_DB puts it."""

    name: Str
    index: I32
    owner: I32
    flags: I32
    message: Blob


class Estate(Record):
    """What a job has besides its tasks; server: the group server that told the groups, or 0."""

    server: I32
    groups: Blob
    contexts: Annotated[list[OwnedContext], Counted(OwnedContext)]
    mail: Annotated[list[KeptMail], Counted(KeptMail)]


class KeptOrder(Record):
    """DM_CKPT_KEPT: what is there of these tasks? server: the group server, 0: there is none."""

    stamp: I32
    server: I32
    tids: Ints


class KeptReply(Record):
    """The answer: contexts of this host, and, if the group server is here, groups."""

    code: I32
    reason: I32 = 0
    text: Str = ""
    contexts: Annotated[list[OwnedContext], Counted(OwnedContext)] = []  # noqa: RUF012
    groups: Blob = b""


class BackOrder(Record):
    """DM_RESTART_BACK: have again what was kept; server: the group server now, 0: there is none.

    waits: it is the same as then, so who waits for it still does.
    """

    epoch: I32
    server: I32
    waits: I32
    groups: Blob
    contexts: Annotated[list[OwnedContext], Counted(OwnedContext)]
    appended: Annotated[list[Appended], Counted(Appended)]


class Rendezvous(Record):
    """Who waits for each other in a group: see groupserver/group.py."""

    count: I32
    waiting: Ints
    arrived: Ints
    late: Ints


class KeptGroup(Record):
    """A group with tasks of a job.

    size: all its members; lost, deaths: how many have died; members: those of the job, each with
    its instance before it.
    """

    name: Str
    kind: I32
    size: I32
    lost: I32
    deaths: I32
    members: Ints
    barrier: Annotated[Rendezvous, Rendezvous]
    freeze: Annotated[Rendezvous, Rendezvous]


class KeptGroups(Record):
    """The groups of a job."""

    groups: Annotated[list[KeptGroup], Counted(KeptGroup)]


class GroupsKeep(Record):
    """GROUP_KEEP: tell the groups with these tasks."""

    stamp: I32
    tids: Ints


class GroupsRestore(Record):
    """GROUP_RESTORE: have these groups again; waits: and those who wait in them."""

    stamp: I32
    waits: I32
    groups: Annotated[KeptGroups, KeptGroups]


class GroupsAnswer(Record):
    """SM_CKPT_GROUPS: 0 or an error code; the groups, a KeptGroups."""

    stamp: I32
    code: I32
    groups: Blob


class Base(Record):
    """An image on which another one builds, of the checkpoint of the same job with this number."""

    number: I32
    file: Annotated[KeptFile, KeptFile]


class Seat(Record):
    """Where a task is to be that is made of its image; a host by its tid.

    bases: what the image builds on, the oldest first.
    """

    tid: I32
    host: I32
    image: Annotated[KeptFile, KeptFile]
    piped: I32
    bases: Annotated[list[Base], Counted(Base)] = []  # noqa: RUF012


class AwaitOrder(Record):
    """DM_RESTART_AWAIT: prepare the tasks of the host asked, and know of all others.

    epoch: of all these moves; stamp: of the checkpoint; queues: files of messages that were held.
    """

    epoch: I32
    stamp: I32
    directory: Str
    machine: Str
    seats: Annotated[list[Seat], Counted(Seat)]
    queues: Annotated[list[KeptFile], Counted(KeptFile)]


class RestartGo(Record):
    """DM_RESTART_GO: those of these tasks that are prepared run; not go: none does.

    ended: a group server that they knew, which is there no more; 0: none.
    """

    epoch: I32
    go: I32
    number: I32
    ended: I32
    tids: Ints
    states: Annotated[list[TaskState], Counted(TaskState)]
