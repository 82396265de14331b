# SPDX-License-Identifier: MIT
"""What happens to a daemon: events of the switch, requests, signals, its beginning and end."""

from __future__ import annotations

import os
import signal
import socket
import traceback
from collections.abc import Callable, Coroutine
from typing import Any

from pvm3py.wire import constants as c
from pvm3py.wire.codec import WireError
from pvm3py.wire.record import Record
from pvm3py.wire.task import ConnectReply, Status

from .core import Pvmd
from .dispatch import ANSWERS, ROUTES, Request, Route, Sender
from .io import memory
from .io.figures import Limits
from .io.selector import new_event_loop
from .io.switch import Switch
from .occasions import BEGIN, CHILD_ENDED, END, REQUESTED, on
from .state.config import Settings
from .state.connections import Connection
from .state.dealings import NOTICES_MAX, WAITS_BYTES, WAITS_MAX
from .state.errors import SCARCE, HostFailed, Refused
from .state.events import (
    ChildEvent,
    CloseEvent,
    DrainedEvent,
    EnrolledEvent,
    Event,
    HeldEvent,
    HostEvent,
    LogEvent,
    MessageEvent,
    NoProgramEvent,
    OpenEvent,
    ReadableEvent,
    SpokeEvent,
)
from .state.hosts import Host
from .state.log import DEBUG_MESSAGES, Log

# Importing all topics fills dispatch.ROUTES and the occasions.
from .topics import (  # noqa: F401
    addhost,
    births,
    contexts,
    enrol,
    failure,
    hoster,
    hostinfo,
    leaving,
    lifeline,
    mailbox,
    manager,
    network,
    notify,
    output,
    placing,
    preload,
    registry,
    slave,
    spawn,
    tasks,
    tickle,
    tracing,
)

# Signals that end no process by themselves, or end this one at once: KILL, and faults of its own.
_OTHERS = (
    *(signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH),
    *(signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU),
    *(signal.SIGHUP, signal.SIGPIPE, signal.SIGXFSZ),
    *(signal.SIGKILL, signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL),
)
# Signals that end the daemon in order. They are blocked before run() and after it, while the start
# and the end of the daemon must not be cut short.
ENDING = tuple(sorted(signal.valid_signals().difference(_OTHERS)))
# Numbers in a family of messages that are about moves, as a topic may serve that is not loaded yet.
_MOVES = range(c.WIRE_OWN_MOVES, c.WIRE_OWN_FIRST + c.WIRE_OWN_CODES)
# What the log calls those whose connection is no task.
_STRANGERS = "connections"


def make(settings: Settings, log: Log, own: Host, listener: socket.socket) -> Pvmd:
    """A daemon on host `own` that serves what connects to `listener`, once run() is called."""
    # Tests lower the limit that else follows from the memory.
    longest = int(os.environ.get("PVM_TEST_MESSAGE_MAX", "0"))
    limits = Limits(memory=memory.available(), message_max=longest, notices=NOTICES_MAX)
    switch = Switch(listener.fileno(), c.TIDPVMD | own.tid, limits=limits)
    pvmd = Pvmd(settings, log, own, switch, new_event_loop(switch))
    connect(pvmd)
    switch.watch_children()
    _handle_endings(pvmd)
    return pvmd


def _handle_endings(pvmd: Pvmd) -> None:
    """End in order at each signal that is not ignored.

    add_signal_handler() takes 70 microseconds for each of them. What it does for one signal makes
    any wake the loop.
    """

    def caught(signum: int, _frame: object) -> None:
        pvmd.loop.call_soon_threadsafe(_signalled, pvmd, signum)

    heeded = [signum for signum in ENDING if signal.getsignal(signum) is not signal.SIG_IGN]
    for signum in heeded:
        signal.signal(signum, caught)
    if heeded:
        pvmd.loop.add_signal_handler(heeded[0], _signalled, pvmd, heeded[0])


def connect(pvmd: Pvmd) -> None:
    """Serve the events of a daemon's switch, and log the failures of its loop."""
    pvmd.switch.handler = lambda event: _event(pvmd, event)
    pvmd.loop.set_exception_handler(lambda _loop, context: _loop_failed(pvmd, context))


def run(pvmd: Pvmd) -> int:
    """Serve until stop() or an unforeseen error, then end all tasks; the exit status."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    try:
        BEGIN.tell(pvmd)
        status = pvmd.loop.run_until_complete(pvmd.stopped)
    except Exception:
        pvmd.log(traceback.format_exc())
        status = 1
        pvmd.stop(status)
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        END.tell(pvmd)
    except Exception:
        pvmd.log(traceback.format_exc())
        status = 1
    return status


def _loop_failed(pvmd: Pvmd, context: dict[str, Any]) -> None:
    """Something that runs in the event loop raised: the daemon goes on."""
    error = context.get("exception")
    trace = "".join(traceback.format_exception(error)) if error else ""
    pvmd.log(f"{context['message']}\n{trace}")


def _signalled(pvmd: Pvmd, signum: int) -> None:
    pvmd.log(f"caught signal {signum}")
    if signum != pvmd.settings.vacate:
        pvmd.stop(signum)
        return
    _load_moves()
    from .topics import vacating  # noqa: PLC0415

    vacating.vacate(pvmd, signum)


# ---- events of the switch ------------------------------------------------------------------


def _event(pvmd: Pvmd, event: Event) -> None:
    """An event of the switch; answers that are kept last until one that may change something."""
    if isinstance(event, MessageEvent):
        route = ROUTES.get(event.tag)
        if route is None or not route.kept:
            pvmd.switch.forget_answers()
        _message(pvmd, event)
        return
    pvmd.switch.forget_answers()
    _HANDLERS[type(event)](pvmd, event)


def _no_program(pvmd: Pvmd, event: NoProgramEvent) -> None:
    pvmd.log.about = event.tid
    spawn.no_program(pvmd, event)
    pvmd.log.about = None


def _refused(pvmd: Pvmd, event: LogEvent) -> None:
    """Something that was sent, or a connection, was refused."""
    pvmd.log.about = _STRANGERS
    pvmd.log(event.text)
    pvmd.log.about = None


def _closed(pvmd: Pvmd, event: CloseEvent) -> None:
    """A connection has ended."""
    pvmd.log.about = _STRANGERS
    connection = pvmd.connections.pop(event.conn)
    if event.text:
        pvmd.log(f"connection of pid {connection.pid} closed: {event.text}")
    leaving.connection_closed(pvmd, connection)
    pvmd.log.about = None


def _opened(pvmd: Pvmd, event: OpenEvent) -> None:
    pvmd.connections[event.conn] = Connection(event.conn, event.pid, event.proven)


_HANDLERS: dict[type[Event], Callable[[Pvmd, Any], None]] = {
    OpenEvent: _opened,
    EnrolledEvent: enrol.enrolled,
    CloseEvent: _closed,
    SpokeEvent: manager.spoke,
    NoProgramEvent: _no_program,
    HeldEvent: placing.held,
    DrainedEvent: lambda pvmd, event: output.Collectors.of(pvmd).drained(event.tid),
    ReadableEvent: output.readable,
    HostEvent: failure.host_event,
    ChildEvent: lambda pvmd, event: CHILD_ENDED.tell(pvmd, *event),
    LogEvent: _refused,
}


def _route(tag: int) -> Route | None:
    """Who serves a message; None: nobody."""
    route = ROUTES.get(tag)
    firsts = (c.TM_FIRST, c.DM_FIRST, c.SM_FIRST)
    if route is None and any(tag - first in _MOVES for first in firsts):
        _load_moves()
        route = ROUTES.get(tag)
    return route


def _load_moves() -> None:
    """Have all there that moves tasks, with the answers that it waits for.

    Most daemons never move one: that is loaded when it is called for, or some time after the start
    (preload.py).
    """
    from .topics import (  # noqa: PLC0415
        arriving,  # noqa: F401
        checkpointing,  # noqa: F401
        cutting,  # noqa: F401
        estates,  # noqa: F401
        evacuating,  # noqa: F401
        holding,  # noqa: F401
        managing,  # noqa: F401
        move_orders,  # noqa: F401
        parking,  # noqa: F401
        restarting,  # noqa: F401
        reviving,  # noqa: F401
        routes,  # noqa: F401
        saving,  # noqa: F401
    )


def _message(pvmd: Pvmd, event: MessageEvent) -> None:
    """A message to the daemon: an answer that is awaited, or a request."""
    if pvmd.log.mask & DEBUG_MESSAGES:
        pvmd.log(f"{c.message_name(event.tag)} from {event.src & 0xFFFFFFFF:x}")
    if not event.dst & c.TIDPVMD:
        manager.asks(pvmd, event)
        return
    if event.conn:
        connection = pvmd.connections[event.conn]
        _serve(pvmd, Request.of(event, connection, None))
        return
    host = pvmd.hosts.get(event.src)
    if host is None:
        pvmd.log(f"{c.message_name(event.tag)} of no host, dropped")
    elif event.tag in ANSWERS and event.src & c.TIDPVMD:
        pvmd.peers.answered(event)
    else:
        _serve(pvmd, Request.of(event, None, host))


# ---- requests ------------------------------------------------------------------------------


@on(REQUESTED)
def _serve(pvmd: Pvmd, request: Request) -> None:
    """Serve a request: what that costs in the log, and in the queues of others, is its sender's."""
    log, reached = pvmd.log, pvmd.switch.reached
    reached.clear()
    log.about = _asker(request)
    try:
        _handle(pvmd, request, _route(request.tag))
    finally:
        log.about = None
    reached.discard(request.src)
    if reached and request.local is not None:
        pvmd.switch.hold(request.local.conn, reached)


def _asker(request: Request) -> int | str:
    """Who makes a request, for the log: a task, a daemon, or whoever is no task yet."""
    enrolling = request.task is None and request.local is not None
    return _STRANGERS if enrolling else request.src


def _handle(pvmd: Pvmd, request: Request, route: Route | None) -> None:
    """Call the handler of a request, and do what that says."""
    if route is None or request.sender not in route.senders:
        _unserved(pvmd, request)
        return
    try:
        if request.too_long:
            raise Refused(c.PvmOutOfRes, "it is too long")
        result = route.function(pvmd, request, route.body.decode(request.body))
        if isinstance(result, Record):
            pvmd.reply(request, result, route.reply_tag)
            if route.kept:
                _keep(pvmd, request, result)
    except Exception as error:
        _failed(pvmd, request, route, error)
        return
    if result is not None and not isinstance(result, Record):
        _await_result(pvmd, request, route, result)


def _keep(pvmd: Pvmd, request: Request, answer: Record) -> None:
    """Have the switch give this answer to tasks that ask the same, unless the log is to tell."""
    if request.manager is None and not pvmd.log.mask & DEBUG_MESSAGES:
        pvmd.switch.keep_answer(request.tag, request.body, answer.encode())


def _unserved(pvmd: Pvmd, request: Request) -> None:
    """A message that has no handler, or none for this sender."""
    name, src = c.message_name(request.tag), request.src & 0xFFFFFFFF
    if request.host is not None:
        pvmd.log(f"{name} of t{src:x} is not served, dropped")
    elif request.task is None:
        pvmd.drop(request.connection, f"{name} before enrolment")
    elif request.tag == c.TM_CONNECT:
        pvmd.log(f"t{src:x}: is enrolled and connects again, refused")
        pvmd.reply(request, ConnectReply(c.TDPROTOCOL, 0, ""))
    elif c.TM_LAST < request.tag < c.TM_FIRST + 0x10000:
        pvmd.log(f"{name} of t{src:x} is not served")
        pvmd.reply(request, Status(c.PvmNotImpl))
    elif request.tag in (c.TM_CONN2, c.TM_SHMCONN):
        pvmd.drop(request.connection, f"{name} of an enrolled task")
    else:
        pvmd.log(f"{name} of t{src:x} is not for a pvmd, ignored")


def _failed(pvmd: Pvmd, request: Request, route: Route, error: BaseException) -> None:
    """A handler raised: say so, and answer if the sender waits.

    A body that cannot be decoded is answered to tasks only: what comes from a daemon was not
    asked for by a task that waits, or the daemon is broken.
    """
    code, why = c.PvmDSysErr, f"{error}"
    if isinstance(error, Refused):
        code = error.code
    elif isinstance(error, HostFailed):
        code = c.PvmHostFail
    elif isinstance(error, OSError) and error.errno in SCARCE:
        code = c.PvmOutOfRes
    elif isinstance(error, MemoryError):
        code, why = c.PvmOutOfRes, "no memory"
    elif isinstance(error, WireError):
        code, why = c.PvmBadParam, f"malformed: {error}"
    else:
        pvmd.log("".join(traceback.format_exception(error)))
        why = "internal error"
    name, who = c.message_name(request.tag), request.src & 0xFFFFFFFF
    pvmd.log(f"{name} of t{who:x}: {why} ({c.error_name(code)})")
    if request.sender is Sender.ENROLLING:
        pvmd.drop(request.connection, "enrolment failed")
        return
    from_daemon = request.sender is Sender.DAEMON
    if route.reply_tag and not (from_daemon and isinstance(error, WireError)):
        pvmd.reply(request, Status(code), route.reply_tag)


def _await_result(
    pvmd: Pvmd, request: Request, route: Route, work: Coroutine[None, None, Record | None]
) -> None:
    """Answer when a handler that waits is done, unless its requester is gone before."""
    task, size = request.task, len(request.body)
    if task is None:
        waits = pvmd.peers.serving[pvmd.place(request.src)]
    elif (waits := task.waiting()) and (
        len(waits) >= WAITS_MAX or task.waiting_bytes + size > WAITS_BYTES
    ):
        work.close()
        why = f"{len(waits)} requests of {task.waiting_bytes} bytes are waiting"
        _failed(pvmd, request, route, Refused(c.PvmOutOfRes, why))
        return

    async def awaited() -> Record | None:
        """The result; who hears of it may ask again at once, so nothing waits then."""
        try:
            return await work
        finally:
            waits.pop(job, None)
            if task is not None:
                task.answered(size)

    async def answer() -> None:
        try:
            result = await awaited()
            if result is not None:
                pvmd.reply(request, result, route.reply_tag)
        except Exception as error:
            pvmd.log.about = _asker(request)
            _failed(pvmd, request, route, error)
            pvmd.log.about = None

    job = pvmd.loop.create_task(answer())
    waits[job] = request.tag, request.ctx, request.wid
    job.add_done_callback(lambda _: waits.pop(job, None))  # also if cancelled before it began
    if task is not None:
        task.waiting_bytes += size
