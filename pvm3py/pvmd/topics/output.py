# SPDX-License-Identifier: MIT
"""Output of tasks: from a pipe to the task's collector, or to the log."""

from __future__ import annotations

import array
import fcntl
import os
from collections.abc import Callable

from pvm3py.wire import constants as c
from pvm3py.wire.output import OutputEnd, OutputStart, OutputText

from ..core import Pvmd, Table
from ..dispatch import Request, handles
from ..occasions import HOST_LOST, TASK_GONE, Step, on
from ..state.task import Target, Task

# Bytes of text in one message, as 3.4.6 sends at most.
TEXT_MAX = 3999
# Bytes of one message that are logged for another host.
_LOGGED_MAX = 4066
# Reads of one pipe before other work gets its turn.
_READS = 16
# Bytes queued for a collector above which no more is read for it, and at which reading goes on.
_QUEUE_HIGH = 1 << 20
_QUEUE_LOW = 1 << 18


def send_start(pvmd: Pvmd, out: Target, tid: int, op: int, ptid: int) -> None:
    """Tell a collector that a task started: TO_SPAWN or TO_NEW."""
    if out.tid > 0:
        pvmd.send(out.tid, out.tag, out.ctx, OutputStart(tid, op, ptid).encode())


def send_end(pvmd: Pvmd, task: Task) -> None:
    """Tell the collector that a task's output is complete."""
    if task.out.tid > 0:
        _send(pvmd, task, OutputEnd(task.tid, c.TO_EOF).encode())


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
    for line in body.text.rstrip(b"\n").split(b"\n"):
        pvmd.log(f"[t{body.tid:x}] {line.decode('utf-8', 'surrogateescape')}")


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

    def host_lost(self, host: int) -> None:
        """What waited for tasks of a host goes on."""
        for tid in [tid for tid in self._waiting if tid & c.TIDHOST == host & c.TIDHOST]:
            self.drained(tid)


@on(HOST_LOST, Step.COLLECTORS)
def host_lost(pvmd: Pvmd, host: int) -> None:
    """A host is gone, and with it the collectors there."""
    Collectors.of(pvmd).host_lost(host)


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


class OutputPipe:
    """Reads the pipe behind a task's standard output and error.

    Pauses while the collector has too much queued.
    """

    __slots__ = ("_fd", "_pvmd", "_task")

    def __init__(self, pvmd: Pvmd, task: Task, fd: int) -> None:
        self._pvmd = pvmd
        self._task = task
        self._fd = fd
        os.set_blocking(fd, False)
        pvmd.loop.add_reader(fd, self._readable)

    def resume(self) -> None:
        """The collector took in what was queued, or is gone."""
        if self._fd >= 0:
            self._pvmd.loop.add_reader(self._fd, self._readable)

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

    def _readable(self) -> None:
        task, pvmd = self._task, self._pvmd
        for _ in range(_READS):
            if not self._pass_on():
                break
        if self._fd < 0:
            task.pipe = None
            end_output(pvmd, task)
        elif task.out.tid > 0 and pvmd.switch.queued(task.out.tid) > _QUEUE_HIGH:
            pvmd.loop.remove_reader(self._fd)
            Collectors.of(pvmd).wait(task.out.tid, self.resume)
            pvmd.switch.notify_drain(task.out.tid, _QUEUE_LOW)

    def _pass_on(self) -> bool:
        """Read once. False: nothing is there now, or (pipe closed) never again."""
        try:
            text = os.read(self._fd, TEXT_MAX)
        except BlockingIOError:
            return False
        if not text:
            self._close()
            return False
        send_text(self._pvmd, self._task, text)
        return True

    def _close(self) -> None:
        if self._fd >= 0:
            self._pvmd.loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1
