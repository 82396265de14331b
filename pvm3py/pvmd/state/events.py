# SPDX-License-Identifier: MIT
"""What the switch tells the daemon; why a connection or a host ended is a number of switch.py."""

from __future__ import annotations

from typing import NamedTuple


class OpenEvent(NamedTuple):
    """A process of this user has connected; see Switch.serve_enrolments.

    proven: it asks to be enrolled, and has written into the file that was made for it.
    """

    conn: int
    pid: int
    uid: int
    proven: bool


class CloseEvent(NamedTuple):
    """A connection ended; what it had sent before was forwarded or reported."""

    conn: int
    reason: int
    text: str


class MessageEvent(NamedTuple):
    """A whole message for the daemon. `src` is -1 before the connection has a tid.

    too_long: it was longer than messages may be, so it has no body.
    """

    conn: int
    dst: int
    src: int
    enc: int
    tag: int
    ctx: int
    wid: int
    body: bytes
    too_long: bool = False


class AnsweredEvent(MessageEvent):
    """A message that the switch has answered: it is told what is to be remembered of it."""

    __slots__ = ()


class EnrolledEvent(NamedTuple):
    """The switch has enrolled a task, as Switch.keep_welcome says: of this process and name.

    seen: when the process was there, in nanoseconds of CLOCK_BOOTTIME.
    """

    conn: int
    tid: int
    pid: int
    seen: int
    name: str


class SpokeEvent(NamedTuple):
    """A message of a manager to a task has passed. `body` is its begin."""

    dst: int
    src: int
    tag: int
    ctx: int
    wid: int
    body: bytes


class NoProgramEvent(NamedTuple):
    """A task wants so many tasks of a program that there is not; answered: it knows."""

    conn: int
    tid: int
    ctx: int
    wid: int
    tasks: int
    file: str
    answered: bool


class DrainedEvent(NamedTuple):
    """What is queued for the tid fell to the mark given to `notify_drain`."""

    tid: int


class HeldEvent(NamedTuple):
    """Nothing more goes the old way to a task that was given to `hold_task`."""

    tid: int


class ReadableEvent(NamedTuple):
    """A pipe that was given to `await_pipe`; ended: nothing is in it, and nobody has it to write.

    Otherwise there is something to be read.
    """

    fd: int
    ended: bool


class ChildEvent(NamedTuple):
    """A process that this one has started ended; status as os.waitpid tells it.

    user, system: processor time that it used, seconds.
    """

    pid: int
    status: int
    user: float
    system: float


class LogEvent(NamedTuple):
    """Something was refused or ignored. `conn` is 0 if no connection is meant."""

    conn: int
    text: str


class HostEvent(NamedTuple):
    """A host is lost or has left."""

    tid: int
    reason: int
    text: str


Event = (
    OpenEvent
    | EnrolledEvent
    | CloseEvent
    | MessageEvent
    | SpokeEvent
    | NoProgramEvent
    | DrainedEvent
    | HeldEvent
    | ReadableEvent
    | HostEvent
    | ChildEvent
    | LogEvent
)
