# SPDX-License-Identifier: MIT
"""Tasks that are stopped for a while: by hand, or by the resource manager."""

from __future__ import annotations

import signal
from collections.abc import Coroutine

from pvm3py.wire import constants as c
from pvm3py.wire.moves import HoldTasks, TaskHold
from pvm3py.wire.task import Status

from ..core import Pvmd
from ..dispatch import Request, handles, only
from ..state.errors import Refused
from ..state.task import HELD_BY_HAND, HELD_BY_MANAGER, Task, is_task
from . import tracing
from .placing import can_move
from .roles import Registry
from .tasks import elsewhere, signal_task


def hold(pvmd: Pvmd, task: Task, by: int, on: bool) -> None:
    """Stop a task for one of HELD_, or let it go on if nobody else has stopped it."""
    before = task.held
    task.held = before | by if on else before & ~by
    if bool(before) == bool(task.held):
        return
    tracing.task_told(pvmd, task, "is stopped" if on else "goes on")
    if not on and task.unborn is not None and signal.SIGSTOP in task.unborn:
        task.unborn.remove(signal.SIGSTOP)
    elif task.frozen is None:
        signal_task(pvmd, task, signal.SIGSTOP if on else signal.SIGCONT)


def settle(pvmd: Pvmd, task: Task) -> None:
    """A task is to go on after a move, or after one that is off: not if it is held."""
    if task.held:
        signal_task(pvmd, task, signal.SIGSTOP)


@handles(c.TM_HOLDTASK, TaskHold)
def hold_task(
    pvmd: Pvmd, _request: Request, body: TaskHold
) -> Status | Coroutine[None, None, Status]:
    """Stop a task of any host by hand, or let it go on."""
    if not is_task(body.tid) or body.on not in (0, 1):
        return Status(c.PvmBadParam)
    if pvmd.owns(body.tid):
        return _hold_here(pvmd, body)
    host = pvmd.hosts.get(body.tid)
    if host is None:
        return Status(c.PvmNoTask)
    if not can_move(pvmd, host.tid):
        return Status(c.PvmNotImpl)
    return pvmd.peers.request(host.tid, c.DM_HOLDTASK, body, Status)


@handles(c.DM_HOLDTASK, TaskHold, hosts=True, reply_tag=c.DM_HOLDTASKACK)
def dm_hold_task(
    pvmd: Pvmd, _request: Request, body: TaskHold
) -> Status | Coroutine[None, None, Status]:
    """The same, asked for by a task of another host."""
    if elsewhere(pvmd, body.tid):
        return pvmd.peers.request(body.tid, c.DM_HOLDTASK, body, Status)
    return _hold_here(pvmd, body)


def _hold_here(pvmd: Pvmd, body: TaskHold) -> Status:
    task = pvmd.tasks.get(body.tid)
    if task is None:
        return Status(c.PvmNoTask)
    if not task.runs() and task.unborn is None:
        raise Refused(c.PvmBusy, f"the process of t{task.tid:x} is not known")
    hold(pvmd, task, HELD_BY_HAND, bool(body.on))
    return Status(0)


@handles(c.SM_HOLDTASK, HoldTasks, reply=False, system=True)
def sm_hold_task(pvmd: Pvmd, request: Request, body: HoldTasks) -> None:
    """The resource manager stops tasks of this host, or lets them go on."""
    only(Registry.of(pvmd).sched, request)
    for tid in body.tids:
        task = pvmd.tasks.get(tid)
        if task is not None:
            hold(pvmd, task, HELD_BY_MANAGER, bool(body.on))
