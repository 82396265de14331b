# SPDX-License-Identifier: MIT
"""Tasks leave this host before it is deleted, as far as they can."""

from __future__ import annotations

import asyncio
from collections.abc import Container

from pvm3py.wire import constants as c
from pvm3py.wire.moves import Evacuate
from pvm3py.wire.task import Empty, Status

from ..core import Pvmd, Table
from ..dispatch import Request, handles
from ..state.errors import HostFailed
from ..state.hosts import Host
from ..state.moves import NotMovedError
from ..state.task import Task
from . import migration, movable
from .placing import Moves, able, shares_fate

# Tasks that were started meanwhile are looked for so many times.
_TURNS = 3
# Seconds between two looks whether a task has moved that somebody else moves.
_LOOK = 0.01
# Reasons for which another goal may do.
_OF_GOAL = (
    *(c.WIRE_WHY_MACHINE, c.WIRE_WHY_RESTART, c.WIRE_WHY_FULL),
    *(c.WIRE_WHY_LOST, c.WIRE_WHY_OWNER),
)


class _Evacuation(Table):
    """What is being done; None: nothing."""

    def __init__(self) -> None:
        self.work: asyncio.Task[None] | None = None


@handles(c.DM_EVACUATE, Evacuate, hosts=True, reply_tag=c.DM_EVACUATEACK)
def evacuate(pvmd: Pvmd, _request: Request, body: Evacuate) -> Status:
    """Begin to move all tasks to hosts that are not listed; answer how many may move."""
    goals = goals_but(pvmd, body.but)
    count = len(_movable(pvmd, set())) if goals else 0
    if count:
        _Evacuation.of(pvmd).work = pvmd.background(leave(pvmd, goals))
    return Status(count)


@handles(c.DM_EVACUATED, hosts=True, reply_tag=c.DM_EVACUATEDACK)
async def evacuated(pvmd: Pvmd, _request: Request, _body: Empty) -> Status:
    """Answer when what can move has moved."""
    work = _Evacuation.of(pvmd).work
    if work is not None:
        await asyncio.wait({work})
    return Status(0)


def _movable(pvmd: Pvmd, tried: set[int]) -> list[Task]:
    """Tasks of this host that may move, and have not been tried; the smallest first."""
    found = []
    for task in pvmd.tasks:
        try:
            if task.tid not in tried and not shares_fate(pvmd, task.tid, pvmd.hosts.own.tid):
                movable.check(pvmd, task)
                found.append(task)
        except NotMovedError:
            continue
    return sorted(found, key=movable.size)


def goals_but(pvmd: Pvmd, but: Container[int]) -> list[Host]:
    """The other hosts to which tasks may move, but some."""
    return [host for host in able(pvmd) if host.tid not in but]


async def leave(pvmd: Pvmd, goals: list[Host]) -> None:
    """Move all tasks that can move to some hosts, one after the other, the smallest first."""
    tried: set[int] = set()
    for _ in range(_TURNS):
        for task in _movable(pvmd, tried):
            tried.add(task.tid)
            if await _move_away(pvmd, task, goals):
                goals.append(goals.pop(0))


async def _move_away(pvmd: Pvmd, task: Task, goals: list[Host]) -> bool:
    """Move a task to the first goal that takes it. False: it stays, or has ended."""
    while task.tid in Moves.of(pvmd).departures:
        await asyncio.sleep(_LOOK)
    for goal in list(goals):
        if pvmd.tasks.get(task.tid) is not task or pvmd.hosts.get(goal.tid) is not goal:
            continue
        try:
            await migration.move(pvmd, task, goal)
        except NotMovedError as error:
            pvmd.log(f"t{task.tid:x} does not leave for {goal.name}: {error}")
            if error.reason not in _OF_GOAL:
                return False
        except HostFailed:
            continue
        else:
            return True
    return False
