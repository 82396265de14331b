# SPDX-License-Identifier: MIT
"""Output of tasks: from a pipe to the task's collector, or to the log."""

from __future__ import annotations

import array
import asyncio
import fcntl
import os
from collections import deque
from collections.abc import Callable
from typing import Self

from pvm3py.wire import constants as c
from pvm3py.wire.output import OutputEnd, OutputStart, OutputStatus, OutputText

from ..core import Pvmd, Table
from ..dispatch import Request, handles
from ..occasions import HOST_LOST, TASK_GONE, Step, on
from ..state.events import ReadableEvent
from ..state.task import Target, Task

# Bytes of text in one message, as 3.4.6 sends at most.
TEXT_MAX = 3999
# Bytes of one message that are logged for another host.
_LOGGED_MAX = 4066
# Reads of one pipe before others get their turn, and seconds before other work does.
_READS = 16
_TURN_SECONDS = 0.001
# What the log has no room for is read, so that its writer goes on, but in this part of the time
# only: a turn so many seconds after the last one, and bytes of one read.
_SURPLUS_SECONDS = 0.02
_SURPLUS_READ = 1 << 16
# Bytes queued on the way to a collector, and to the master's log, above which no more is read for
# them; at a quarter of that reading goes on.
_COLLECTOR_HIGH = 1 << 20
_LOG_HIGH = 1 << 16


def send_start(pvmd: Pvmd, out: Target, tid: int, op: int, ptid: int) -> None:
    """Tell a collector that a task started: TO_SPAWN or TO_NEW."""
    if out.tid > 0:
        pvmd.send(out.tid, out.tag, out.ctx, OutputStart(tid, op, ptid).encode())


def send_end(pvmd: Pvmd, task: Task) -> None:
    """Tell the collector that a task's output is complete."""
    if task.out.tid > 0:
        _send(pvmd, task, OutputEnd(task.tid, c.TO_EOF).encode())


def send_status(pvmd: Pvmd, task: Task) -> None:
    """Tell the collector how a task's process has ended, if the spawner wanted that."""
    if task.tells_status and task.out.tid > 0 and task.status is not None:
        _send(pvmd, task, OutputStatus(task.tid, c.WIRE_TO_STATUS, task.status).encode())


def _way(pvmd: Pvmd, task: Task) -> tuple[int, int]:
    """Whose queue the output of a task goes into, 0 if none, and the bytes that it may hold."""
    if task.out.tid > 0:
        return task.out.tid, _COLLECTOR_HIGH
    if pvmd.hosts.is_master:
        return 0, _LOG_HIGH
    return c.TIDPVMD | pvmd.hosts.master, _LOG_HIGH


def send_text(pvmd: Pvmd, task: Task, text: bytes) -> None:
    """Pass on what a task wrote."""
    body = OutputText(task.tid, text)
    if task.out.tid > 0:
        _send(pvmd, task, body.encode())
    elif pvmd.hosts.is_master:
        _log(pvmd, body)
    else:
        pvmd.peers.send(pvmd.hosts.master, c.DM_TASKOUT, body)


def _log(pvmd: Pvmd, body: OutputText) -> None:
    if pvmd.log.full(body.tid):
        return
    head = f"[t{body.tid:x}] "
    text = body.text.rstrip(b"\n").decode("utf-8", "surrogateescape")
    pvmd.log.quote(body.tid, head + text.replace("\n", f"\n{head}"))


@handles(c.DM_TASKOUT, OutputText, reply=False, hosts=True)
def dm_taskout(pvmd: Pvmd, _request: Request, body: OutputText) -> None:
    """Output of a task of another host that nobody collects."""
    _log(pvmd, OutputText(body.tid, body.text[:_LOGGED_MAX]))


def _send(pvmd: Pvmd, task: Task, body: bytes) -> None:
    pvmd.send(task.out.tid, task.out.tag, task.out.ctx, body)


class Collectors(Table):
    """What waits for room in the queue of a collector: what to call when there is some."""

    def __init__(self) -> None:
        self._waiting: dict[int, list[Callable[[], None]]] = {}

    def wait(self, collector: int, resume: Callable[[], None]) -> None:
        """Call `resume` when the collector has taken in what is queued for it, or is gone."""
        self._waiting.setdefault(collector, []).append(resume)

    def drained(self, collector: int) -> None:
        """What waited for this one goes on."""
        for resume in self._waiting.pop(collector, ()):
            resume()

    def host_lost(self, pvmd: Pvmd, host: int) -> None:
        """What waited for tasks of a host goes on."""
        for tid in [tid for tid in self._waiting if pvmd.place(tid) == host]:
            self.drained(tid)


@on(HOST_LOST, Step.COLLECTORS)
def host_lost(pvmd: Pvmd, host: int) -> None:
    """A host is gone, and with it the collectors there."""
    Collectors.of(pvmd).host_lost(pvmd, host)


@on(TASK_GONE, Step.OUTPUT)
def task_gone(pvmd: Pvmd, _tid: int, task: Task | None) -> None:
    """A task is gone. What was started for another one ends its output itself."""
    if task is not None and not task.disowned:
        end_output(pvmd, task)


def end_output(pvmd: Pvmd, task: Task) -> None:
    """Pass on all that can be read now, then the end, once."""
    if task.pipe is not None:
        task.pipe.finish()
        task.pipe = None
    if not task.output_ended:
        task.output_ended = True
        send_end(pvmd, task)


class Pipes(Table):
    """The pipes that are open, by their descriptors."""

    def __init__(self) -> None:
        self.open: dict[int, OutputPipe] = {}


def readable(pvmd: Pvmd, event: ReadableEvent) -> None:
    """Something is in a pipe, or it has ended, which takes no time to see."""
    pipe = Pipes.of(pvmd).open.get(event.fd)
    if pipe is None:
        return
    if event.ended:
        pipe.turn(0.0)
    else:
        Turns.of(pvmd).add(pipe)


class Turns(Table):
    """Pipes that can be read. Each gets its turn, and all other work between."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._ready: deque[OutputPipe] = deque()
        self._due = False

    @classmethod
    def new(cls, pvmd: Pvmd) -> Self:
        return cls(pvmd.loop)

    def add(self, pipe: OutputPipe) -> None:
        """This pipe can be read."""
        self._ready.append(pipe)
        self._schedule()

    def _schedule(self) -> None:
        if not self._due:
            self._due = True
            self._loop.call_soon(self._read)

    def _read(self) -> None:
        self._due = False
        until = self._loop.time() + _TURN_SECONDS
        try:
            while self._ready and self._loop.time() < until:
                self._ready.popleft().turn(until)
        finally:
            if self._ready:
                self._schedule()


class Surplus(Table):
    """Pipes with more than the log takes. Together they get a turn now and then.

    Their writers get on slowly then, but they do get on, though nobody collects their output.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._pipes: deque[OutputPipe] = deque()

    @classmethod
    def new(cls, pvmd: Pvmd) -> Self:
        return cls(pvmd.loop)

    def add(self, pipe: OutputPipe) -> None:
        """Read this pipe, which nothing else reads, until it says that it has no surplus."""
        if not self._pipes:
            self._loop.call_later(_SURPLUS_SECONDS, self._read)
        self._pipes.append(pipe)

    def _read(self) -> None:
        until = self._loop.time() + _TURN_SECONDS
        try:
            for _ in range(len(self._pipes)):
                pipe = self._pipes.popleft()
                if pipe.sift(until):
                    self._pipes.append(pipe)
                if self._loop.time() >= until:
                    break
        finally:
            if self._pipes:
                self._loop.call_later(_SURPLUS_SECONDS, self._read)


class OutputPipe:
    """Reads the pipe behind a task's standard output and error.

    Pauses while there is too much on the way to whom it goes. Either the switch is to tell when
    there is something to be read, or one of the tables above has the pipe.
    """

    __slots__ = ("_fd", "_passed", "_pvmd", "_task")

    def __init__(self, pvmd: Pvmd, task: Task, fd: int) -> None:
        self._pvmd = pvmd
        self._task = task
        self._fd = fd
        self._passed = 0
        os.set_blocking(fd, False)
        Pipes.of(pvmd).open[fd] = self
        pvmd.switch.await_pipe(fd)

    def resume(self) -> None:
        """What was on the way has arrived, or nobody is there to get it."""
        if self._fd >= 0:
            self._pvmd.switch.await_pipe(self._fd)

    def finish(self) -> None:
        """The task is gone: pass on what is in the pipe, and close it, whoever still writes."""
        if self._fd < 0:
            return
        # Nothing that a daemon needs before it has started a task.
        import termios  # noqa: PLC0415

        held = array.array("i", [0])
        fcntl.ioctl(self._fd, termios.FIONREAD, held)
        for _ in range(0, held[0], TEXT_MAX):
            self._pass_on()
        self._close()

    def turn(self, until: float) -> None:
        """Read some, but no longer than until that time of the loop."""
        if self._fd < 0 or self._pauses():
            return
        if self._has_surplus():
            Surplus.of(self._pvmd).add(self)
            return
        for _ in range(_READS):
            if not self._pass_on() or self._pvmd.loop.time() >= until:
                break
        self.resume()
        self._end_if_closed()

    def sift(self, until: float) -> bool:
        """Read some of what is more than the log takes; False: that is read no more here."""
        if self._fd < 0 or self._pauses():
            return False
        if not self._has_surplus():
            self.resume()
            return False
        # Another host's log gets it in messages of the usual length.
        size = _SURPLUS_READ if self._pvmd.hosts.is_master else TEXT_MAX
        while self._pass_on(size) and self._pvmd.loop.time() < until:
            pass
        self._end_if_closed()
        return self._fd >= 0

    def _has_surplus(self) -> bool:
        """Whether the log is full for this task; of another host's log: whether it may be."""
        log = self._pvmd.log
        if self._task.out.tid > 0:
            return False
        if self._pvmd.hosts.is_master:
            return log.full(self._task.tid)
        return self._passed > log.share

    def _end_if_closed(self) -> None:
        if self._fd < 0:
            self._task.pipe = None
            end_output(self._pvmd, self._task)

    def _pauses(self) -> bool:
        """Whether this is not read until there is less on the way to where it goes."""
        pvmd = self._pvmd
        receiver, high = _way(pvmd, self._task)
        if not receiver or pvmd.switch.queued(receiver) <= high:
            return False
        Collectors.of(pvmd).wait(receiver, self.resume)
        pvmd.switch.notify_drain(receiver, high // 4)
        return True

    def _pass_on(self, size: int = TEXT_MAX) -> bool:
        """Read once. False: nothing is there now, or (pipe closed) never again."""
        try:
            text = os.read(self._fd, size)
        except BlockingIOError:
            return False
        if not text:
            self._close()
            return False
        self._passed += len(text)
        send_text(self._pvmd, self._task, text)
        return True

    def _close(self) -> None:
        if self._fd >= 0:
            del Pipes.of(self._pvmd).open[self._fd]
            os.close(self._fd)
            self._fd = -1
