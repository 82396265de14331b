# SPDX-License-Identifier: MIT
"""What a task that has moved waits for at the hosts where it was.

They answer to its tid, wherever that is. Its new host asks each to say when that is done, and gives
the answer itself if one is lost before.
"""

from __future__ import annotations

import asyncio

from pvm3py.wire import constants as c
from pvm3py.wire.moves import MoveWord, OpenRequest
from pvm3py.wire.task import Status

from ..core import Pvmd, Table
from ..dispatch import Request, handles
from ..occasions import TASK_GONE, on
from ..state.task import Task, Waits


class Left(Table):
    """What is being done here for tasks that have moved away."""

    def __init__(self) -> None:
        self._waits: dict[int, list[Waits]] = {}

    def add(self, tid: int, waits: Waits | None) -> None:
        """A task moves away, and waits for this."""
        known = [old for old in self._waits.pop(tid, ()) if old]
        if waits:
            known.append(waits)
        if known:
            self._waits[tid] = known

    def of_task(self, tid: int) -> Waits:
        """What a task that has been here waits for."""
        return {job: asked for waits in self._waits.get(tid, ()) for job, asked in waits.items()}

    def of_all(self) -> Waits:
        """The same of all."""
        return {job: asked for tid in self._waits for job, asked in self.of_task(tid).items()}

    def forget(self, tid: int) -> None:
        """A task has ended: nobody waits."""
        for job in self.of_task(tid):
            job.cancel()
        self._waits.pop(tid, None)


def of_task(pvmd: Pvmd, task: Task) -> list[OpenRequest]:
    """What a task of this host waits for, here and at hosts where it was."""
    here = Left.of(pvmd).of_task(task.tid) | (task.waits or {})
    own = pvmd.hosts.own.tid
    return [*(task.open or ()), *(OpenRequest(own, *asked) for asked in here.values())]


def watch(pvmd: Pvmd, task: Task, requests: list[OpenRequest], epoch: int) -> None:
    """A task has come, and waits for these answers of other hosts."""
    task.open = [one for one in requests if one.host != pvmd.hosts.own.tid]
    for host in {one.host for one in task.open}:
        _watch_host(pvmd, task, host, epoch)


def _watch_host(pvmd: Pvmd, task: Task, host: int, epoch: int) -> None:
    def over(answer: asyncio.Future[bytes]) -> None:
        lost = answer.exception() is not None
        mine = [one for one in task.open or () if one.host == host]
        task.open = [one for one in task.open or () if one.host != host]
        for one in mine if lost and pvmd.tasks.get(task.tid) is task else ():
            body = Status(c.PvmHostFail).encode()
            pvmd.switch.send(task.tid, c.TIDPVMD, one.tag, one.ctx, one.wid, body)

    answer = pvmd.peers.ask(host, c.DM_MOVE_WAITS, MoveWord(task.tid, epoch))
    answer.add_done_callback(over)


@handles(c.DM_MOVE_WAITS, MoveWord, hosts=True, reply_tag=c.DM_MOVE_WAITSACK)
async def dm_waits(pvmd: Pvmd, _request: Request, body: MoveWord) -> Status:
    """Answer when a task that has been here waits for nothing here; tid 0: when none does."""
    left = Left.of(pvmd)
    if jobs := left.of_task(body.tid) if body.tid else left.of_all():
        await asyncio.wait(jobs)
    return Status(0)


@on(TASK_GONE)
def task_gone(pvmd: Pvmd, tid: int, _task: Task | None) -> None:
    """A task has ended, wherever it was."""
    Left.of(pvmd).forget(tid)
