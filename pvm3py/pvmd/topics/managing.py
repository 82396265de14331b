# SPDX-License-Identifier: MIT
"""Resource managers that want to know of moves: what they take, what they are asked and told.

A manager says to its own daemon what it takes (SM_WATCH), which tells all others (DM_WATCH). One
that has said nothing gets nothing of this, and daemons move tasks as if there were none.
"""

from __future__ import annotations

import asyncio

from pvm3py.wire import constants as c
from pvm3py.wire.moves import Migrated, MoveOrder, MoveReply, Watched, WatchOrder
from pvm3py.wire.task import Codes

from ..core import Pvmd, Table
from ..dispatch import Request, handles, only
from ..occasions import HOST_LOST, TASK_GONE, on
from ..state.moves import Departure
from ..state.task import HELD_BY_MANAGER, Task
from . import holding, tracing, watching
from .placing import can_move
from .roles import Registry


class Managing(Table):
    """Which manager takes what, WIRE_WATCH_ bits, and what it has been asked."""

    def __init__(self) -> None:
        self.manager = self.what = 0
        self._last = 0
        self.waits: dict[int, asyncio.Future[MoveReply | None]] = {}

    def takes(self, what: int) -> int:
        """The manager, if it takes that; else 0."""
        return self.manager if self.what & what else 0

    def next_wid(self) -> int:
        """A wait id that is not in use."""
        self._last = self._last % 0x7FFFFFFF + 1
        return self._last


@handles(c.SM_WATCH, WatchOrder)
def sm_watch(pvmd: Pvmd, request: Request, body: WatchOrder) -> Codes:
    """The resource manager, a task of this host, says what it takes: who has been told."""
    only(Registry.of(pvmd).sched, request)
    news = Watched(request.src, body.what)
    told = [host.tid for host in pvmd.hosts.others() if can_move(pvmd, host.tid)]
    for host in told:
        pvmd.peers.send(host, c.DM_WATCH, news)
    _watch(pvmd, news)
    return Codes([pvmd.hosts.own.tid, *told])


@handles(c.DM_WATCH, Watched, hosts=True, reply=False)
def dm_watch(pvmd: Pvmd, _request: Request, body: Watched) -> None:
    """A manager of another host has said what it takes."""
    _watch(pvmd, body)


def _watch(pvmd: Pvmd, news: Watched) -> None:
    managing = Managing.of(pvmd)
    if managing.manager != news.manager:
        _give_up(managing)
    managing.manager, managing.what = news.manager, news.what
    watching.report_to(pvmd, managing.takes(c.WIRE_WATCH_HOSTS))


def _give_up(managing: Managing) -> None:
    """The manager answers no more."""
    for wait in managing.waits.values():
        if not wait.done():
            wait.set_result(None)


# ---- moves ---------------------------------------------------------------------------------


async def ask(pvmd: Pvmd, asker: int, order: MoveOrder) -> MoveReply | None:
    """Have the manager move a task for another one; None: it does not, or has ended."""
    managing = Managing.of(pvmd)
    manager = managing.takes(c.WIRE_WATCH_MOVES)
    if manager in (0, asker) or manager != Registry.of(pvmd).sched:
        return None
    name = pvmd.hosts.own.name if order.host == "." else order.host
    wid = managing.next_wid()
    wait: asyncio.Future[MoveReply | None] = pvmd.loop.create_future()
    managing.waits[wid] = wait
    body = MoveOrder(order.tid, name, order.flags).encode()
    pvmd.send(manager, c.SM_MIGRATE, c.BASECONTEXT, body, wid)
    try:
        return await wait
    finally:
        del managing.waits[wid]


@handles(c.SM_MIGRATEACK, MoveReply, reply=False, system=True)
def answered(pvmd: Pvmd, request: Request, body: MoveReply) -> None:
    """What the manager says of a task that another one wants moved."""
    managing = Managing.of(pvmd)
    only(managing.manager, request)
    wait = managing.waits.get(request.wid)
    if wait is not None and not wait.done():
        wait.set_result(body)


def moved(pvmd: Pvmd, departure: Departure) -> None:
    """A task of this host runs at its goal: its tracer and the manager are told."""
    goal = pvmd.hosts.get(departure.goal)
    name = goal.name if goal is not None else f"host {departure.goal:x}"
    tracing.task_told(pvmd, departure.task, f"has moved from {pvmd.hosts.own.name} to {name}")
    manager = Managing.of(pvmd).takes(c.WIRE_WATCH_HOSTS)
    if not manager:
        return
    now = pvmd.loop.time()
    news = Migrated(
        departure.task.tid,
        departure.epoch,
        pvmd.hosts.own.tid,
        departure.goal,
        departure.kilobytes,
        round((now - departure.stopped) * 1000),
        round((now - departure.began) * 1000),
    )
    pvmd.send(manager, c.SM_MIGRATED, c.BASECONTEXT, news.encode())


# ---- ends ----------------------------------------------------------------------------------


@on(TASK_GONE)
def task_gone(pvmd: Pvmd, tid: int, _task: Task | None) -> None:
    """A manager has ended: what it has stopped goes on."""
    if Managing.of(pvmd).manager == tid:
        _forget(pvmd)


@on(HOST_LOST)
def host_lost(pvmd: Pvmd, host: int) -> None:
    """A manager has gone with its host."""
    manager = Managing.of(pvmd).manager
    if manager and pvmd.place(manager) == host:
        _forget(pvmd)


def _forget(pvmd: Pvmd) -> None:
    managing = Managing.of(pvmd)
    _give_up(managing)
    managing.manager = managing.what = 0
    watching.report_to(pvmd, 0)
    for task in pvmd.tasks:
        holding.hold(pvmd, task, HELD_BY_MANAGER, False)
