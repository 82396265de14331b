# SPDX-License-Identifier: MIT
"""What daemons know of moves that are going on: at the origin, at the goal, elsewhere."""

from __future__ import annotations

import asyncio
import io
import socket

from pvm3py.wire import constants as c
from pvm3py.wire.moves import WORDS, MoveGo

from .plain import Plain, field
from .task import Task


class NotMovedError(Exception):
    """A move is off. code: PvmNotMovable, PvmBusy or another; reason: WIRE_WHY_; with words."""

    def __init__(self, code: int, reason: int = 0, more: str = "") -> None:
        words = WORDS.get(reason, "")
        super().__init__(f"{words}: {more}" if words and more else words or more)
        self.code = code
        self.reason = reason


def never(reason: int, more: str = "") -> NotMovedError:
    """The task cannot be moved, for one of the WIRE_WHY_ reasons."""
    return NotMovedError(c.PvmNotMovable, reason, more)


def not_now(reason: int, more: str = "") -> NotMovedError:
    """It cannot be moved now."""
    return NotMovedError(c.PvmBusy, reason, more)


class Hold(Plain):
    """What is sent to a task is kept here, as the host `by` says, which moves it to the goal.

    done: none goes the old way.
    """

    tid: int
    epoch: int
    by: int
    goal: int
    done: asyncio.Future[None]


class Departure(Plain):
    """A move of a task of this host.

    off: has an exception as soon as the move cannot be; frozen: the task has stopped; ready: it can
    run there; flushing: hosts have yet to say that all that it has sent has come; asked: hosts that
    know of the move, the goal first; held: its messages are kept here, too; ordered: it has the
    order to stop; refused: it has said that it does not; told: the goal may go on alone if this
    host is lost. began, stopped: when, by the clock of the event loop; kilobytes: of its memory.
    """

    task: Task
    epoch: int
    goal: int
    off: asyncio.Future[None]
    frozen: asyncio.Future[None]
    ready: asyncio.Future[None]
    flushing: set[asyncio.Future[bytes]] = field(factory=set)
    asked: list[int] = field(factory=list)
    held: bool = False
    ordered: bool = False
    refused: bool = False
    told: bool = False
    began: float = 0.0
    stopped: float = 0.0
    kilobytes: int = 0

    def fail(self, why: NotMovedError) -> None:
        """The move cannot be; the first reason counts."""
        if not self.off.done():
            self.off.set_exception(why)


class Stop(Plain):
    """A task of this host that stops for an image in a file, and then goes on.

    epoch: the stamp of the checkpoint; frozen: it has stopped; refused: it has said that it does
    not; ordered: it has the order; listener, token: how who writes the image says that it has;
    written: how many bytes, and the stamp of the image on which it builds, or 0; base: as in
    FreezeOrder.
    """

    task: Task
    epoch: int
    path: str
    frozen: asyncio.Future[None]
    listener: socket.socket
    token: str
    base: int = -1
    ordered: bool = False
    refused: bool = False
    written: asyncio.Task[tuple[int, int]] | None = None

    def fail(self, why: NotMovedError) -> None:
        """The task does not stop, or has ended; the first reason counts."""
        if not self.frozen.done():
            self.frozen.set_exception(why)


class Arrival(Plain):
    """A task of the daemon `origin` that may come. Descriptors and sockets are closed at its end.

    stream: this daemon's end of what will be its connection; image: the connection that brings it,
    or its file; bases: the files on which that builds, the oldest first;
    output: read end of its pipe, -1: it needs none; pid: the restarter, which becomes the task;
    ended: how that has ended, with processor times; work: what waits for the image; ready: that is
    whole; heritage: what the origin has of the task, once all that it has sent has come; over: it
    has come, or does not.
    """

    task: Task
    epoch: int
    origin: int
    token: str
    piped: bool
    listener: socket.socket | None = None
    image: socket.socket | io.FileIO | None = None
    bases: list[io.FileIO] = field(factory=list)
    stream: socket.socket | None = None
    report: int = -1
    output: int = -1
    pid: int = 0
    ended: tuple[int, float, float] | None = None
    work: asyncio.Task[None] | None = None
    ready: bool = False
    heritage: MoveGo | None = None
    over: asyncio.Future[None] = field(factory=asyncio.Future)
