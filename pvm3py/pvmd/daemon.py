# SPDX-License-Identifier: MIT
"""The daemon: its parts, the dispatch of messages to handlers, its beginning and end."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
import time
import traceback
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from pvm3py.wire import constants as c
from pvm3py.wire.codec import WireError
from pvm3py.wire.record import Record
from pvm3py.wire.task import ConnectReply, Status

# The modules with handlers: importing them fills dispatch.ROUTES.
from . import (  # noqa: F401
    addhost,
    enrol,
    hostinfo,
    leaving,
    manager,
    network,
    slave,
    spawn,
    tickle,
)
from .config import TEMPORARIES, Settings
from .connections import Connection
from .contexts import Contexts
from .dispatch import ROUTES, Refused, Request, Route, Sender
from .failure import host_event
from .hosts import Host, HostTable
from .log import DEBUG_MESSAGES, Log
from .mailbox import Mailbox
from .notify import Notices
from .peers import ANSWERS, HostFailed, Peers
from .placement import Placement
from .registry import Registry
from .selector import new_event_loop
from .switch import (
    CloseEvent,
    DrainedEvent,
    Event,
    HostEvent,
    MessageEvent,
    OpenEvent,
    SpokeEvent,
    Switch,
    frame,
)
from .tasks import Task, TaskTable, signal_task
from .tracing import Tracers

Result = TypeVar("Result")

# Signals that end the daemon. They are blocked before run() and after it, while the start and
# the end of the daemon must not be cut short.
ENDING = (signal.SIGTERM, signal.SIGINT)
# Requests of one task that may wait for something at a time; the library has one.
_WAITS_MAX = 100
# Answers to other daemons that have the context of their request.
_WITH_CONTEXT = (c.DM_ADDACK, c.DM_EXECACK, c.DM_HTUPDACK, c.SM_EXECACK, c.SM_ADDACK)
# Cookies of tasks that a tasker starts; those started here have their pid.
_COOKIES = range(10000000, 20000000)
# Seconds that children have to end after SIGTERM when the daemon stops.
_GRACE = 1.0
# Seconds after the last new task or host until memory is given back that their start took.
_TRIM_SECONDS = 2.0


class Pvmd:
    """One daemon."""

    def __init__(self, settings: Settings, log: Log, own: Host, listener: socket.socket) -> None:
        self.settings = settings
        self.log = log
        self.hosts = HostTable(own)
        self.tasks = TaskTable(own.tid)
        self.registry = Registry()
        self.tracers = Tracers()
        self.notices = Notices()
        self.peers = Peers(self)
        self.placement = Placement(own.tid)
        self.contexts = Contexts(own.tid)
        self.drained: dict[int, list[Callable[[], None]]] = {}
        # Child processes that are no tasks: what to call with the wait(2) status of each.
        self.children: dict[int, Callable[[int], None]] = {}
        self.addition = addhost.Addition()
        # The UDP socket, once there is one; standard input and error, if on a terminal.
        self.udp: socket.socket | None = None
        self.terminal: tuple[int, int] | None = None
        self._background: set[asyncio.Task[Any]] = set()
        self.daemon_tid = c.TIDPVMD | own.tid
        self.switch = Switch(listener.fileno(), self.daemon_tid)
        self.switch.handler = self._event
        self.mailbox = Mailbox(self.switch)
        self.loop = new_event_loop(self.switch)
        self._connections: dict[int, Connection] = {}
        self._temporaries = 0
        self._trim_due = 0.0
        self._cookie = 0
        self.loop.set_exception_handler(self._loop_failed)
        self._stopped: asyncio.Future[int] = self.loop.create_future()
        for signum in ENDING:
            if signal.getsignal(signum) is not signal.SIG_IGN:
                self.loop.add_signal_handler(signum, self._signalled, signum)
        self.loop.add_signal_handler(signal.SIGCHLD, leaving.reap_children, self)

    # Sending.

    def send(self, dst: int, tag: int, ctx: int, body: bytes, wid: int = 0) -> None:
        """A message of the daemon's own to a task of any host; dropped if there is no such task."""
        src = c.TIDPVMD if self.owns(dst) else self.daemon_tid
        self.switch.send(dst, src, tag, ctx, wid, body)

    def reply(self, request: Request, record: Record, tag: int = 0) -> None:
        """Answer a request: same tag if none is given, and wait id.

        The context is the request's, too, but towards other hosts only in some answers.
        """
        body, tag = record.encode(), tag or request.tag
        if request.task is not None:
            source, tag = request.manager or (c.TIDPVMD, tag)
            self.switch.send(request.src, source, tag, request.ctx, request.wid, body)
        elif request.host is not None:
            ctx = request.ctx if tag in _WITH_CONTEXT else c.BASECONTEXT
            self.switch.send(request.src, self.daemon_tid, tag, ctx, request.wid, body)
        else:
            answer = frame(0, c.TIDPVMD, tag, request.ctx, request.wid, body)
            self.switch.send_conn(request.connection.conn, answer)

    def drop(self, connection: Connection, why: str, *, flush: bool = False) -> None:
        """Close a connection for a reason that the log tells."""
        who = f"t{connection.task.tid:x}" if connection.task else f"pid {connection.pid}"
        self.log(f"connection of {who} dropped: {why}")
        connection.drop_enrolment()
        self.switch.close_conn(connection.conn, flush=flush)

    # Receiving.

    def _event(self, event: Event) -> None:
        """An event of the switch."""
        if isinstance(event, MessageEvent):
            self._message(event)
        elif isinstance(event, SpokeEvent):
            manager.spoke(self, event)
        elif isinstance(event, OpenEvent):
            connection = Connection(event.conn, event.pid)
            self._connections[event.conn] = connection
            enrol.connection_opened(self, connection)
        elif isinstance(event, CloseEvent):
            connection = self._connections.pop(event.conn)
            if event.text:
                self.log(f"connection of pid {connection.pid} closed: {event.text}")
            leaving.connection_closed(self, connection)
        elif isinstance(event, DrainedEvent):
            for resume in self.drained.pop(event.tid, ()):
                resume()
        elif isinstance(event, HostEvent):
            host_event(self, event)
        else:
            self.log(event.text)

    def _message(self, event: MessageEvent) -> None:
        """A message to the daemon: an answer that is awaited, or a request."""
        if self.log.mask & DEBUG_MESSAGES:
            self.log(f"{c.message_name(event.tag)} from {event.src & 0xFFFFFFFF:x}")
        if not event.dst & c.TIDPVMD:
            manager.asks(self, event)
            return
        if event.conn:
            connection = self._connections[event.conn]
            self._serve(_request(event, connection, connection.task, None))
            return
        host = self.hosts.get(event.src)
        if host is None:
            self.log(f"{c.message_name(event.tag)} of no host, dropped")
        elif event.tag in ANSWERS and event.src & c.TIDPVMD:
            self.peers.answered(event)
        else:
            self._serve(_request(event, None, None, host))

    def serve_for_manager(self, event: MessageEvent, tag: int, manager: int) -> None:
        """Serve a task's message to a resource manager as request `tag`, in the manager's name."""
        connection = self._connections.get(event.conn)
        if connection is not None and connection.task is not None:
            request = _request(event, connection, connection.task, None)
            request.tag = tag
            request.manager = (manager, event.tag)
            self._serve(request)

    def _serve(self, request: Request) -> None:
        """Find the handler of a request, and do what that says."""
        route = ROUTES.get(request.tag)
        if route is None or request.sender not in route.senders:
            self._unserved(request)
            return
        try:
            result = route.function(self, request, route.body.decode(request.body))
            if isinstance(result, Record):
                self.reply(request, result, route.reply_tag)
        except Exception as error:
            self._failed(request, route, error)
            return
        if result is not None and not isinstance(result, Record):
            self._await_result(request, route, result)

    def _unserved(self, request: Request) -> None:
        """A message that has no handler, or none for this sender."""
        name, src = c.message_name(request.tag), request.src & 0xFFFFFFFF
        if request.host is not None:
            self.log(f"{name} of t{src:x} is not served, dropped")
        elif request.task is None:
            self.drop(request.connection, f"{name} before enrolment")
        elif request.tag == c.TM_CONNECT:
            self.log(f"t{src:x}: is enrolled and connects again, refused")
            self.reply(request, ConnectReply(c.TDPROTOCOL, 0, ""))
        elif c.TM_LAST < request.tag < c.TM_FIRST + 0x10000:
            self.log(f"{name} of t{src:x} is not served")
            self.reply(request, Status(c.PvmNotImpl))
        elif request.tag in (c.TM_CONN2, c.TM_SHMCONN):
            self.drop(request.connection, f"{name} of an enrolled task")
        else:
            self.log(f"{name} of t{src:x} is not for a pvmd, ignored")

    def _failed(self, request: Request, route: Route, error: BaseException) -> None:
        """A handler raised: say so, and answer if the sender waits.

        A body that cannot be decoded is answered to tasks only: what comes from a daemon was not
        asked for by a task that waits, or the daemon is broken.
        """
        code, why = c.PvmDSysErr, f"{error}"
        if isinstance(error, Refused):
            code = error.code
        elif isinstance(error, HostFailed):
            code = c.PvmHostFail
        elif isinstance(error, WireError):
            code, why = c.PvmBadParam, f"malformed: {error}"
        else:
            self.log("".join(traceback.format_exception(error)))
            why = "internal error"
        name, who = c.message_name(request.tag), request.src & 0xFFFFFFFF
        self.log(f"{name} of t{who:x}: {why} ({c.error_name(code)})")
        if request.sender is Sender.ENROLLING:
            self.drop(request.connection, "enrolment failed")
            return
        from_daemon = request.sender is Sender.DAEMON
        if route.reply_tag and not (from_daemon and isinstance(error, WireError)):
            self.reply(request, Status(code), route.reply_tag)

    def _await_result(
        self, request: Request, route: Route, work: Coroutine[None, None, Record | None]
    ) -> None:
        """Answer when a handler that waits is done, unless its requester is gone before."""
        if request.task is None:
            waits = self.peers.serving[request.src & c.TIDHOST]
        elif len(waits := request.task.waiting()) >= _WAITS_MAX:
            work.close()
            why = f"{_WAITS_MAX} requests are waiting"
            self._failed(request, route, Refused(c.PvmOutOfRes, why))
            return

        async def answer() -> None:
            try:
                result = await work
                if result is not None:
                    self.reply(request, result, route.reply_tag)
            except Exception as error:
                self._failed(request, route, error)

        job = self.loop.create_task(answer())
        waits.add(job)
        job.add_done_callback(waits.discard)

    # What handlers ask for.

    def owns(self, tid: int) -> bool:
        """Whether a tid of a task, a daemon or a host is of this host."""
        return tid & c.TIDHOST == self.hosts.own.tid

    def full(self) -> bool:
        """Whether no further task may be: PVM_MAX_TASKS are there, or the daemon ends."""
        return self._stopped.done() or 0 < self.settings.max_tasks <= len(self.tasks)

    def background(self, work: Coroutine[None, None, Result]) -> asyncio.Task[Result]:
        """Do something that no single request ends."""
        job = self.loop.create_task(work)
        self._background.add(job)
        job.add_done_callback(self._background.discard)
        return job

    def trim_later(self) -> None:
        """Something took memory for a while: give it back when no more of that comes."""
        if not self._trim_due:
            self.loop.call_later(_TRIM_SECONDS, self._trim)
        self._trim_due = self.loop.time() + _TRIM_SECONDS

    def _trim(self) -> None:
        if self.loop.time() < self._trim_due:
            self.loop.call_at(self._trim_due, self._trim)
        else:
            self._trim_due = 0.0
            self.switch.trim()

    def create_temporary(self) -> str:
        """Path of a new empty file of this user in PVM_TMP."""
        path = ""
        for _ in range(TEMPORARIES):
            self._temporaries += 1
            path = self.settings.temporary(self._temporaries)
            try:
                fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            except FileExistsError:
                continue
            os.close(fd)
            return path
        raise FileExistsError(errno.EEXIST, "all names like it are taken", path)

    def next_cookie(self) -> int:
        """The cookie of the next task that a tasker starts."""
        cookie = _COOKIES[self._cookie % len(_COOKIES)]
        self._cookie += 1
        return cookie

    def debugger(self) -> str:
        """Path of the debugger script."""
        root = os.environ.get("PVM_ROOT", "")
        return self.settings.debugger or f"{root}/lib/debugger"

    # Beginning and end.

    def stop(self, status: int) -> None:
        """End the daemon with this exit status."""
        if not self._stopped.done():
            self._stopped.set_result(status)

    def run(self) -> int:
        """Serve until stop() or an unforeseen error, then end all tasks; the exit status."""
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
        if self.hosts.is_master:
            self.switch.serve_mail()
        try:
            for plugin in self.settings.plugins:
                spawn.start_plugin(self, plugin)
            status = self.loop.run_until_complete(self._stopped)
        except Exception:
            self.log(traceback.format_exc())
            status = 1
            self.stop(status)
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        try:
            network.leave(self)
            self._end_tasks()
        except Exception:
            self.log(traceback.format_exc())
            status = 1
        return status

    def _loop_failed(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Something that runs in the event loop raised: the daemon goes on."""
        error = context.get("exception")
        trace = "".join(traceback.format_exception(error)) if error else ""
        self.log(f"{context['message']}\n{trace}")

    def _signalled(self, signum: int) -> None:
        self.log(f"caught signal {signum}")
        self.stop(signum)

    def _end_tasks(self) -> None:
        """SIGTERM to every task; wait a little for the processes started here."""
        for task in self.tasks:
            signal_task(self, task, signal.SIGTERM)
        deadline = time.monotonic() + _GRACE
        try:
            while any(task.forked for task in self.tasks) and time.monotonic() < deadline:
                self.loop.run_until_complete(asyncio.sleep(0.01))
        finally:
            for task in self.tasks:
                leaving.remove_files(self, task)
            for connection in self._connections.values():
                connection.drop_enrolment()

    def close(self) -> None:
        """Close all connections and files."""
        for job in asyncio.all_tasks(self.loop):
            job.cancel()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()
        self.switch.close()
        if self.udp is not None:
            self.udp.close()


def _request(
    event: MessageEvent, connection: Connection | None, task: Task | None, host: Host | None
) -> Request:
    src, tag, ctx, wid, body = event.src, event.tag, event.ctx, event.wid, event.body
    return Request(connection, task, host, src, tag, ctx, wid, body)
