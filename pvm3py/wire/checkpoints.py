# SPDX-License-Identifier: MIT
"""Bodies of the messages about images in files: csrc/wire/moves.h."""

from typing import Annotated

from .codec import Counted
from .moves import MoveGo
from .record import I32, Ints, Record, Str, Strs


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
    """DM_CKPT_CUT, DM_CKPT_THAW: of the checkpoint with this stamp."""

    stamp: I32


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


class ThawReply(Record):
    """The answer to DM_CKPT_THAW: the files that this host has written."""

    code: I32
    reason: I32 = 0
    text: Str = ""
    files: Annotated[list[KeptFile], Counted(KeptFile)] = []  # noqa: RUF012


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
    """DM_RESTART_GO: those of these tasks that are prepared run; not go: none does."""

    epoch: I32
    go: I32
    number: I32
    tids: Ints
    states: Annotated[list[TaskState], Counted(TaskState)]
