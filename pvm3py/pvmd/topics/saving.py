# SPDX-License-Identifier: MIT
"""Checkpoints that are asked for, once or every so often, and what comes of a lost host.

A job of which there is a checkpoint every so often goes on from the last one when a host is lost
that had tasks of it. All this is the part of the master's daemon.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine

from pvm3py.vault.store import VaultError, job_directory
from pvm3py.wire import constants as c
from pvm3py.wire.checkpoints import CheckpointOrder, RestartOrder
from pvm3py.wire.moves import MoveReply
from pvm3py.wire.task import SignalRequest

from ..core import Pvmd, Table
from ..dispatch import Request, handles
from ..occasions import END, HOST_LOST, TASK_GONE, on
from ..state.errors import HostFailed
from ..state.moves import NotMovedError
from ..state.plain import Plain, field
from ..state.task import Task
from . import checkpointing, restarting
from .checkpointing import Checkpoints, Plan
from .notify import Notices
from .tasks import signal_task

# Seconds that the rest of a job has to end, and between two looks at that.
_KILL_SECONDS = 10.0
_LOOK = 0.02
# Recoveries within one interval after which a job is given up.
_FAILURES_MAX = 2


class Watch(Plain):
    """A job that is written every so often.

    tids: its tasks at the last checkpoint; alive: those that have not ended; gone: tasks that have
    ended since the last one began, or the last restart; work: writes, or has
    it recover; failures: when it had to recover; recovering: it is about that.
    """

    root: int
    order: CheckpointOrder
    tids: set[int]
    alive: set[int]
    gone: set[int] = field(factory=set)
    work: asyncio.Task[None] | None = None
    failures: list[float] = field(factory=list)
    recovering: bool = False


class Watches(Table):
    """The jobs that are written every so often, by their roots."""

    def __init__(self) -> None:
        self.jobs: dict[int, Watch] = {}


# ---- requests ------------------------------------------------------------------------------


@handles(c.TM_CKPT, CheckpointOrder)
async def checkpoint(pvmd: Pvmd, request: Request, body: CheckpointOrder) -> MoveReply:
    """Write the images of tasks; the number of the checkpoint."""
    if not body.tids:
        body.tids, body.flags = [request.src], body.flags | c.WIRE_CKPT_JOBS
    return await _asked(pvmd, body)


@handles(c.DM_CKPT, CheckpointOrder, hosts=True, reply_tag=c.DM_CKPTACK)
def dm_checkpoint(
    pvmd: Pvmd, _request: Request | None, body: CheckpointOrder
) -> Coroutine[None, None, MoveReply]:
    """The same, for a task of another host."""
    return _asked(pvmd, body)


async def _asked(pvmd: Pvmd, body: CheckpointOrder) -> MoveReply:
    try:
        if not pvmd.hosts.is_master:
            return await pvmd.peers.request(pvmd.hosts.master, c.DM_CKPT, body, MoveReply)
        body.directory = body.directory or pvmd.settings.ckpt_dir
        number, plan = await checkpointing.write(pvmd, body)
        body.every = body.every or pvmd.settings.ckpt_every
        if body.flags & c.WIRE_CKPT_END:
            _forget(pvmd, plan.root)
            return MoveReply(number, 0, job_directory(body.directory, plan.root))
        if body.every:
            _watch(pvmd, plan, body)
        return MoveReply(number)
    except NotMovedError as error:
        return MoveReply(error.code, error.reason, f"{error}")
    except HostFailed as error:
        return MoveReply(c.PvmHostFail, c.WIRE_WHY_LOST, f"{error}")


# ---- every so often ------------------------------------------------------------------------


def _watch(pvmd: Pvmd, plan: Plan, order: CheckpointOrder) -> None:
    """Write a job every so often from now on; what was said of it before is over."""
    _forget(pvmd, plan.root)
    watch = Watches.of(pvmd).jobs[plan.root] = Watch(plan.root, order, set(), set())
    _written(pvmd, watch, plan.tids)
    watch.work = pvmd.background(_write_often(pvmd, watch))


def _forget(pvmd: Pvmd, root: int) -> None:
    watch = Watches.of(pvmd).jobs.pop(root, None)
    if watch is not None and watch.work is not None:
        watch.work.cancel()


def _written(pvmd: Pvmd, watch: Watch, tids: list[int]) -> None:
    """There is a checkpoint of these tasks: this daemon is to learn of their ends.

    Some may have ended since they were stopped for it.
    """
    watch.tids = set(tids)
    watch.alive = {tid for tid in tids if tid not in watch.gone and _may_run(pvmd, tid)}
    for tid in watch.alive:
        if not pvmd.owns(tid):
            Notices.of(pvmd).watch(pvmd, tid)


def _may_run(pvmd: Pvmd, tid: int) -> bool:
    """Whether a task is here, or may be elsewhere."""
    if pvmd.owns(tid):
        return pvmd.tasks.get(tid) is not None
    return pvmd.hosts.get(tid) is not None


async def _write_often(pvmd: Pvmd, watch: Watch) -> None:
    """Write checkpoints as long as the job lasts."""
    while watch.alive:
        await asyncio.sleep(watch.order.every)
        watch.order.tids = sorted(watch.alive)
        if not watch.alive:
            break
        watch.gone.clear()
        try:
            _, plan = await checkpointing.write(pvmd, watch.order)
            _written(pvmd, watch, plan.tids)
        except (NotMovedError, HostFailed) as error:
            pvmd.log(f"no checkpoint of job t{watch.root:x}: {error}")
    pvmd.log(f"job t{watch.root:x} has ended")
    Watches.of(pvmd).jobs.pop(watch.root, None)


# ---- recovery ------------------------------------------------------------------------------


async def _recover(pvmd: Pvmd, watch: Watch) -> None:
    """End what is left of a job, and start its last checkpoint."""
    begun = pvmd.loop.time()
    tids: list[int] = []
    while not tids:
        try:
            tids = await _start_last(pvmd, watch)
        except HostFailed as error:
            pvmd.log(f"job t{watch.root:x}: {error}, tried again")
            await asyncio.sleep(_LOOK)
        except (NotMovedError, VaultError) as error:
            pvmd.log(f"job t{watch.root:x} cannot be recovered: {error}")
            Watches.of(pvmd).jobs.pop(watch.root, None)
            return
    watch.recovering = False
    _written(pvmd, watch, tids)
    pvmd.log(f"job t{watch.root:x} goes on after {pvmd.loop.time() - begun:.2f} s")
    watch.work = pvmd.background(_write_often(pvmd, watch))


async def _start_last(pvmd: Pvmd, watch: Watch) -> list[int]:
    """The tids of the last checkpoint, which runs. Raises NotMovedError, HostFailed, VaultError."""
    while watch.root in Checkpoints.of(pvmd).going:
        await asyncio.sleep(_LOOK)
    await _end_rest(pvmd, watch)
    watch.gone.clear()
    job = job_directory(watch.order.directory, watch.root)
    order = RestartOrder(job, 0, -1, 0, 0, [])
    return await restarting.start(pvmd, await restarting.read(pvmd, job, 0), order)


async def _end_rest(pvmd: Pvmd, watch: Watch) -> None:
    """End all tasks of a job. Raises NotMovedError, HostFailed."""
    until = pvmd.loop.time() + _KILL_SECONDS
    while pvmd.loop.time() < until:
        listed = await checkpointing.members(pvmd)
        left = [
            one.tid
            for _, found in listed
            for one in found.members
            if one.tid in watch.tids or one.job == watch.root
        ]
        if not left:
            return
        for tid in left:
            _kill(pvmd, tid)
        await asyncio.sleep(_LOOK)
    raise NotMovedError(c.PvmBusy, c.WIRE_WHY_SLOW, "its tasks do not end")


def _kill(pvmd: Pvmd, tid: int) -> None:
    task = pvmd.tasks.get(tid)
    if task is not None:
        signal_task(pvmd, task, signal.SIGKILL)
    else:
        pvmd.peers.send(tid, c.DM_SENDSIG, SignalRequest(tid, signal.SIGKILL))


@on(HOST_LOST)
def host_lost(pvmd: Pvmd, host: int) -> None:
    """A host is gone: jobs that had tasks there go on from their last checkpoints."""
    now = pvmd.loop.time()
    for watch in list(Watches.of(pvmd).jobs.values()):
        if not any(pvmd.place(tid) == host for tid in watch.alive):
            continue
        watch.failures = [at for at in watch.failures if now - at < watch.order.every] + [now]
        if len(watch.failures) > _FAILURES_MAX:
            pvmd.log(f"job t{watch.root:x} is given up: {len(watch.failures)} losses are too many")
            _forget(pvmd, watch.root)
        elif not watch.recovering:
            watch.recovering = True
            if watch.work is not None:
                watch.work.cancel()
            watch.work = pvmd.background(_recover(pvmd, watch))


@on(TASK_GONE)
def task_gone(pvmd: Pvmd, tid: int, _task: Task | None) -> None:
    """A task has ended by itself: nothing has to be done about it."""
    for watch in Watches.of(pvmd).jobs.values():
        watch.gone.add(tid)
        if not watch.recovering:
            watch.alive.discard(tid)


@on(END)
def end(pvmd: Pvmd) -> None:
    """The daemon ends: nothing is written any more."""
    for root in list(Watches.of(pvmd).jobs):
        _forget(pvmd, root)
