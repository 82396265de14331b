# SPDX-License-Identifier: MIT
"""The daemon that every topic is given: what it knows, what it sends with, and what it can do."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine
from typing import Any, Self, TypeVar

from pvm3py.wire import constants as c
from pvm3py.wire.record import Record

from .dispatch import ROUTES, Request
from .io.switch import Switch, frame
from .peers import Peers
from .state.config import Settings
from .state.connections import Connection
from .state.errors import Refused
from .state.hosts import Host, HostTable
from .state.log import Log
from .state.task import TaskTable

Result = TypeVar("Result")

# Seconds after the last new task or host until memory is given back that their start took.
_TRIM_SECONDS = 2.0


class Pvmd:
    """One daemon; serving.py drives it.

    place: where a task runs, see Places; connections: by the switch's numbers; tables: those of
    topics, see Table; udp: the socket for other hosts, once there is one; terminal: standard input
    and error, if somebody can be asked there; stopped: the exit status, once the daemon is to end.
    """

    def __init__(
        self,
        settings: Settings,
        log: Log,
        own: Host,
        switch: Switch,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.settings = settings
        self.log = log
        self.daemon_tid = c.TIDPVMD | own.tid
        self.hosts = HostTable(own)
        self.place = self.hosts.places.place
        self.tasks = TaskTable()
        self.connections: dict[int, Connection] = {}
        self.tables: dict[type[Table], Any] = {}
        self.switch = switch
        self.loop = loop
        self.peers = Peers(switch, self.hosts, loop, log)
        self.udp: socket.socket | None = None
        self.terminal: tuple[int, int] | None = None
        self.reserved: frozenset[int] = frozenset()
        self.stopped: asyncio.Future[int] = loop.create_future()
        self._background: set[asyncio.Task[Any]] = set()
        self._trim_due = 0.0

    # Sending.

    def send(self, dst: int, tag: int, ctx: int, body: bytes, wid: int = 0) -> None:
        """A message of the daemon's own to a task of any host; dropped if there is no such task."""
        src = c.TIDPVMD if self.owns(dst) else self.daemon_tid
        self.switch.send(dst, src, tag, ctx, wid, body)

    def reply(self, request: Request, record: Record, tag: int = 0) -> None:
        """Answer a request: same tag if none is given, and wait id.

        The context is the request's, too, but towards other hosts only if its handler says so.
        """
        if request.answered:
            return
        body, tag = record.encode(), tag or request.tag
        if request.task is not None:
            source, tag = request.manager or (c.TIDPVMD, tag)
            self.switch.send(request.src, source, tag, request.ctx, request.wid, body)
        elif request.host is not None:
            ctx = request.ctx if ROUTES[request.tag].context else c.BASECONTEXT
            self.switch.send(request.src, self.daemon_tid, tag, ctx, request.wid, body)
        else:
            answer = frame(0, c.TIDPVMD, tag, request.ctx, request.wid, body)
            self.switch.send_conn(request.connection.conn, answer)

    def drop(self, connection: Connection, why: str, *, flush: bool = False) -> None:
        """Close a connection for a reason that the log tells."""
        who = f"t{connection.task.tid:x}" if connection.task else f"pid {connection.pid}"
        self.log(f"connection of {who} dropped: {why}")
        self.switch.close_conn(connection.conn, flush=flush)

    # What handlers ask for.

    def owns(self, tid: int) -> bool:
        """Whether a task runs on this host; of a daemon's or host's tid, whether it is this one."""
        return self.hosts.places.place(tid) == self.hosts.own.tid

    def next_tid(self) -> int:
        """Use up the tid of a task of this host. Refused: all are in use."""
        tid = self.switch.next_tid()
        while tid in self.reserved:
            tid = self.switch.next_tid()
        if not tid:
            raise Refused(c.PvmOutOfRes, "all numbers of tasks are in use")
        return tid

    def full(self) -> bool:
        """Whether no further task may be: PVM_MAX_TASKS are there, or the daemon ends."""
        return self.stopped.done() or 0 < self.settings.max_tasks <= len(self.tasks)

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

    def stop(self, status: int) -> None:
        """End the daemon with this exit status. No task is welcome any more."""
        self.switch.forget_answers()
        if not self.stopped.done():
            self.stopped.set_result(status)

    def close(self) -> None:
        """Close all connections and files."""
        for job in asyncio.all_tasks(self.loop):
            job.cancel()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()
        self.switch.close()
        if self.udp is not None:
            self.udp.close()


class Table:
    """What a topic keeps of a daemon; others reach it as `Notices.of(pvmd)`."""

    @classmethod
    def of(cls, pvmd: Pvmd) -> Self:
        """The table of this daemon, which is made when it is first wanted."""
        table: Self | None = pvmd.tables.get(cls)
        if table is None:
            table = pvmd.tables[cls] = cls.new(pvmd)
        return table

    @classmethod
    def new(cls, _pvmd: Pvmd) -> Self:
        """An empty table for this daemon. A derived class says here what its __init__ takes."""
        return cls()
