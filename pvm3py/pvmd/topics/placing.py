# SPDX-License-Identifier: MIT
"""What every daemon does about tasks that move, be they of its host or not.

The daemon where a task runs asks all others to hold what their tasks send to it (DM_MOVE_HOLD), to
say that what it has sent has come (DM_MOVE_FLUSH), and tells where it is in the end (DM_PLACE). A
task that has ever moved may be known anywhere, so its end is told to all.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Coroutine
from typing import Any

from pvm3py.places import birth_host
from pvm3py.wire import constants as c
from pvm3py.wire.moves import HoldOrder, MoveWord, Placed
from pvm3py.wire.task import Status

from ..core import Pvmd, Table
from ..dispatch import Request, handles
from ..occasions import HOST_LOST, TASK_GONE, Step, on
from ..state.errors import HostFailed, Refused
from ..state.events import HeldEvent
from ..state.hosts import Host
from ..state.moves import Arrival, Departure, Hold, NotMovedError, Stop
from ..state.task import Task, is_task
from . import faults, network
from .output import Collectors
from .tasks import signal_task


class Moves(Table):
    """What is going on: moves of tasks of this host, of tasks that come, and what is held.

    stops: tasks of this host whose images are made for files; watched: moves by the other hosts.
    """

    def __init__(self) -> None:
        self.departures: dict[int, Departure] = {}
        self.stops: dict[int, Stop] = {}
        self.arrivals: dict[int, Arrival] = {}
        self.holds: dict[int, Hold] = {}
        self.watched: dict[int, int] = {}

    def flush(self, pvmd: Pvmd, departure: Departure, host: int) -> None:
        """Have a host say when all has come there that a frozen task has sent."""
        answer = ask(pvmd, host, c.DM_MOVE_FLUSH, departure)
        departure.flushing.add(answer)
        answer.add_done_callback(departure.flushing.discard)


def watch(pvmd: Pvmd, host: int, more: int) -> None:
    """So many moves more have another host as their goal or origin: notice if that is silent."""
    watched = Moves.of(pvmd).watched
    before = watched.get(host, 0)
    watched[host] = before + more
    if not watched[host]:
        del watched[host]
    if bool(before) != bool(before + more) and not pvmd.stopped.done():
        network.watch(pvmd, host, bool(before + more))


def unneeded(future: asyncio.Future[Any]) -> None:
    """As a callback of a future: it is no mistake if nobody takes its exception."""
    if not future.cancelled():
        future.exception()


def ask(pvmd: Pvmd, host: int, tag: int, departure: Departure) -> asyncio.Future[bytes]:
    """Send a request that names a move to another daemon; nobody may need the answer."""
    tid, epoch = departure.task.tid, departure.epoch
    holds = tag == c.DM_MOVE_HOLD
    body = HoldOrder(tid, epoch, departure.goal) if holds else MoveWord(tid, epoch)
    answer = pvmd.peers.ask(host, tag, body)
    answer.add_done_callback(unneeded)
    return answer


def can_move(pvmd: Pvmd, host: int) -> bool:
    """Whether the daemon of a host knows that tasks move."""
    return bool(pvmd.hosts.capabilities(host) & c.WIRE_DAEMON_CAN_MOVE)


def able(pvmd: Pvmd) -> list[Host]:
    """The other hosts of which that is so."""
    return [host for host in pvmd.hosts.others() if can_move(pvmd, host.tid)]


# ---- holding -------------------------------------------------------------------------------


def hold(pvmd: Pvmd, order: HoldOrder, by: int) -> Hold:
    """Keep what is sent to a task from now on. Refused: that is not possible."""
    tid, moves = order.tid, Moves.of(pvmd)
    known = moves.holds.get(tid)
    if known is not None and not known.done.done():
        known.done.set_result(None)
    done = pvmd.loop.create_future()
    kept = moves.holds[tid] = Hold(tid, order.epoch, by, order.goal, done)
    try:
        pvmd.switch.hold_task(tid)
    except OSError as error:
        del moves.holds[tid]
        raise Refused(c.PvmNoTask, f"{error}") from error
    return kept


def held(pvmd: Pvmd, event: HeldEvent) -> None:
    """Nothing more goes the old way to a task."""
    kept = Moves.of(pvmd).holds.get(event.tid)
    if kept is not None and not kept.done.done():
        kept.done.set_result(None)


def release(pvmd: Pvmd, tid: int) -> None:
    """Nothing is held any more; the switch knows."""
    kept = Moves.of(pvmd).holds.pop(tid, None)
    if kept is not None and not kept.done.done():
        kept.done.set_result(None)


def host_of(request: Request) -> int:
    """The host whose daemon asks for something."""
    assert request.host is not None
    return request.host.tid


@handles(c.DM_MOVE_HOLD, HoldOrder, hosts=True, reply_tag=c.DM_MOVE_HOLDACK)
def dm_hold(pvmd: Pvmd, request: Request, body: HoldOrder) -> Coroutine[None, None, Status]:
    """A task may move. What this host's tasks send to it is kept before this is answered."""
    arrival = Moves.of(pvmd).arrivals.get(body.tid)
    if arrival is not None and arrival.epoch == body.epoch:
        pvmd.tasks.coming[body.tid] = arrival.task
    elif not pvmd.hosts.places.begin(body.tid, body.epoch):
        raise Refused(c.PvmBadParam, f"move {body.epoch} of t{body.tid:x} is old")
    kept = hold(pvmd, body, host_of(request))

    async def answer() -> Status:
        await kept.done
        faults.at(pvmd, "held")
        return Status(0)

    return answer()


@handles(c.DM_MOVE_FLUSH, MoveWord, hosts=True, reply_tag=c.DM_MOVE_FLUSHACK)
def dm_flush(_pvmd: Pvmd, _request: Request, _body: MoveWord) -> Status:
    """All that the sender's host has sent before is here."""
    return Status(0)


# ---- places --------------------------------------------------------------------------------


def tell_all(pvmd: Pvmd, news: Placed, *, but: int = 0) -> None:
    """Tell all other daemons that know of moves where a task is; not the host `but`."""
    for host in able(pvmd):
        if host.tid != but:
            pvmd.peers.send(host.tid, c.DM_PLACE, news)


def introduce(pvmd: Pvmd, host: Host) -> None:
    """Tell a new host where all tasks are that have moved."""
    for tid, place, epoch in pvmd.hosts.places if can_move(pvmd, host.tid) else ():
        pvmd.peers.send(host.tid, c.DM_PLACE, Placed(tid, epoch, place))


def placed(pvmd: Pvmd, tid: int, host: int) -> None:
    """A task is at another host: what is held here goes there.

    Tasks of this host that are frozen may have sent that: it has come when that host says so.
    """
    release(pvmd, tid)
    pvmd.switch.place_task(tid, c.TIDPVMD | host)
    # What waits for room in the queue that it had here looks at the other host's.
    Collectors.of(pvmd).drained(tid)
    moves = Moves.of(pvmd)
    for departure in moves.departures.values():
        if departure.frozen.done() and departure.task.tid != tid:
            moves.flush(pvmd, departure, host)


@handles(c.DM_PLACE, Placed, hosts=True, reply=False)
def dm_place(pvmd: Pvmd, _request: Request, body: Placed) -> None:
    """A task is somewhere now, or has ended. Older news change nothing."""
    if not is_task(body.tid) or body.host == pvmd.hosts.own.tid:
        raise Refused(c.PvmBadParam, f"t{body.tid & 0xFFFFFFFF:x} is not here")
    _heed(pvmd, body)


def _heed(pvmd: Pvmd, body: Placed) -> None:
    """News of a task, which is not here."""
    places = pvmd.hosts.places
    if not body.host:
        if places.wanders(body.tid) and body.epoch >= places.epoch(body.tid):
            TASK_GONE.tell(pvmd, body.tid, None)
        return
    going_on = places.moving(body.tid) > body.epoch
    if not places.moved(body.tid, body.host, body.epoch) or going_on:
        return
    if pvmd.hosts.get(c.TIDPVMD | body.host) is None and body.host not in pvmd.hosts.pending:
        TASK_GONE.tell(pvmd, body.tid, None)
    else:
        placed(pvmd, body.tid, body.host)


# ---- ends ----------------------------------------------------------------------------------


@on(TASK_GONE)
def forget(pvmd: Pvmd, tid: int, task: Task | None) -> None:
    """A task is gone. Where it was not, the switch may hold something, or know where it is."""
    if task is None and pvmd.hosts.places.wanders(tid):
        pvmd.switch.forget(tid)


@on(TASK_GONE, Step.MOVES)
def task_gone(pvmd: Pvmd, tid: int, task: Task | None) -> None:
    """A task is gone: all daemons are told if they may know of it, and it does not move."""
    places, moves = pvmd.hosts.places, Moves.of(pvmd)
    if (stop := moves.stops.get(tid)) is not None:
        stop.fail(NotMovedError(c.PvmNoTask, 0, f"t{tid:x}: it has ended"))
    if not places.wanders(tid):
        return
    release(pvmd, tid)
    if task is not None:
        last = max(places.epoch(tid), places.moving(tid))
        tell_all(pvmd, Placed(tid, last, 0))
    departure = moves.departures.get(tid)
    if departure is not None:
        departure.fail(NotMovedError(c.PvmNoTask, 0, "it has ended"))


@on(HOST_LOST)
def follow(pvmd: Pvmd, host: int) -> None:
    """A host is gone. Its tasks that were about to move are at their goals, until those say no."""
    own = pvmd.hosts.own.tid
    for kept in list(Moves.of(pvmd).holds.values()):
        lost = kept.by == host and pvmd.place(kept.tid) == host
        if lost and kept.goal != own and pvmd.hosts.get(kept.goal) is not None:
            pvmd.hosts.places.moved(kept.tid, kept.goal, kept.epoch)
            placed(pvmd, kept.tid, kept.goal)
            pvmd.background(_ask_fate(pvmd, kept))


async def _ask_fate(pvmd: Pvmd, kept: Hold) -> None:
    """Learn where a task is; if its goal is lost, too, it has ended there."""
    with contextlib.suppress(HostFailed, Refused):
        word = MoveWord(kept.tid, kept.epoch)
        news = await pvmd.peers.request(kept.goal, c.DM_MOVE_FATE, word, Placed)
        if news.host != pvmd.hosts.own.tid:
            _heed(pvmd, news)


def shares_fate(pvmd: Pvmd, tid: int, host: int) -> bool:
    """Whether a task ends with this host, wherever it is: hosts of 3.4.6 reach it there alone."""
    others = len(pvmd.hosts.hosts) - 1
    return birth_host(tid) == host and len(able(pvmd)) < others


@on(HOST_LOST)
def share_fate(pvmd: Pvmd, host: int) -> None:
    """A host is gone, and with it tasks that have moved here from there, if others think so."""
    for task in pvmd.tasks:
        if shares_fate(pvmd, task.tid, host):
            pvmd.log(f"t{task.tid:x} ends with its birth host: there are hosts of 3.4.6")
            signal_task(pvmd, task, signal.SIGKILL)


@on(HOST_LOST, Step.MOVES)
def host_lost(pvmd: Pvmd, host: int) -> None:
    """A host is gone: its tasks that were about to move do not."""
    for kept in list(Moves.of(pvmd).holds.values()):
        if kept.by == host and pvmd.place(kept.tid) == host:
            TASK_GONE.tell(pvmd, kept.tid, None)
