# SPDX-License-Identifier: MIT
"""Tasks that a nursery forks: TM_FORKED.

A nursery is a task of a spawner on this host that has loaded Python and what each task in it needs
(pvm3py/nursery.py). What it forks is this daemon's child, and a task like others from the time on
when it is known which process it is.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable

from pvm3py.wire import constants as c
from pvm3py.wire.system import Forked, ForkTask

from ..core import Pvmd, Table
from ..dispatch import Request, handles
from ..occasions import CHILD_ENDED, TASK_GONE, TASK_LEFT, Step, on
from ..state.errors import Refused
from ..state.plain import Plain
from ..state.task import Task, process_parent
from .tasks import signal_task

# Seconds that a nursery has for a task.
_PATIENCE = 10.0
# Status of a process that could not execute its program, as a shell has it.
_NOT_EXECUTED = 127 << 8


class Birth(Plain):
    """A task that a nursery is to fork.

    output    end of the pipe for what it prints, open until its process has it
    execute   start it without the nursery: its process
    deadline  when the nursery is given up
    """

    task: Task
    nursery: int
    output: int
    execute: Callable[[], int]
    deadline: asyncio.TimerHandle


class Births(Table):
    """The nurseries, by their spawners, and what they have not reported yet.

    `_ends` has what is known of processes that ended while some task's was not known.
    """

    def __init__(self) -> None:
        self._nurseries: dict[int, int] = {}
        self._open: dict[int, Birth] = {}
        self._ends: dict[int, tuple[int, float, float]] = {}

    def add_nursery(self, spawner: int, nursery: int) -> None:
        """A task is the nursery of a spawner, once it has enrolled."""
        self._nurseries[spawner] = nursery

    def nursery(self, pvmd: Pvmd, spawner: int) -> int:
        """The nursery of a spawner; 0: it has none that serves."""
        tid = self._nurseries.get(spawner, 0)
        task = pvmd.tasks.get(tid)
        return tid if task is not None and task.conn is not None else 0

    def begin(
        self, pvmd: Pvmd, task: Task, nursery: int, order: ForkTask, execute: Callable[[], int]
    ) -> None:
        """Have the nursery fork a task, or else execute it."""
        task.unborn = []
        deadline = pvmd.loop.call_later(_PATIENCE, _give_up, pvmd, nursery)
        self._open[order.tid] = Birth(task, nursery, order.output, execute, deadline)
        pvmd.send(nursery, c.SM_STTASK, c.BASECONTEXT, order.encode(), order.tid)

    def enrols(self, pvmd: Pvmd, task: Task, pid: int) -> None:
        """A process enrols as a task: the one that was forked for it, if that is not known yet."""
        if task.unborn is not None:
            _born(pvmd, task, pid, task.cookie)

    def reported(self, pvmd: Pvmd, nursery: int, tid: int, pid: int) -> None:
        """The nursery tells a task's process. Refused: it was not asked."""
        birth = self._open.get(tid)
        if birth is None or birth.nursery != nursery:
            raise Refused(c.PvmNoTask, f"t{tid & 0xFFFFFFFF:x} is not to be forked")
        del self._open[tid]
        birth.deadline.cancel()
        task = birth.task
        if pid <= 0 or not self._is_unclaimed(pvmd, pid):
            _execute(pvmd, birth)
        elif task.unborn is not None:
            _born(pvmd, task, pid, task.cookie)
        os.close(birth.output)
        if pid in self._ends:
            CHILD_ENDED.tell(pvmd, pid, *self._ends.pop(pid))
        if not self._open:
            self._ends.clear()

    def _is_unclaimed(self, pvmd: Pvmd, pid: int) -> bool:
        """Whether a process is, or was, a child of the daemon, and no task's."""
        if pvmd.tasks.child(pid) is not None:
            return False
        return pid in self._ends or process_parent(pid) == os.getpid()

    def is_nursery(self, tid: int) -> bool:
        """Whether a task is the nursery of a spawner here."""
        return tid in self._nurseries.values()

    def ended(self, pid: int, status: int, user: float, system: float) -> None:
        """A child of no known task has ended, perhaps of one that is not reported yet."""
        if self._open:
            self._ends[pid] = (status, user, system)

    def task_gone(self, pvmd: Pvmd, tid: int) -> None:
        """What a nursery that is gone has not forked is executed."""
        self._nurseries.pop(tid, None)
        lost = [birth.task.tid for birth in self._open.values() if birth.nursery == tid]
        for child in lost:
            self.reported(pvmd, tid, child, -1)
        if tid in self._nurseries.values():
            self._nurseries = {s: n for s, n in self._nurseries.items() if n != tid}


def _give_up(pvmd: Pvmd, nursery: int) -> None:
    """A nursery does not fork, perhaps since it was stopped: end it, which has them executed."""
    task = pvmd.tasks.get(nursery)
    if task is not None:
        pvmd.log(f"nursery t{nursery:x} forks nothing for {_PATIENCE:g} s: it is killed")
        signal_task(pvmd, task, signal.SIGKILL)


def _born(pvmd: Pvmd, task: Task, pid: int, cookie: int) -> None:
    """The process of a task is known: it gets the signals that came for it before."""
    signals, task.unborn = task.unborn or [], None
    pvmd.tasks.begun(task, pid, cookie)
    for signum in signals:
        signal_task(pvmd, task, signum)


def _execute(pvmd: Pvmd, birth: Birth) -> None:
    """Execute the program of a task that the nursery does not fork."""
    task = birth.task
    if pvmd.tasks.get(task.tid) is None or task.unborn is None:
        return
    try:
        pid = birth.execute()
    except OSError as error:
        pvmd.log(f"start of t{task.tid:x}: {error}")
        pid = 0
    _born(pvmd, task, pid, pid)
    if pid == 0:
        CHILD_ENDED.tell(pvmd, pid, _NOT_EXECUTED, 0.0, 0.0)


@handles(c.TM_FORKED, Forked, reply=False)
def forked(pvmd: Pvmd, request: Request, body: Forked) -> None:
    """A nursery has forked a task, or could not."""
    Births.of(pvmd).reported(pvmd, request.src, body.tid, body.pid)


@on(TASK_LEFT)
@on(TASK_GONE, Step.BIRTHS)
def task_gone(pvmd: Pvmd, tid: int, _task: Task | None) -> None:
    """A task has left, which may have been a nursery, or have had one."""
    Births.of(pvmd).task_gone(pvmd, tid)
