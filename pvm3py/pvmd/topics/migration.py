# SPDX-License-Identifier: MIT
"""Moving a task of this host to another one: the part of the origin's daemon, which decides.

In this order: the goal's daemon expects the task; all others hold what their tasks send to it; the
task stops, and sends its image to the goal; what it has sent before has arrived everywhere; the
image is complete. Then the task is the goal's. Until then the move can be off, and the task goes
on here. docs/architecture.md says why no message is lost or overtaken, and what is done when a host
is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable
from typing import Any, TypeVar

from pvm3py.wire import constants as c
from pvm3py.wire.moves import (
    Freeze,
    Frozen,
    HoldOrder,
    Placed,
    Ready,
    Reserve,
    Reserved,
    Round,
    Thaw,
)
from pvm3py.wire.task import Status

from ..core import Pvmd
from ..dispatch import Request, handles
from ..io.switch import frame
from ..occasions import END, HOST_LOST, HOSTS_ANNOUNCED, TASK_GONE, on
from ..state.errors import HostFailed, Refused
from ..state.hosts import Host
from ..state.moves import Departure, NotMovedError, not_now
from ..state.task import Task
from . import awaited, belongings, claims, faults, holding, leaving, managing, movable, placing
from .addhost import Addition
from .placing import Moves, host_of
from .tasks import signal_task

Result = TypeVar("Result")

# Seconds that all hosts have to hold what is sent to the task: a task of theirs may have stopped in
# the middle of a multicast. And those that the task has to stop.
_HOLD_SECONDS = 10.0
_FREEZE_SECONDS = 2.0
# Most rounds of a live move, and kilobytes after which the task stops for the rest.
_ROUNDS_MAX = 7
_LITTLE = 1024
# Seconds that what a task waits for may take before it is stopped; then it is answered elsewhere.
_QUICK_SECONDS = 0.05


# ---- a move --------------------------------------------------------------------------------


async def move(pvmd: Pvmd, task: Task, goal: Host, *, live: bool = False) -> None:
    """Move a task of this host to another one. Raises NotMovedError, HostFailed.

    live: it runs while its memory is sent.
    Who calls this may be what the task waits for, and may be cancelled: the move goes on.
    """
    departure = _begin(pvmd, task, goal)
    departure.live = live
    placing.watch(pvmd, departure.goal, 1)
    work = pvmd.background(_move(pvmd, departure, asyncio.current_task()))
    work.add_done_callback(lambda _: placing.watch(pvmd, departure.goal, -1))
    work.add_done_callback(placing.unneeded)
    await asyncio.shield(work)


def _begin(pvmd: Pvmd, task: Task, goal: Host) -> Departure:
    """A move begins, if nothing is against it that can be seen here. Raises NotMovedError."""
    moves, places = Moves.of(pvmd), pvmd.hosts.places
    if task.tid in moves.departures:
        raise NotMovedError(c.PvmAlready, 0, "it is being moved")
    if task.tid in moves.stops:
        raise not_now(c.WIRE_WHY_SLOW, "its image is being made")
    movable.check(pvmd, task)
    movable.check_goal(pvmd, goal)
    if Addition.of(pvmd).lost is not None or pvmd.hosts.pending:
        raise not_now(c.WIRE_WHY_HOSTS)
    made = pvmd.loop.create_future
    departure = Departure(task, places.next_epoch(), goal.tid, made(), made(), made())
    departure.off.add_done_callback(placing.unneeded)
    departure.began = pvmd.loop.time()
    departure.kilobytes = movable.size(task) >> 10
    places.begin(task.tid, departure.epoch)
    moves.departures[task.tid] = departure
    return departure


async def _move(pvmd: Pvmd, departure: Departure, asker: asyncio.Task[object] | None) -> None:
    """Move a task. Raises NotMovedError, HostFailed."""
    task = departure.task
    try:
        try:
            reserved = await _reserve(pvmd, departure)
            if departure.live:
                await _send_rounds(pvmd, departure, reserved)
            await _hold(pvmd, departure, asker)
            await _freeze(pvmd, departure, reserved)
            await _flush(departure)
            await _tell_goal(pvmd, departure)
            await _until(departure, departure.ready)
            await _flush(departure)
        except Exception as error:
            pvmd.log(f"t{task.tid:x} stays: {error}")
            await _abort(pvmd, departure)
            raise
        gone = _commit(pvmd, departure)
    finally:
        del Moves.of(pvmd).departures[task.tid]
    code = Status.decode(await gone).code
    if code:
        raise NotMovedError(code, 0, "the task has been lost")
    managing.moved(pvmd, departure)


async def _until(
    departure: Departure, what: Awaitable[Result], seconds: float | None = None
) -> Result:
    """What a future brings, unless the move is off before, or it takes longer than so long."""
    future = asyncio.ensure_future(what)
    future.add_done_callback(placing.unneeded)
    both: set[asyncio.Future[Any]] = {future, departure.off}
    await asyncio.wait(both, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    if departure.off.done():
        departure.off.result()
    if not future.done():
        raise not_now(c.WIRE_WHY_SLOW, f"{seconds:g} s")
    return future.result()


async def _reserve(pvmd: Pvmd, departure: Departure) -> Reserved:
    """The goal expects the task."""
    task = departure.task
    faults.at(pvmd, "reserve")
    order = Reserve(
        *(task.tid, departure.epoch, 0, int(task.pipe is not None), traits(pvmd)),
        live=int(departure.live),
    )
    departure.asked.append(departure.goal)
    goal = pvmd.hosts.get(c.TIDPVMD | departure.goal)
    if goal is None:
        raise NotMovedError(c.PvmHostFail, c.WIRE_WHY_LOST)
    return await _until(departure, reserve(pvmd, goal, order), _HOLD_SECONDS)


async def _send_rounds(pvmd: Pvmd, departure: Departure, reserved: Reserved) -> None:
    """The task's memory goes to the goal while it runs, again and again what it has changed.

    That ends when little was left, or not much less than before. If the task cannot do it, it moves
    as always.
    """
    before = 0
    for _ in range(_ROUNDS_MAX):
        departure.begun, departure.brought = (
            pvmd.loop.create_future(),
            pvmd.loop.create_future(),
        )
        faults.at(pvmd, "round")
        _order(pvmd, departure, reserved, c.WIRE_FREEZE_ROUND)
        try:
            await _until(departure, departure.begun, _FREEZE_SECONDS)
        except NotMovedError as error:
            if departure.off.done() or not departure.begun.done():
                raise
            pvmd.log(f"t{departure.task.tid:x} does not run while it is moved: {error}")
            return
        size = await _until(departure, departure.brought)
        pvmd.log(f"t{departure.task.tid:x} has sent {size} KiB to host {departure.goal:x}")
        if size <= _LITTLE or (before and size > before / 2):
            return
        before = size


async def _hold(pvmd: Pvmd, departure: Departure, asker: asyncio.Task[object] | None) -> None:
    """Everybody holds what is sent to the task."""
    task = departure.task
    goal = departure.goal
    others = [host.tid for host in placing.able(pvmd) if departure.live or host.tid != goal]
    departure.asked += [host for host in others if host != goal]
    faults.at(pvmd, "hold")
    holding = [placing.ask(pvmd, host, c.DM_MOVE_HOLD, departure) for host in others]
    if holding:
        await _until(departure, asyncio.wait(holding), _HOLD_SECONDS)
        _check_answers(holding)
    waits = set(task.waits or ()) - {asker}
    if waits:
        await _until(departure, asyncio.wait(waits, timeout=_QUICK_SECONDS))


def traits(pvmd: Pvmd) -> str:
    """What has to be the same at a goal."""
    return movable.Machine.of(pvmd).traits


async def reserve(pvmd: Pvmd, goal: Host, order: Reserve) -> Reserved:
    """Ask the goal. Raises NotMovedError, HostFailed."""
    try:
        reserved = await pvmd.peers.request(goal.tid, c.DM_MOVE_RESERVE, order, Reserved)
    except Refused as refused:
        raise not_now(c.WIRE_WHY_FULL, f"{refused}") from refused
    if reserved.code:
        raise told(reserved.code, reserved.reason, reserved.text)
    return reserved


def told(code: int, reason: int, text: str) -> NotMovedError:
    """The refusal of another party, in its words."""
    error = NotMovedError(code, 0, text)
    error.reason = reason
    return error


def _check_answers(answers: list[asyncio.Future[bytes]]) -> None:
    """Raises NotMovedError if a host cannot do its part; one that is lost need not."""
    for answer in answers:
        if answer.exception() is None and Status.decode(answer.result()).code:
            raise not_now(c.WIRE_WHY_FULL, "a host cannot keep its messages")


async def _freeze(pvmd: Pvmd, departure: Departure, reserved: Reserved) -> None:
    """Stop the task, and have all hosts say that what it has sent has come."""
    task = departure.task
    try:
        order = HoldOrder(task.tid, departure.epoch, departure.goal)
        kept = placing.hold(pvmd, order, pvmd.hosts.own.tid)
    except Refused as refused:
        raise NotMovedError(c.PvmNoTask, 0, "it has ended") from refused
    departure.held = True
    await _until(departure, kept.done, _HOLD_SECONDS)
    if task.pipe is not None:
        task.pipe.halt(True)
    faults.at(pvmd, "freeze")
    _order_freeze(pvmd, departure, reserved)
    await _until(departure, departure.frozen, _FREEZE_SECONDS)
    faults.at(pvmd, "frozen")
    for host in placing.able(pvmd):
        Moves.of(pvmd).flush(pvmd, departure, host.tid)


def _order_freeze(pvmd: Pvmd, departure: Departure, reserved: Reserved) -> None:
    """The task stops, and is the goal's if nothing comes between."""
    departure.task.frozen = []
    departure.ordered = True
    departure.stopped = pvmd.loop.time()
    _order(pvmd, departure, reserved, 0)


def _order(pvmd: Pvmd, departure: Departure, reserved: Reserved, flags: int) -> None:
    """The signal comes first: then the task knows what the message means."""
    task = departure.task
    assert task.announced is not None
    with contextlib.suppress(ProcessLookupError):
        os.kill(task.pid, task.announced.signal or 0)
        if task.held:
            os.kill(task.pid, signal.SIGCONT)
    order = Freeze(departure.epoch, flags, reserved.address, reserved.token)
    say(pvmd, task, c.TM_FREEZE, order.encode())


def say(pvmd: Pvmd, task: Task, tag: int, body: bytes) -> None:
    """A message on a task's connection, whatever is held."""
    if task.conn is not None:
        message = frame(task.tid, c.TIDPVMD, tag, c.SYSCTX_TM, 0, body)
        pvmd.switch.send_conn(task.conn, message)


async def _flush(departure: Departure) -> None:
    """Wait until all that the task has sent has come."""
    while departure.flushing:
        await _until(departure, asyncio.wait(set(departure.flushing)))


async def _tell_goal(pvmd: Pvmd, departure: Departure) -> None:
    """The goal may go on alone from now on, if this host is lost."""
    faults.at(pvmd, "flushed")
    departure.told = True
    goal, order = (
        c.TIDPVMD | departure.goal,
        belongings.pack(pvmd, departure.task, departure.epoch, take=False),
    )
    await _until(departure, pvmd.peers.request(goal, c.DM_MOVE_FLUSHED, order, Status))
    faults.at(pvmd, "ready")


async def _abort(pvmd: Pvmd, departure: Departure) -> None:
    """The task goes on here, as soon as it is certain that it does not at the goal."""
    tid, epoch, own = departure.task.tid, departure.epoch, pvmd.hosts.own.tid
    stays = await _stays(pvmd, departure)
    if pvmd.tasks.get(tid) is not departure.task:
        return
    if not stays:
        _give_up(pvmd, departure)
        return
    pvmd.hosts.places.moved(tid, own, epoch)
    for host in departure.asked[1:]:
        if pvmd.hosts.get(host) is not None:
            pvmd.peers.send(host, c.DM_PLACE, Placed(tid, epoch, own))
    _thaw(pvmd, departure)


async def _stays(pvmd: Pvmd, departure: Departure) -> bool:
    """Whether the goal will not have the task run."""
    for host in departure.asked[:1]:
        try:
            await placing.ask(pvmd, host, c.DM_MOVE_ABORT, departure)
        except HostFailed:
            told = departure.told
            return not told or await claims.claim(pvmd, departure.task.tid, departure.epoch)
    return True


def _give_up(pvmd: Pvmd, departure: Departure) -> None:
    """The task runs at the goal, which is lost to this host: for that it has ended."""
    tid = departure.task.tid
    _kill(departure.task)
    belongings.pack(pvmd, departure.task, departure.epoch, take=True)
    conn = _remove(pvmd, departure.task)
    pvmd.hosts.places.moved(tid, departure.goal, departure.epoch)
    TASK_GONE.tell(pvmd, tid, None)
    pvmd.switch.close_conn(conn, flush=False)
    leaving.remove_files(pvmd, departure.task)


def _kill(task: Task) -> None:
    if task.runs():
        with contextlib.suppress(ProcessLookupError):
            os.kill(task.pid, signal.SIGKILL)


def _remove(pvmd: Pvmd, task: Task) -> int:
    """The task is none of this host; its connection, which is to be closed."""
    assert task.conn is not None
    pvmd.tasks.remove(task)
    pvmd.connections[task.conn].task = None
    return task.conn


def _thaw(pvmd: Pvmd, departure: Departure) -> None:
    """What was held follows on the old connection; behind it the task is told to go on."""
    task = departure.task
    placing.release(pvmd, task.tid)
    if departure.held:
        with contextlib.suppress(OSError):
            pvmd.switch.thaw_task(task.tid)
    if departure.ordered and not departure.refused:
        say(pvmd, task, c.TM_THAW, Thaw(departure.epoch).encode())
    elif departure.begun is not None and not departure.ordered:
        _order(
            pvmd, departure, Reserved(0, 0, "", "0.0.0.0:0", "0" * c.WIRE_TOKEN), c.WIRE_FREEZE_OFF
        )
    if task.pipe is not None:
        task.pipe.halt(False)
    signals, task.frozen = task.frozen, None
    for signum in signals or ():
        signal_task(pvmd, task, signum)
    holding.settle(pvmd, task)


def _commit(pvmd: Pvmd, departure: Departure) -> asyncio.Future[bytes]:
    """The task is the goal's from now on; its answer to that."""
    task, tid, goal = departure.task, departure.task.tid, c.TIDPVMD | departure.goal
    faults.at(pvmd, "commit")
    _kill(task)
    order = belongings.pack(pvmd, task, departure.epoch, take=True)
    conn = _remove(pvmd, task)
    pvmd.hosts.places.moved(tid, departure.goal, departure.epoch)
    pvmd.switch.hand_over(tid, goal)
    placing.placed(pvmd, tid, departure.goal)
    pvmd.switch.close_conn(conn, flush=False)
    placing.tell_all(pvmd, Placed(tid, departure.epoch, departure.goal), but=departure.goal)
    faults.at(pvmd, "placed")
    awaited.Left.of(pvmd).add(tid, task.waits)
    leaving.remove_files(pvmd, task)
    pvmd.log(f"t{tid:x} has moved to host {departure.goal:x}")
    answer = pvmd.peers.ask(goal, c.DM_MOVE_GO, order)
    faults.at(pvmd, "gone")
    return answer


# ---- what others say -----------------------------------------------------------------------


@handles(c.TM_FROZEN, Frozen, reply=False)
def frozen(pvmd: Pvmd, request: Request, body: Frozen) -> None:
    """A task has stopped, or does not."""
    moves = Moves.of(pvmd)
    stop = moves.departures.get(request.src) or moves.stops.get(request.src)
    if stop is None or stop.epoch != body.epoch or stop.frozen.done():
        return
    if isinstance(stop, Departure) and not stop.ordered:
        _round_begun(stop, body)
        return
    if body.code:
        stop.refused = True
        stop.fail(told(body.code, body.reason, body.text))
    else:
        stop.frozen.set_result(None)


def _round_begun(departure: Departure, body: Frozen) -> None:
    begun = departure.begun
    if begun is None or begun.done():
        return
    if body.code:
        begun.set_exception(told(body.code, body.reason, body.text))
    else:
        begun.set_result(None)


@handles(c.DM_MOVE_ROUND, Round, hosts=True, reply=False)
def round_brought(pvmd: Pvmd, request: Request, body: Round) -> None:
    """What a task has sent while it ran is at the goal."""
    departure = Moves.of(pvmd).departures.get(body.tid)
    if departure is None or (departure.epoch, departure.goal) != (body.epoch, host_of(request)):
        return
    if departure.brought is not None and not departure.brought.done():
        departure.brought.set_result(body.kilobytes)


@handles(c.DM_MOVE_READY, Ready, hosts=True, reply=False)
def ready(pvmd: Pvmd, request: Request, body: Ready) -> None:
    """The task can run at the goal, or cannot."""
    departure = Moves.of(pvmd).departures.get(body.tid)
    if departure is None or (departure.epoch, departure.goal) != (body.epoch, host_of(request)):
        return
    if body.code:
        departure.fail(told(body.code, body.reason, body.text))
    elif not departure.ready.done():
        departure.ready.set_result(None)


@on(HOST_LOST)
def host_lost(pvmd: Pvmd, host: int) -> None:
    """A host is gone: nothing moves there."""
    for departure in Moves.of(pvmd).departures.values():
        if departure.goal == host:
            departure.fail(NotMovedError(c.PvmHostFail, c.WIRE_WHY_LOST))


@on(HOSTS_ANNOUNCED)
def hosts_announced(pvmd: Pvmd) -> None:
    """New hosts do not hold anything: what moves stays for now."""
    for departure in Moves.of(pvmd).departures.values():
        departure.fail(not_now(c.WIRE_WHY_HOSTS))


@on(END)
def end(pvmd: Pvmd) -> None:
    """The daemon ends: tasks that were about to move get its signals, unless goals may run them."""
    for departure in Moves.of(pvmd).departures.values():
        if departure.told and not pvmd.hosts.is_master:
            _kill(departure.task)
        else:
            _thaw(pvmd, departure)
