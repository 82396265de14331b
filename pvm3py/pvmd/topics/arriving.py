# SPDX-License-Identifier: MIT
"""A task comes to this host: the part of the goal's daemon in a move.

The task's image goes from the task to the restarter, a process of this daemon that becomes the
task. It runs when the origin's daemon says so (DM_MOVE_GO). If that is lost it runs only when the
origin had said that it may (DM_MOVE_FLUSHED), the image is whole, and the master agrees.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Coroutine

from pvm3py.wire import constants as c
from pvm3py.wire.moves import (
    Go,
    HoldOrder,
    MoveGo,
    MoveReply,
    MoveWord,
    Placed,
    Ready,
    Reserve,
    Reserved,
)
from pvm3py.wire.task import Status

from ..core import Pvmd
from ..dispatch import Request, handles
from ..io import passage
from ..io.switch import frame
from ..occasions import CHILD_ENDED, END, HOST_LOST, TASK_GONE, on
from ..state import tree
from ..state.connections import Connection
from ..state.errors import Refused
from ..state.moves import Arrival, Hold, NotMovedError, never, not_now
from ..state.task import Task
from . import belongings, claims, faults, holding, leaving, movable, output, placing
from .placing import Moves, host_of
from .tasks import settings, signal_task

# Seconds between two looks at the image's progress, and without any until the move is off.
_LOOK = 1.0
PATIENCE = 10.0
# Bytes of what the restarter may say.
_REPORT_MAX = 4096
_READY = "ready"


# ---- reservation ---------------------------------------------------------------------------


@handles(c.DM_MOVE_RESERVE, Reserve, hosts=True, reply_tag=c.DM_MOVE_RESERVEACK)
def reserve(
    pvmd: Pvmd, request: Request, body: Reserve
) -> Reserved | Coroutine[None, None, Reserved]:
    """A task may come: say where its image is to go. What is sent to it is kept from then on."""
    try:
        _check(pvmd, body)
        if body.only_asked:
            return Reserved(0)
        arrival = _expect(pvmd, host_of(request), body)
    except NotMovedError as error:
        return Reserved(error.code, error.reason, f"{error}")
    return _reserved(pvmd, arrival, Moves.of(pvmd).holds[body.tid])


def _check(pvmd: Pvmd, body: Reserve) -> None:
    movable.check_machine(pvmd, body.machine)
    if pvmd.full():
        raise not_now(c.WIRE_WHY_FULL, f"{len(pvmd.tasks)} tasks are there, or the daemon ends")
    if not body.only_asked and not pvmd.hosts.places.begin(body.tid, body.epoch):
        raise Refused(c.PvmBadParam, f"move {body.epoch} of t{body.tid:x} is old")


def _expect(pvmd: Pvmd, origin: int, body: Reserve) -> Arrival:
    """A task may come. Raises NotMovedError."""
    token = passage.new_token()
    task = Task(body.tid, 0, 0, forked=True, unborn=[])
    arrival = Arrival(task, body.epoch, origin, token, bool(body.piped))
    try:
        arrival.listener = passage.listen(pvmd.hosts.own.address, pvmd.settings.ports)
    except OSError as error:
        raise not_now(c.WIRE_WHY_FULL, f"{error}") from error
    own = pvmd.hosts.own.tid
    placing.hold(pvmd, HoldOrder(body.tid, body.epoch, own), origin)
    Moves.of(pvmd).arrivals[body.tid] = arrival
    pvmd.tasks.coming[body.tid] = task
    arrival.work = pvmd.background(_receive(pvmd, arrival))
    return arrival


async def _reserved(pvmd: Pvmd, arrival: Arrival, kept: Hold) -> Reserved:
    """The answer, when nothing more goes the old way to the task."""
    assert arrival.listener is not None
    address, port = arrival.listener.getsockname()
    await kept.done
    faults.at(pvmd, "reserved")
    return Reserved(0, 0, "", f"{address}:{port}", arrival.token)


# ---- the image -----------------------------------------------------------------------------


async def _receive(pvmd: Pvmd, arrival: Arrival) -> None:
    """Have the restarter make the task of its image, and tell the origin how that has gone."""
    ready = Ready(arrival.task.tid, arrival.epoch, 0)
    try:
        assert arrival.listener is not None
        arrival.image = await passage.accept(arrival.listener, arrival.token)
        faults.at(pvmd, "image")
        start(pvmd, arrival)
        await await_report(pvmd, arrival)
        arrival.ready = True
        faults.at(pvmd, "restarted")
        _check_alive(arrival)
    except NotMovedError as error:
        ready = Ready(arrival.task.tid, arrival.epoch, error.code, error.reason, f"{error}")
    except OSError as error:
        ready = Ready(
            arrival.task.tid, arrival.epoch, c.PvmBusy, c.WIRE_WHY_FULL, f"{error.strerror}"
        )
    pvmd.peers.send(arrival.origin, c.DM_MOVE_READY, ready)


def start(pvmd: Pvmd, arrival: Arrival) -> None:
    """Start the restarter. Raises OSError."""
    assert arrival.image is not None
    with contextlib.ExitStack() as theirs:
        arrival.stream, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        theirs.callback(far.close)
        arrival.report, report = os.pipe2(os.O_CLOEXEC)
        theirs.callback(os.close, report)
        if arrival.piped:
            arrival.output, out = os.pipe2(os.O_CLOEXEC)
        else:
            out = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        theirs.callback(os.close, out)
        arrival.pid = passage.start_restarter(
            tree.restarter(pvmd.settings.arch),
            arrival.image.fileno(),
            report,
            far.fileno(),
            out,
            [base.fileno() for base in arrival.bases],
        )
    arrival.stream.setblocking(False)
    os.set_blocking(arrival.report, False)


async def await_report(pvmd: Pvmd, arrival: Arrival) -> None:
    """Wait until the restarter says that the task is about to run. Raises NotMovedError."""
    said = b""
    while not said.endswith(b"\n"):
        await _readable(pvmd, arrival)
        more = os.read(arrival.report, _REPORT_MAX)
        said += more
        if not more or len(said) > _REPORT_MAX:
            break
    line = said.decode("utf-8", "replace").strip()
    if line != _READY:
        raise never(c.WIRE_WHY_RESTART, line or "the restarter has ended")


def _check_alive(arrival: Arrival) -> None:
    """Raises NotMovedError if the restarter has ended after its report."""
    assert arrival.stream is not None
    with contextlib.suppress(BlockingIOError):
        if not arrival.stream.recv(1, socket.MSG_PEEK):
            raise never(c.WIRE_WHY_RESTART, "the restarter has ended")


async def _readable(pvmd: Pvmd, arrival: Arrival) -> None:
    """Wait until the restarter says something, as long as the image makes progress."""
    assert arrival.image is not None
    something = asyncio.Event()
    pvmd.loop.add_reader(arrival.report, something.set)
    last, since = passage.received(arrival.image, arrival.bases), pvmd.loop.time()
    try:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(something.wait(), _LOOK)
                return
            now = passage.received(arrival.image, arrival.bases)
            if now != last:
                last, since = now, pvmd.loop.time()
            elif pvmd.loop.time() - since > PATIENCE:
                raise not_now(c.WIRE_WHY_SLOW, f"no progress of its image for {PATIENCE:g} s")
    finally:
        pvmd.loop.remove_reader(arrival.report)


# ---- the end of a move ---------------------------------------------------------------------


def _over(pvmd: Pvmd, arrival: Arrival) -> None:
    """It is certain whether the task comes."""
    del Moves.of(pvmd).arrivals[arrival.task.tid]
    arrival.over.set_result(None)


def _close(arrival: Arrival) -> None:
    """Give back what the image needed."""
    for sock in (arrival.listener, arrival.image, arrival.stream, *arrival.bases):
        if sock is not None:
            sock.close()
    for fd in (arrival.report, arrival.output):
        if fd >= 0:
            os.close(fd)
    arrival.report = arrival.output = -1


def drop(pvmd: Pvmd, arrival: Arrival) -> None:
    """The task does not come."""
    tid = arrival.task.tid
    _over(pvmd, arrival)
    pvmd.tasks.coming.pop(tid, None)
    if arrival.pid and arrival.ended is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(arrival.pid, signal.SIGKILL)
    if arrival.work is None or arrival.work.done():
        _close(arrival)
    else:
        # It has the event loop watch what is closed.
        arrival.work.add_done_callback(lambda _: _close(arrival))
        arrival.work.cancel()


def _of_move(pvmd: Pvmd, request: Request, tid: int, epoch: int) -> Arrival:
    """The task that may come. Refused: it is not that."""
    arrival = Moves.of(pvmd).arrivals.get(tid)
    if arrival is None or (arrival.epoch, arrival.origin) != (epoch, host_of(request)):
        raise Refused(c.PvmNoTask, f"move {epoch} of t{tid & 0xFFFFFFFF:x} is not known")
    return arrival


@handles(c.DM_MOVE_ABORT, MoveWord, hosts=True, reply_tag=c.DM_MOVE_ABORTACK)
def abort(pvmd: Pvmd, request: Request, body: MoveWord) -> Status:
    """The task stays where it is."""
    with contextlib.suppress(Refused):
        drop(pvmd, _of_move(pvmd, request, body.tid, body.epoch))
    if pvmd.hosts.places.moved(body.tid, host_of(request), body.epoch):
        placing.placed(pvmd, body.tid, host_of(request))
    return Status(0)


@handles(c.DM_MOVE_FLUSHED, MoveGo, hosts=True, reply_tag=c.DM_MOVE_FLUSHEDACK)
def flushed(pvmd: Pvmd, request: Request, body: MoveGo) -> Status:
    """The task has stopped, and what it has sent has come everywhere."""
    _of_move(pvmd, request, body.tid, body.epoch).heritage = body
    faults.at(pvmd, "told")
    return Status(0)


@handles(c.DM_MOVE_GO, MoveGo, hosts=True, reply_tag=c.DM_MOVE_GOACK)
def go(pvmd: Pvmd, request: Request, body: MoveGo) -> MoveReply:
    """The task is of this host from now on, and runs."""
    faults.at(pvmd, "go")
    settle(pvmd, _of_move(pvmd, request, body.tid, body.epoch), body)
    return MoveReply(0)


def settle(pvmd: Pvmd, arrival: Arrival, body: MoveGo) -> None:
    """Have the task run, with what its origin has said of it."""
    assert arrival.stream is not None
    task = arrival.task
    belongings.unpack(task, body.task)
    task.pid = arrival.pid
    _over(pvmd, arrival)
    del pvmd.tasks.coming[task.tid]
    pvmd.hosts.places.moved(task.tid, pvmd.hosts.own.tid, body.epoch)
    placing.release(pvmd, task.tid)
    pvmd.tasks.add(task)
    _connect(pvmd, arrival, body)
    _take_output(pvmd, arrival, body.output)
    _close(arrival)
    pvmd.log(f"t{task.tid:x} has come, process {task.pid}")
    signals, task.unborn = [*body.signals, *(task.unborn or ())], None
    for signum in dict.fromkeys(signals):
        signal_task(pvmd, task, signum)
    holding.settle(pvmd, task)
    if arrival.ended is not None:
        leaving.process_ended(pvmd, task, *arrival.ended)


def _connect(pvmd: Pvmd, arrival: Arrival, body: MoveGo) -> None:
    """The stream is the task's connection; TM_GO is the first on it, then what was held."""
    task, stream = arrival.task, arrival.stream
    assert stream is not None
    fd = stream.detach()
    arrival.stream = None
    can = task.announced.capabilities if task.announced else 0
    shares = bool(can & c.WIRE_EXT_MEMORY) and pvmd.settings.share_memory
    conn = pvmd.switch.adopt_task(fd, task.tid, shares=shares, child=True)
    task.conn = conn
    pvmd.connections[conn] = Connection(conn, task.pid, True, task)
    belongings.unpack_promises(pvmd, task, body)
    own = settings(pvmd, task, c.WIRE_FRAG_DEFAULT)
    words = Go(body.epoch, own, pvmd.hosts.own.tid).encode()
    pvmd.switch.send_conn(conn, frame(task.tid, c.TIDPVMD, c.TM_GO, c.SYSCTX_TM, 0, words))
    # The restarted process may have ended meanwhile, of which an event tells.
    with contextlib.suppress(OSError):
        pvmd.switch.thaw_task(task.tid)


def _take_output(pvmd: Pvmd, arrival: Arrival, before: bytes) -> None:
    """What the task writes is read here, behind what it has written before."""
    belongings.pass_on_output(pvmd, arrival.task, before)
    if arrival.output >= 0 and not arrival.task.output_ended:
        arrival.task.pipe = output.OutputPipe(pvmd, arrival.task, arrival.output)
        arrival.output = -1


# ---- occasions -----------------------------------------------------------------------------


@on(CHILD_ENDED)
def child_ended(pvmd: Pvmd, pid: int, status: int, user: float, system: float) -> None:
    """A child has ended, which may have been about to become a task."""
    for arrival in Moves.of(pvmd).arrivals.values():
        if arrival.pid == pid:
            arrival.ended = status, user, system
            why = f"the restarter has ended with status {status}"
            word = Ready(arrival.task.tid, arrival.epoch, c.PvmNotMovable, c.WIRE_WHY_RESTART, why)
            awaited = arrival.work is not None and arrival.work.done()
            if awaited and arrival.origin != pvmd.hosts.own.tid:
                pvmd.peers.send(arrival.origin, c.DM_MOVE_READY, word)


@on(TASK_GONE)
def task_gone(pvmd: Pvmd, tid: int, _task: Task | None) -> None:
    """A task that was about to come has ended."""
    arrival = Moves.of(pvmd).arrivals.get(tid)
    if arrival is not None:
        drop(pvmd, arrival)


@on(HOST_LOST)
def host_lost(pvmd: Pvmd, host: int) -> None:
    """A host is gone: what was about to come from there has ended with it, or is of this host."""
    for arrival in list(Moves.of(pvmd).arrivals.values()):
        if arrival.origin != host:
            continue
        if arrival.heritage is None:
            TASK_GONE.tell(pvmd, arrival.task.tid, None)
        else:
            pvmd.hosts.places.moved(arrival.task.tid, pvmd.hosts.own.tid, arrival.epoch)
            pvmd.background(_inherit(pvmd, arrival, arrival.heritage))


async def _inherit(pvmd: Pvmd, arrival: Arrival, heritage: MoveGo) -> None:
    """The origin is lost: the task runs if its image is whole, and the origin has not kept it."""
    tid, epoch = arrival.task.tid, arrival.epoch
    assert arrival.work is not None
    await asyncio.wait({arrival.work})
    may = arrival.ready and await claims.claim(pvmd, tid, epoch)
    if arrival.over.done():
        return
    if may:
        pvmd.log(f"t{tid:x} goes on here, as its host is lost")
        settle(pvmd, arrival, heritage)
        placing.tell_all(pvmd, Placed(tid, epoch, pvmd.hosts.own.tid))
    else:
        TASK_GONE.tell(pvmd, tid, None)


@handles(c.DM_MOVE_FATE, MoveWord, hosts=True, reply_tag=c.DM_MOVE_FATEACK)
async def fate(pvmd: Pvmd, _request: Request, body: MoveWord) -> Placed:
    """A host has lost the origin of a move to here: where the task is, when that is certain."""
    arrival = Moves.of(pvmd).arrivals.get(body.tid)
    if arrival is not None and arrival.epoch == body.epoch:
        await asyncio.shield(arrival.over)
    places = pvmd.hosts.places
    host = places.place(body.tid) if places.wanders(body.tid) else 0
    return Placed(body.tid, max(body.epoch, places.epoch(body.tid)), host)


@on(END)
def end(pvmd: Pvmd) -> None:
    """The daemon ends: nothing comes any more."""
    for arrival in list(Moves.of(pvmd).arrivals.values()):
        drop(pvmd, arrival)
