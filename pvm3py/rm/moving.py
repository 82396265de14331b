# SPDX-License-Identifier: MIT
"""MovingManager: a resource manager that is told of hosts and moves, and that moves tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from pvm3py.wire import constants as c
from pvm3py.wire.checkpoints import CheckpointOrder, RestartOrder
from pvm3py.wire.codec import WireError
from pvm3py.wire.daemon import RestBody
from pvm3py.wire.moves import HoldTasks, HostStat, Migrated, MoveOrder, MoveReply, WatchOrder
from pvm3py.wire.system import ExecRequest
from pvm3py.wire.task import Codes, Status

from . import link
from .link import Received
from .load import LoadWatch
from .machine import Host
from .manager import ResourceManager, serves

Answer = Callable[[MoveReply], None]


class _Order(NamedTuple):
    """What a host was asked for, 0: the manager's own."""

    host: int
    done: Answer


class MovingManager(ResourceManager):
    """Base of managers that move tasks.

    reporting: tids of the hosts that report by themselves. On the others, those of 3.4.6, a shell
    script reports the load.
    """

    def __init__(self) -> None:
        super().__init__()
        self.reporting: set[int] = set()
        self._orders: dict[int, _Order] = {}
        self._loads = LoadWatch(self)
        self._asked = 0

    # ---- what a policy may define ------------------------------------------

    def host_reported(self, host: Host, stat: HostStat) -> None:
        """A host says how things are."""

    def task_moved(self, news: Migrated, origin: Host, goal: Host) -> None:
        """A task has moved; it is in goal.tasks, and not in origin.tasks."""

    def move_wanted(self, order: MoveOrder, answer: Answer) -> None:
        """Somebody wants a task moved: `answer` has to be called, now or later."""
        raise NotImplementedError

    # ---- what a policy does ------------------------------------------------

    def move(self, tid: int, host: Host, done: Answer) -> None:
        """Move a task; `done` is told how that has gone, later."""
        wid, place = self._next_wid(), self.machine.places.place(tid)
        self._orders[wid] = _Order(place, done)
        order = MoveOrder(tid, host.name, 0).encode()
        link.post(c.TIDPVMD | place, c.SM_MIGRATE, order, wid=wid)

    def hold(self, host: Host, tids: Iterable[int], *, on: bool) -> None:
        """Stop tasks of a host, or let them go on as far as nobody else has stopped them."""
        order = HoldTasks(int(on), list(tids)).encode()
        link.post(c.TIDPVMD | host.tid, c.SM_HOLDTASK, order)

    def keep(self, tid: int, done: Answer) -> None:
        """Have the job of a task written to disk and end; `done` gets its directory as the text.

        The code is the number of the checkpoint, or the job goes on.
        """
        flags = c.WIRE_CKPT_JOBS | c.WIRE_CKPT_END
        self._ask(c.SM_CKPT, CheckpointOrder("", flags, 0, 0, [tid]).encode(), done)

    def restart(self, directory: str, number: int, hosts: Iterable[Host], done: Answer) -> None:
        """Start it again, with its output where it went; the code is how many tasks there are."""
        names = [host.name for host in hosts]
        self._ask(c.SM_RESTART, RestartOrder(directory, number, -1, 0, 0, names).encode(), done)

    def _ask(self, tag: int, body: bytes, done: Answer) -> None:
        """Ask the manager's own daemon for something."""
        wid = self._next_wid()
        self._orders[wid] = _Order(0, done)
        link.post(c.TIDPVMD, tag, body, wid=wid)

    # ---- life --------------------------------------------------------------

    def start(self, host: Host, job: ExecRequest, done: Callable[[list[int]], None]) -> None:
        """As any manager; what 3.4.6 does not know is not said to its hosts."""
        if host.tid not in self.reporting:
            job.flags &= ~c.PvmTaskFixed
        super().start(host, job, done)

    def register(self) -> None:
        """Become the resource manager, and be told of hosts."""
        super().register()
        self._watch()

    def _watch(self) -> None:
        """Say what this manager takes; hosts that are added are told when it is said again."""
        self._asked = self._next_wid()
        what = WatchOrder(c.WIRE_WATCH_HOSTS | c.WIRE_WATCH_MOVES).encode()
        link.post(c.TIDPVMD, c.SM_WATCH, what, wid=self._asked)

    def host_added(self, host: Host) -> None:
        """A host is there; before `register` has said what this takes, that tells all."""
        if self._asked:
            self._watch()

    def host_lost(self, host: Host) -> None:
        """A host is there no more: what it was asked for does not come."""
        self.reporting.discard(host.tid)
        lost = [wid for wid, order in self._orders.items() if order.host == host.tid]
        for order in [self._orders.pop(wid) for wid in lost]:
            order.done(MoveReply(c.PvmHostFail))

    def task_ended(self, tid: int, host: Host, status: int) -> None:
        """It may have been a script that reports."""
        self._loads.task_ended(tid, host)

    def task_output(self, tid: int, text: str) -> None:
        """A report of a script."""
        self._loads.output(tid, text)

    @property
    def probes(self) -> set[int]:
        """Tids of the scripts that report."""
        return self._loads.probes

    # ---- messages ----------------------------------------------------------

    @serves(c.SM_WATCH, Codes, daemon=True)
    def _watched(self, message: Received, body: Codes) -> None:
        """These hosts report."""
        if message.wid != self._asked:
            return
        before, self.reporting = self.reporting, set(body.values)
        for host in self.hosts.values():
            if host.tid not in self.reporting and (host.tid in before or not host.load):
                self._loads.begin(host)

    @serves(c.SM_HOSTSTAT, HostStat, daemon=True)
    def _reported(self, message: Received, body: HostStat) -> None:
        """The manager's own daemon does not say of which host it is."""
        host = self.machine.host_of(message.src) or self.machine.host_of(self.tid)
        if host is not None:
            self.host_reported(host, body)

    @serves(c.SM_MIGRATEACK, RestBody, daemon=True)
    @serves(c.SM_CKPTACK, RestBody, daemon=True)
    @serves(c.SM_RESTARTACK, RestBody, daemon=True)
    def _done(self, message: Received, body: RestBody) -> None:
        """How that has gone; a refusal may have no words."""
        order = self._orders.pop(message.wid, None)
        if order is None:
            return
        try:
            reply = MoveReply.decode(body.data)
        except WireError:
            reply = MoveReply(Status.decode(body.data).code)
        order.done(reply)

    @serves(c.SM_MIGRATE, MoveOrder, daemon=True)
    def _wanted(self, message: Received, body: MoveOrder) -> None:
        def answer(reply: MoveReply) -> None:
            link.post(message.src, c.SM_MIGRATEACK, reply.encode(), wid=message.wid)

        self.move_wanted(body, answer)

    @serves(c.SM_MIGRATED, Migrated, daemon=True)
    def _moved(self, _message: Received, body: Migrated) -> None:
        origin, goal = self.hosts.get(body.origin), self.hosts.get(body.goal)
        if not self.machine.places.moved(body.tid, body.goal, body.epoch):
            return
        for host in self.hosts.values():
            host.tasks.discard(body.tid)
        if origin is not None and goal is not None:
            goal.tasks.add(body.tid)
            self.task_moved(body, origin, goal)
