# SPDX-License-Identifier: MIT
"""The tasks of this host: what is known of each, and their table."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from typing import Protocol

from pvm3py.wire import constants as c
from pvm3py.wire.moves import OpenRequest
from pvm3py.wire.task import Extension

from .dealings import Dealings
from .plain import Plain, field

# Work that ends with the answer to a request: tag, context and wait id of that.
Waits = dict[asyncio.Task[None], tuple[int, int, int]]

# Clock ticks in a second.
_TICKS = os.sysconf("SC_CLK_TCK")
# More than a /proc/PID/stat has.
_STAT_BYTES = 4096


# The program that serves the groups of all hosts, and the mailbox class where it is found. It is no
# task of a job, whoever has had it started, and none that a manager might stop.
GROUP_SERVER = "pvmgs"

# Who has stopped a task: a user, or the resource manager. It goes on when nobody has.
HELD_BY_HAND = 1
HELD_BY_MANAGER = 2


class Target(Plain):
    """Where output or trace events of a task go; tid 0 is nowhere."""

    tid: int = 0
    ctx: int = 0
    tag: int = 0

    def copy(self) -> Target:
        """One that can be changed by itself."""
        return Target(self.tid, self.ctx, self.tag)

    def of_tracer(self) -> Target:
        """What a task gets of a tracer's target: nowhere if the tracer has named no tag for it."""
        return self.copy() if self.tag else Target()


class Pipe(Protocol):
    """What reads the output of a task that was started here."""

    def finish(self) -> None:
        """The task is gone: pass on what can be read now, and read no more."""

    def halt(self, halted: bool) -> None:
        """Whether to leave unread what the task writes."""

    def take_rest(self) -> bytes:
        """The task has moved: what nobody has read, and read no more."""


class Task(Plain):
    """A task of this host.

    forked: this daemon's child, whose end is the end of its process; else that of its connection.
    disowned: the process started was another one, which shares its output; that is read until
    all who hold it have closed it, for a task flushes its output after its connection.
    seen: when its process was there, in the ticks of process_start: one with its number that began
    later is another. None for a child of this daemon, whose number nobody else can get before it
    is reaped.
    conn: its connection, None while it has none; left: it said that it leaves. status: of its
    process, when that has ended, as are the processor times in seconds. flags: how it was spawned,
    -1 if it was not. begun: the tracer that was told of its begin. sched: the resource manager to
    tell of its end; dealings: what it has open with the one that it was told of. tells_status: its
    collector is told the status. waits: its requests that wait for something here, with bodies of
    waiting_bytes together; open: those that other hosts where it was have yet to answer.
    announced: what its library can, None: no more than 3.4.6. unborn: its process is not known yet,
    but the signals that it is to get. frozen: it has stopped for an image, and gets these signals
    afterwards. held: who has stopped it, see HELD_. job: tid of the task with which its job began,
    0: its own.
    """

    tid: int
    ptid: int
    pid: int
    name: str = ""
    cookie: int = 0
    forked: bool = False
    disowned: bool = False
    seen: int | None = None
    tasker: int = 0
    conn: int | None = None
    left: bool = False
    status: int | None = None
    tells_status: bool = False
    user_time: float = 0.0
    system_time: float = 0.0
    flags: int = -1
    sched: int = 0
    out: Target = field(factory=Target)
    trc: Target = field(factory=Target)
    begun: Target | None = None
    pipe: Pipe | None = None
    output_ended: bool = False
    dealings: Dealings | None = None
    waits: Waits | None = None
    waiting_bytes: int = 0
    open: list[OpenRequest] | None = None
    announced: Extension | None = None
    unborn: list[int] | None = None
    frozen: list[int] | None = None
    held: int = 0
    job: int = 0

    def runs(self) -> bool:
        """Whether its process number is known and still that of its process."""
        if self.pid <= 0 or self.status is not None:
            return False
        return self.seen is None or 0 < process_start(self.pid) <= self.seen

    def waiting(self) -> Waits:
        """Its requests that wait for something; most tasks never have one."""
        if self.waits is None:
            self.waits = {}
        return self.waits

    def answered(self, size: int) -> None:
        """A request with so long a body waits no more."""
        self.waiting_bytes -= size


def ticks(nanoseconds: int) -> int:
    """A time of CLOCK_BOOTTIME in clock ticks since the system began, as process_start has it."""
    return nanoseconds * _TICKS // 1_000_000_000


def ticks_now() -> int:
    """Clock ticks since the system began."""
    return ticks(time.clock_gettime_ns(time.CLOCK_BOOTTIME))


def process_start(pid: int) -> int:
    """When a process began, in clock ticks since the system did (proc(5)); 0: there is none."""
    words = _behind_name(pid)
    return int(words[19]) if words else 0


def process_parent(pid: int) -> int:
    """The parent of a process; 0: there is none."""
    words = _behind_name(pid)
    return int(words[1]) if words else 0


def _behind_name(pid: int) -> list[bytes]:
    """The words of /proc/PID/stat from the state on, as far as they are used; none: no process."""
    try:
        fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        return os.read(fd, _STAT_BYTES).rpartition(b")")[2].split(None, 20)
    except OSError:
        return []
    finally:
        os.close(fd)


class TaskTable:
    """Tasks of this host by tid, by the cookie they enrol with, and by process if forked.

    coming: tasks that are to be here soon, and run elsewhere until then.
    """

    def __init__(self) -> None:
        self.coming: dict[int, Task] = {}
        self._tasks: dict[int, Task] = {}
        self._cookies: dict[int, Task] = {}
        self._children: dict[int, Task] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    def __iter__(self) -> Iterator[Task]:
        return iter(list(self._tasks.values()))

    def add(self, task: Task) -> None:
        """A task appeared; its cookie and process, if it has them, lead to it."""
        self._tasks[task.tid] = task
        if task.cookie:
            self._cookies[task.cookie] = task
        if task.forked:
            self._children[task.pid] = task

    def remove(self, task: Task) -> bool:
        """A task is gone. False: it was already."""
        if self._tasks.pop(task.tid, None) is None:
            return False
        self._cookies.pop(task.cookie, None)
        if task.forked:
            self._children.pop(task.pid, None)
        return True

    def get(self, tid: int) -> Task | None:
        """The task with this tid."""
        return self._tasks.get(tid)

    def expected(self, tid: int) -> Task | None:
        """The task with this tid, be it still coming."""
        return self._tasks.get(tid) or self.coming.get(tid)

    def capabilities(self, tid: int) -> int:
        """What the library of a task can, WIRE_EXT_ bits; 0: 3.4.6's rules, or no such task."""
        task = self.get(tid)
        return task.announced.capabilities if task is not None and task.announced else 0

    def started(self, cookie: int) -> Task | None:
        """The task that was started with this cookie and has not enrolled."""
        return self._cookies.get(cookie)

    def awaited(self) -> bool:
        """Whether there are tasks that were started and have not enrolled."""
        return bool(self._cookies)

    def enrolled(self, task: Task) -> None:
        """A task has enrolled: if its process does so again, that is another task."""
        self._cookies.pop(task.cookie, None)

    def begun(self, task: Task, pid: int, cookie: int) -> None:
        """The process of a task in the table is this child of the daemon, with this cookie."""
        self._cookies.pop(task.cookie, None)
        self._cookies[cookie] = task
        task.pid, task.cookie, task.forked = pid, cookie, True
        self._children[pid] = task

    def child(self, pid: int) -> Task | None:
        """The task whose process is this child of the daemon."""
        return self._children.get(pid)

    def disown(self, task: Task, pid: int) -> None:
        """The task is another process than the one started: it ends with its connection."""
        self._children.pop(task.pid, None)
        task.forked = False
        task.disowned = task.pipe is not None
        task.pid, task.seen = pid, ticks_now()


def is_task(tid: int) -> bool:
    """Whether a word is a task's tid."""
    return not tid & (c.TIDPVMD | c.TIDGID) and bool(tid & c.TIDLOCAL)
