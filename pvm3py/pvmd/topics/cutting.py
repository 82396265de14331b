# SPDX-License-Identifier: MIT
"""Tasks of this host stop for a checkpoint: the part of each daemon that has some.

The master's daemon leads, see checkpointing.py. All tasks stop, wherever they are; then all hosts
have taken in what came from the others before. What tasks have sent to each other is now in their
images or held for them here. That is noted, and the tasks go on. The images are written meanwhile
by processes that have their memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import struct
from collections.abc import Coroutine, Iterable
from typing import Any

from pvm3py.vault import image, store
from pvm3py.wire import constants as c
from pvm3py.wire.checkpoints import (
    Appended,
    Cut,
    CutOrder,
    EndOrder,
    FreezeOrder,
    KeptFile,
    Member,
    Members,
    TaskState,
    ThawReply,
)
from pvm3py.wire.moves import Freeze, HoldOrder, MoveReply, MoveWord, Thaw
from pvm3py.wire.task import Empty, Status

from ..core import Pvmd, Table
from ..dispatch import Request, handles
from ..io import passage
from ..io.aside import aside
from ..occasions import END, HOST_LOST, on
from ..state.errors import HostFailed, Refused
from ..state.moves import NotMovedError, Stop, never, not_now
from ..state.plain import Plain
from ..state.task import GROUP_SERVER, Task
from . import belongings, holding, migration, movable, placing
from .placing import Moves
from .tasks import signal_task

# Seconds that the tasks have to stop, all that is sent the old way to end, and messages to come.
_FREEZE_SECONDS = 10.0
# The outcome of an image: struct image_outcome.
_OUTCOME = struct.Struct("=IIQ")
# A fragment's header: dst src length flags, and the message's behind it: encoding, tag.
_FRAGMENT = struct.Struct(">iiiI")
_HEAD = struct.Struct(">ii")


class Cutting(Plain):
    """A checkpoint in progress, led by the daemon of host `by`.

    ends: the tasks end when all is written; over: they go on; queued: what tasks of it have sent
    to those here that had stopped.
    """

    stamp: int
    by: int
    directory: str
    stops: list[Stop]
    tids: frozenset[int]
    ends: bool = False
    over: bool = False
    queued: bytes = b""


class Cuts(Table):
    """The checkpoints in which this daemon takes part, by their stamps."""

    def __init__(self) -> None:
        self.going: dict[int, Cutting] = {}


# ---- which tasks there are -----------------------------------------------------------------


@handles(c.DM_CKPT_LIST, Empty, hosts=True, reply_tag=c.DM_CKPT_LISTACK)
def list_members(pvmd: Pvmd, _request: Request | None, _body: Empty) -> Members:
    """The tasks of this host, and the jobs that they are of."""
    members = [
        Member(task.tid, task.tid if task.name == GROUP_SERVER else task.job or task.tid)
        for task in pvmd.tasks
    ]
    coming = [Member(tid, tid) for tid in pvmd.tasks.coming]
    return Members(members + coming, movable.Machine.of(pvmd).traits)


# ---- stopping ------------------------------------------------------------------------------


@handles(c.DM_CKPT_FREEZE, FreezeOrder, hosts=True, reply_tag=c.DM_CKPT_FREEZEACK)
def dm_freeze(pvmd: Pvmd, request: Request, body: FreezeOrder) -> Coroutine[None, None, MoveReply]:
    """Stop tasks of this host for the master's checkpoint."""
    return freeze(pvmd, placing.host_of(request), body)


async def freeze(pvmd: Pvmd, by: int, body: FreezeOrder) -> MoveReply:
    """Stop those of these tasks that are here; only asked: see what is against it."""
    try:
        tasks = [task for tid in body.tids if (task := pvmd.tasks.get(tid)) is not None]
        for task in tasks:
            await _check(pvmd, task, body.flags)
        if body.only_asked:
            await _check_directory(pvmd, body.directory)
        else:
            await _freeze(pvmd, _begin(pvmd, by, body, tasks))
    except NotMovedError as error:
        return MoveReply(error.code, error.reason, f"{error}")
    return MoveReply(0)


async def _check(pvmd: Pvmd, task: Task, flags: int) -> None:
    """Raises NotMovedError if there can be no image of a task now, with its name."""
    moves = Moves.of(pvmd)
    try:
        await movable.enrolled(pvmd, task.tid)
        if task.tid in moves.departures or task.tid in moves.stops:
            raise NotMovedError(c.PvmBusy, c.WIRE_WHY_SLOW, "it is being moved, or stopped")
        movable.check(pvmd, task)
        if flags & c.WIRE_CKPT_SPAWNED and task.flags < 0:
            raise never(c.WIRE_WHY_BY_HAND)
    except NotMovedError as error:
        raise _named(task.tid, error) from error


def _named(tid: int, error: NotMovedError) -> NotMovedError:
    """A reason with the task that has it."""
    return migration.told(error.code, error.reason, f"t{tid:x}: {error}")


async def _check_directory(pvmd: Pvmd, directory: str) -> None:
    """Raises NotMovedError if images cannot be written there from this host."""
    try:
        await aside(pvmd.settings.disk_seconds(), store.check_directory, directory)
    except store.VaultError as error:
        raise never(c.WIRE_WHY_DIRECTORY, f"on {pvmd.hosts.own.name}: {error}") from error


def _begin(pvmd: Pvmd, by: int, body: FreezeOrder, tasks: list[Task]) -> Cutting:
    """A checkpoint begins here. Raises NotMovedError."""
    ends = bool(body.flags & c.WIRE_CKPT_END)
    cutting = Cutting(body.stamp, by, body.directory, [], frozenset(body.tids), ends)
    Cuts.of(pvmd).going[body.stamp] = cutting
    try:
        for task in tasks:
            cutting.stops.append(_stop_of(pvmd, cutting, task, body.base))
    except (OSError, store.VaultError) as error:
        _close(pvmd, cutting)
        raise never(c.WIRE_WHY_DIRECTORY, f"on {pvmd.hosts.own.name}: {error}") from error
    return cutting


def image_name(tid: int) -> str:
    """The name of a task's image in the directory of its checkpoint."""
    return f"t{tid:x}.img"


def _stop_of(pvmd: Pvmd, cutting: Cutting, task: Task, base: int) -> Stop:
    path = os.path.join(cutting.directory, image_name(task.tid))
    if len(os.fsencode(path)) >= c.WIRE_FREEZE_PATH:
        raise store.VaultError(f"{path}: the name is too long")
    listener = passage.listen(pvmd.hosts.own.address, pvmd.settings.ports)
    made = pvmd.loop.create_future()
    made.add_done_callback(placing.unneeded)
    stop = Stop(task, cutting.stamp, path, made, listener, passage.new_token(), base)
    Moves.of(pvmd).stops[task.tid] = stop
    stop.written = pvmd.background(
        _await_outcome(stop, pvmd.settings.disk_seconds(movable.size(task)))
    )
    stop.written.add_done_callback(placing.unneeded)
    return stop


async def _freeze(pvmd: Pvmd, cutting: Cutting) -> None:
    """Stop the tasks, each with its own connection held. Raises NotMovedError: all go on."""
    own = pvmd.hosts.own.tid
    try:
        held = [
            placing.hold(pvmd, HoldOrder(stop.task.tid, stop.epoch, own), own).done
            for stop in cutting.stops
        ]
        await _all(held)
        for stop in cutting.stops:
            _order(pvmd, stop)
        await _all([stop.frozen for stop in cutting.stops])
    except (NotMovedError, Refused) as error:
        _go_on(pvmd, cutting)
        _close(pvmd, cutting)
        if isinstance(error, Refused):
            raise NotMovedError(c.PvmNoTask, 0, f"{error}") from error
        raise
    if cutting.over:
        raise NotMovedError(c.PvmHostFail, c.WIRE_WHY_LOST)


async def _all(what: Iterable[asyncio.Future[Any]]) -> None:
    """Wait for all, or the first that fails. Raises what that has, NotMovedError: it takes long."""
    futures = list(what)
    if not futures:
        return
    _, pending = await asyncio.wait(
        futures, timeout=_FREEZE_SECONDS, return_when=asyncio.FIRST_EXCEPTION
    )
    for future in futures:
        if future.done():
            future.result()
    if pending:
        raise not_now(c.WIRE_WHY_SLOW, f"{_FREEZE_SECONDS:g} s")


def _order(pvmd: Pvmd, stop: Stop) -> None:
    """Have a task stop; the signal comes first."""
    task = stop.task
    assert task.announced is not None
    address, port = stop.listener.getsockname()
    with contextlib.suppress(ProcessLookupError):
        os.kill(task.pid, task.announced.signal or 0)
        if task.held:
            os.kill(task.pid, signal.SIGCONT)
    task.frozen = []
    stop.ordered = True
    body = Freeze(stop.epoch, c.WIRE_FREEZE_FILE, f"{address}:{port}", stop.token, stop.path)
    if stop.base >= 0:
        body.flags, body.base = body.flags | c.WIRE_FREEZE_NOTE, stop.base
    migration.say(pvmd, task, c.TM_FREEZE, body.encode())


# ---- the cut -------------------------------------------------------------------------------


def _cutting(pvmd: Pvmd, stamp: int) -> Cutting:
    """The checkpoint with this stamp. Raises NotMovedError."""
    cutting = Cuts.of(pvmd).going.get(stamp)
    if cutting is None or cutting.over:
        raise NotMovedError(c.PvmBusy, c.WIRE_WHY_LOST, "the checkpoint is off")
    return cutting


@handles(c.DM_CKPT_CUT, CutOrder, hosts=True, reply_tag=c.DM_CKPT_CUTACK)
async def cut(pvmd: Pvmd, _request: Request | None, body: CutOrder) -> Cut:
    """All tasks have stopped, of all hosts: note what they have sent to those of this one."""
    try:
        cutting = _cutting(pvmd, body.stamp)
        await flush_others(pvmd, body.stamp)
        _cutting(pvmd, body.stamp)
        cutting.queued = _queued(pvmd, cutting, body.server)
        return Cut(0, 0, "", [_state(pvmd, stop) for stop in cutting.stops])
    except NotMovedError as error:
        return Cut(error.code, error.reason, f"{error}")
    except HostFailed as error:
        return Cut(c.PvmHostFail, c.WIRE_WHY_LOST, f"{error}")


async def flush_others(pvmd: Pvmd, stamp: int) -> None:
    """All that other hosts have sent before is here. Raises NotMovedError, HostFailed."""
    word = MoveWord(0, stamp)
    await _all([pvmd.peers.ask(host.tid, c.DM_MOVE_FLUSH, word) for host in placing.able(pvmd)])


def _state(pvmd: Pvmd, stop: Stop) -> TaskState:
    task = stop.task
    stop.frozen.result()
    state = belongings.pack(pvmd, task, stop.epoch, take=False)
    return TaskState(state, int(task.pipe is not None))


def _queued(pvmd: Pvmd, cutting: Cutting, server: int) -> bytes:
    """What tasks of the checkpoint, and the group server, have sent to those here that stopped."""
    senders = cutting.tids | {server}
    return b"".join(
        frame
        for stop in cutting.stops
        for frame in _frames(pvmd.switch.held_for(stop.task.tid), senders)
    )


def _frames(held: bytes, senders: frozenset[int]) -> Iterable[bytes]:
    """The frames of messages of these senders, without offers of memory, which is left."""
    offering: set[int] = set()
    at = 0
    while at < len(held):
        _, src, length, flags = _FRAGMENT.unpack_from(held, at)
        end = at + _FRAGMENT.size + length
        if flags >> 24 & c.FFSOM:
            offering.discard(src)
            if _HEAD.unpack_from(held, at + _FRAGMENT.size)[1] == c.TC_SHARE:
                offering.add(src)
        if src in senders and src not in offering:
            yield held[at:end]
        at = end


# ---- going on ------------------------------------------------------------------------------


def _go_on(pvmd: Pvmd, cutting: Cutting) -> None:
    """All tasks go on; what was held follows."""
    cutting.over = True
    for stop in cutting.stops:
        task = stop.task
        if pvmd.tasks.get(task.tid) is not task:
            continue
        placing.release(pvmd, task.tid)
        with contextlib.suppress(OSError):
            pvmd.switch.thaw_task(task.tid)
        if stop.ordered and not stop.refused:
            migration.say(pvmd, task, c.TM_THAW, Thaw(stop.epoch).encode())
        signals, task.frozen = task.frozen, None
        for signum in signals or ():
            signal_task(pvmd, task, signum)
        holding.settle(pvmd, task)
    for stop in cutting.stops:
        Moves.of(pvmd).stops.pop(stop.task.tid, None)


def _close(pvmd: Pvmd, cutting: Cutting) -> None:
    """Nothing is awaited any more."""
    Cuts.of(pvmd).going.pop(cutting.stamp, None)
    for stop in cutting.stops:
        Moves.of(pvmd).stops.pop(stop.task.tid, None)
        if stop.written is not None:
            stop.written.cancel()


@handles(c.DM_CKPT_THAW, CutOrder, hosts=True, reply_tag=c.DM_CKPT_THAWACK)
def thaw(
    pvmd: Pvmd, _request: Request | None, body: CutOrder
) -> ThawReply | Coroutine[None, None, ThawReply]:
    """All tasks go on. The answer comes when their images are on the disk."""
    cutting = Cuts.of(pvmd).going.get(body.stamp)
    if cutting is None:
        return ThawReply(c.PvmBusy, c.WIRE_WHY_LOST, "the checkpoint is off")
    if not (cutting.over or cutting.ends):
        _go_on(pvmd, cutting)
    return _written(pvmd, cutting)


@handles(c.DM_CKPT_END, EndOrder, hosts=True, reply_tag=c.DM_CKPT_ENDACK)
def end_tasks(pvmd: Pvmd, _request: Request | None, body: EndOrder) -> Status:
    """All is on the disk, and the tasks end, or it is not, and they go on."""
    cutting = Cuts.of(pvmd).going.get(body.stamp)
    if cutting is None:
        return Status(c.PvmBusy)
    for stop in cutting.stops if body.end else ():
        # Not by signal_task: what has stopped gets its signals later.
        if pvmd.tasks.get(stop.task.tid) is stop.task and stop.task.runs():
            with contextlib.suppress(ProcessLookupError):
                os.kill(stop.task.pid, signal.SIGKILL)
    _go_on(pvmd, cutting)
    _close(pvmd, cutting)
    return Status(0)


async def _written(pvmd: Pvmd, cutting: Cutting) -> ThawReply:
    try:
        return await _files(pvmd, cutting)
    except NotMovedError as error:
        return ThawReply(error.code, error.reason, f"{error}")
    except asyncio.CancelledError:
        return ThawReply(c.PvmBusy, c.WIRE_WHY_LOST, "the checkpoint is off")
    finally:
        if not cutting.ends:
            _close(pvmd, cutting)


async def _files(pvmd: Pvmd, cutting: Cutting) -> ThawReply:
    """The files of this host, all of them on the disk. Raises NotMovedError."""
    sizes, bases = {}, {}
    for stop in cutting.stops:
        assert stop.written is not None
        sizes[stop.task.tid], bases[stop.task.tid] = await stop.written
    named = f"held-{pvmd.hosts.own.tid:x}.q"
    seconds = pvmd.settings.disk_seconds(sum(sizes.values()) + len(cutting.queued))
    try:
        files, appended = await aside(
            seconds, _seal, cutting.directory, sizes, named, cutting.queued
        )
    except store.VaultError as error:
        raise not_now(c.WIRE_WHY_WRITING, f"on {pvmd.hosts.own.name}: {error}") from error
    return ThawReply(
        0,
        0,
        "",
        [
            KeptFile(tid, name, *_words(size), digest, bases.get(tid, 0))
            for tid, name, size, digest in files
        ],
        [Appended(tid, path, *_words(size)) for tid, path, size in appended],
    )


def _words(size: int) -> tuple[int, int]:
    """A number of bytes, 31 bits a word."""
    return size >> 31 & 0x7FFFFFFF, size & 0x7FFFFFFF


def _seal(
    directory: str, sizes: dict[int, int], named: str, queued: bytes
) -> tuple[list[tuple[int, str, int, str]], list[tuple[int, str, int]]]:
    """Write the messages that were held, and hash all files: tids, names, sizes, hashes.

    Then the files to which tasks append: tids, paths, sizes. Raises VaultError, OSError.
    """
    names = [(tid, image_name(tid)) for tid in sizes]
    if queued:
        store.write_file(os.path.join(directory, named), queued)
        names.append((0, named))
    found, appended = [], []
    for tid, name in names:
        path = os.path.join(directory, name)
        size, digest = store.hash_file(path)
        expected = sizes.get(tid, len(queued))
        if size != expected:
            raise store.VaultError(f"{name}: has {size} bytes, not {expected}")
        found.append((tid, name, size, digest))
        appended += [(tid, *file) for file in image.appended(path)] if tid else []
    return found, appended


async def _await_outcome(stop: Stop, seconds: float) -> tuple[int, int]:
    """Bytes of an image, when all of it is on the disk, and its base. Raises NotMovedError."""
    try:
        async with asyncio.timeout(seconds):
            said = await _hear_outcome(stop)
    except TimeoutError as error:
        slow = f"t{stop.task.tid:x}: the disk takes more than {seconds:g} s"
        raise not_now(c.WIRE_WHY_WRITING, slow) from error
    reason, detail, size = _OUTCOME.unpack(said[: _OUTCOME.size])
    if reason:
        why = os.strerror(detail) if detail else f"reason {reason}"
        raise not_now(c.WIRE_WHY_WRITING, f"t{stop.task.tid:x}: {why}")
    return int(size), int(detail)


async def _hear_outcome(stop: Stop) -> bytes:
    """What who has written an image says of that. Raises NotMovedError."""
    said = b""
    try:
        sock = await passage.accept(stop.listener, stop.token)
        with contextlib.closing(sock):
            sock.setblocking(False)
            while len(said) < _OUTCOME.size:
                more = await asyncio.get_running_loop().sock_recv(sock, _OUTCOME.size)
                if not more:
                    raise not_now(c.WIRE_WHY_WRITING, f"t{stop.task.tid:x}: its writer has ended")
                said += more
    except OSError as error:
        raise not_now(c.WIRE_WHY_WRITING, f"t{stop.task.tid:x}: {error.strerror}") from error
    finally:
        stop.listener.close()
    return said


# ---- occasions -----------------------------------------------------------------------------


def _give_up(pvmd: Pvmd, of_host: int | None) -> None:
    for cutting in list(Cuts.of(pvmd).going.values()):
        if of_host in (None, cutting.by):
            if not cutting.over:
                _go_on(pvmd, cutting)
            _close(pvmd, cutting)


@on(HOST_LOST)
def host_lost(pvmd: Pvmd, host: int) -> None:
    """The host that leads a checkpoint is gone: the tasks go on."""
    _give_up(pvmd, host)


@on(END)
def end(pvmd: Pvmd) -> None:
    """The daemon ends: stopped tasks are to get its signals."""
    _give_up(pvmd, None)
