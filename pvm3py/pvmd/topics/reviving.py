# SPDX-License-Identifier: MIT
"""Tasks are made of images in files: the part of each daemon; restarting.py leads.

All daemons learn where the tasks are to be, and keep what is sent to them. Those that have some
start the restarters, each of which becomes a task, and put in what was under way at the cut. No
task runs before all can.
"""

from __future__ import annotations

import asyncio
import errno
import io
import os
from collections.abc import Coroutine

from pvm3py.vault import image, manifest, messages, store
from pvm3py.vault.store import VaultError
from pvm3py.wire import constants as c
from pvm3py.wire.checkpoints import AwaitOrder, Base, RestartGo, Seat, TaskState
from pvm3py.wire.moves import MoveReply, OpenRequest
from pvm3py.wire.task import Status, TidBody

from ..core import Pvmd, Table
from ..dispatch import Request, handles
from ..io.aside import aside
from ..io.switch import frame
from ..occasions import HOST_LOST, TASK_GONE, on
from ..state.moves import Arrival, NotMovedError, never, not_now
from ..state.plain import Plain
from ..state.task import Task, is_task
from . import arriving, movable, placing
from .placing import Moves

# Images of which hashes are computed at a time.
_HASHES = os.cpu_count() or 1
# Of all messages that were held; a task has a megabyte, and what it had begun.
_QUEUE_MAX = 1 << 30


class Revival(Plain):
    """Tasks that are about to be made of images, as the daemon of host `by` says."""

    by: int
    tids: list[int]


class Revivals(Table):
    """What is being prepared, by epochs; hashing: held as long as an image is hashed."""

    def __init__(self) -> None:
        self.going: dict[int, Revival] = {}
        self.hashing = asyncio.Semaphore(_HASHES)


# ---- preparation ---------------------------------------------------------------------------


@handles(c.DM_RESTART_AWAIT, AwaitOrder, hosts=True, reply_tag=c.DM_RESTART_AWAITACK)
def dm_await(pvmd: Pvmd, request: Request, body: AwaitOrder) -> Coroutine[None, None, MoveReply]:
    """Prepare what the master starts from a checkpoint."""
    return prepare(pvmd, placing.host_of(request), body)


async def prepare(pvmd: Pvmd, by: int, body: AwaitOrder) -> MoveReply:
    """Know where the tasks are to be, and have those of this host ready to run."""
    going = Revivals.of(pvmd).going
    revival = going[body.epoch] = Revival(by, [])
    try:
        mine = [seat for seat in body.seats if pvmd.hosts.own.tid == seat.host]
        if mine:
            movable.check_machine(pvmd, body.machine)
        held = await _held_for(pvmd, body, {seat.tid for seat in mine})
        for seat in body.seats if body.epoch in going else ():
            _expect(pvmd, revival, body, seat)
        pvmd.switch.send_frames(held)
        pvmd.switch.flush()
        arrivals = [Moves.of(pvmd).arrivals.get(seat.tid) for seat in mine]
        works = [
            _revive(pvmd, arrival, body, seat)
            for arrival, seat in zip(arrivals, mine, strict=True)
            if arrival is not None
        ]
        for outcome in await asyncio.gather(*works, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome
    except NotMovedError as error:
        drop(pvmd, body.epoch)
        return MoveReply(error.code, error.reason, f"{error}")
    except (OSError, VaultError) as error:
        drop(pvmd, body.epoch)
        return MoveReply(c.PvmNotMovable, c.WIRE_WHY_CHECKPOINT, f"{error}")
    if body.epoch not in going:
        return MoveReply(c.PvmHostFail, c.WIRE_WHY_LOST, "the restart is off")
    return MoveReply(0)


def _expect(pvmd: Pvmd, revival: Revival, body: AwaitOrder, seat: Seat) -> None:
    """A task is to be there. Raises NotMovedError, OSError."""
    places, own = pvmd.hosts.places, pvmd.hosts.own.tid
    if not is_task(seat.tid) or pvmd.tasks.expected(seat.tid) is not None:
        raise never(c.WIRE_WHY_ALIVE, f"t{seat.tid & 0xFFFFFFFF:x}")
    if not places.moved(seat.tid, seat.host, body.epoch):
        raise not_now(c.WIRE_WHY_SLOW, f"t{seat.tid:x} has just ended")
    revival.tids.append(seat.tid)
    if seat.host != own:
        pvmd.switch.place_task(seat.tid, c.TIDPVMD | seat.host)
        return
    if pvmd.full():
        raise not_now(c.WIRE_WHY_FULL, f"{len(pvmd.tasks)} tasks are there, or the daemon ends")
    pvmd.switch.await_task(seat.tid)
    task = Task(seat.tid, 0, 0, forked=True, unborn=[])
    arrival = Arrival(task, body.epoch, revival.by, "", bool(seat.piped))
    Moves.of(pvmd).arrivals[seat.tid] = arrival
    pvmd.tasks.coming[seat.tid] = task


async def _revive(pvmd: Pvmd, arrival: Arrival, body: AwaitOrder, seat: Seat) -> None:
    """Have the restarter make a task of its image. Raises NotMovedError, OSError, VaultError."""
    path = os.path.join(body.directory, seat.image.name)
    arrival.work = asyncio.current_task()
    size = seat.image.size
    async with Revivals.of(pvmd).hashing:
        seconds = pvmd.settings.disk_seconds(size)
        await aside(seconds, _check, path, seat.tid, body.stamp, size, seat.image.hash)
        for base in seat.bases:
            await _add_base(pvmd, arrival, body, base)
    arrival.image = io.FileIO(store.open_safe(path), "rb")
    arriving.start(pvmd, arrival)
    try:
        await arriving.await_report(pvmd, arrival)
    except NotMovedError as error:
        raise never(error.reason, f"t{seat.tid:x}: {error}") from error


async def _add_base(pvmd: Pvmd, arrival: Arrival, body: AwaitOrder, base: Base) -> None:
    """Check an image on which another one builds, and open it. Raises NotMovedError, VaultError."""
    slot = store.Slot(os.path.dirname(body.directory), base.number)
    path = os.path.join(slot.path, base.file.name)
    seconds = pvmd.settings.disk_seconds(base.file.size)
    with manifest.of_base(store.Slot(slot.job, int(os.path.basename(body.directory)))):
        await aside(seconds, _check_base, slot.path, path, base.file.size, base.file.hash)
        arrival.bases.append(io.FileIO(store.open_safe(path), "rb"))


def _check_base(directory: str, path: str, size: int, expected: str) -> None:
    store.check_directory(directory)
    store.check_file(path, size, expected)


def _check(path: str, tid: int, stamp: int, size: int, expected: str) -> None:
    """Whether a file is the image of this task, as it was written. Raises VaultError."""
    image.check_header(path, tid, stamp)
    store.check_file(path, size, expected)


async def _held_for(pvmd: Pvmd, body: AwaitOrder, mine: set[int]) -> bytes:
    """What was held for tasks of this host: the first that they get. Raises VaultError."""
    frames = []
    for queue in body.queues if mine else ():
        path = os.path.join(body.directory, queue.name)
        if queue.size > _QUEUE_MAX:
            raise VaultError(f"{path}: {os.strerror(errno.EFBIG)}")
        seconds = pvmd.settings.disk_seconds(queue.size)
        held = await aside(seconds, store.read_checked, path, queue.size, queue.hash)
        frames += [fragment for dst, fragment in messages.split(path, held) if dst in mine]
    return b"".join(frames)


# ---- the end -------------------------------------------------------------------------------


@handles(c.DM_RESTART_GO, RestartGo, hosts=True, reply_tag=c.DM_RESTART_GOACK)
def go(pvmd: Pvmd, _request: Request | None, body: RestartGo) -> MoveReply:
    """The tasks that have been prepared run, or none does."""
    revival = Revivals.of(pvmd).going.get(body.epoch)
    if revival is None:
        return MoveReply(c.PvmHostFail, c.WIRE_WHY_LOST, "the restart is off")
    if not body.go:
        drop(pvmd, body.epoch)
        return MoveReply(0)
    del Revivals.of(pvmd).going[body.epoch]
    for state in body.states:
        arrival = Moves.of(pvmd).arrivals.get(state.go.tid)
        if arrival is None or arrival.epoch != body.epoch:
            continue
        state.go.epoch = body.epoch
        _answer(pvmd, state, body.number)
        _tell_server_end(pvmd, state, body.ended)
        arriving.settle(pvmd, arrival, state.go)
    return MoveReply(0)


def _answer(pvmd: Pvmd, state: TaskState, number: int) -> None:
    """What the task was waiting for is over: a checkpoint is there, all else has failed."""
    for asked in state.go.requests:
        pvmd.switch.send_frames(_reply(state.go.tid, asked, number))
    state.go.requests = []


def _reply(tid: int, asked: OpenRequest, number: int) -> bytes:
    words = (Status(c.PvmHostFail) if asked.tag != c.TM_CKPT else MoveReply(number)).encode()
    return frame(tid, c.TIDPVMD, asked.tag, asked.ctx, asked.wid, words)


def _tell_server_end(pvmd: Pvmd, state: TaskState, server: int) -> None:
    """The group server that the task knew is there no more, whatever has its tid now."""
    notices = state.go.notices
    state.go.notices = [one for one in notices if one.tid != server]
    for one in notices:
        if one.tid == server and server:
            words = TidBody(server).encode()
            told = frame(state.go.tid, c.TIDPVMD, one.tag, one.ctx, one.wid, words)
            pvmd.switch.send_frames(told)


def drop(pvmd: Pvmd, epoch: int) -> None:
    """None of the tasks comes to be."""
    revival = Revivals.of(pvmd).going.pop(epoch, None)
    for tid in revival.tids if revival is not None else ():
        TASK_GONE.tell(pvmd, tid, None)


@on(HOST_LOST)
def host_lost(pvmd: Pvmd, host: int) -> None:
    """The host that leads a restart is gone: nothing comes of it."""
    for epoch, revival in list(Revivals.of(pvmd).going.items()):
        if revival.by == host:
            drop(pvmd, epoch)
