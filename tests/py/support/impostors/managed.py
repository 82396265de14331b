# SPDX-License-Identifier: MIT
"""A scheduler of hosts that the test plays, by the test's clock, without a machine."""

from __future__ import annotations

from typing import NamedTuple

from pvm3py import mist
from pvm3py.places import host_tid
from pvm3py.rm.link import Received
from pvm3py.wire import constants as c
from pvm3py.wire.checkpoints import RestartReply
from pvm3py.wire.moves import HoldTasks, HostStat, Migrated, MoveOrder, MoveReply, TaskStat

MIB = 1 << 10  # in kilobytes
AUTO, HERE, GONE = c.WIRE_OWNER_AUTO, c.WIRE_OWNER_HERE, c.WIRE_OWNER_GONE
LONG_AGO = 1 << 20


class Posted(NamedTuple):
    """What a manager has sent."""

    dst: int
    tag: int
    body: bytes
    wid: int


class Desk:
    """A scheduler of hosts that the test plays. now: its clock; sent: what was not taken yet."""

    def __init__(self, policy: mist.Policy, hosts: int) -> None:
        self.now = 1000.0
        self.sent: list[Posted] = []
        self.manager = mist.Scheduler(policy, lambda: self.now)
        self.epoch = 0
        for number in range(1, hosts + 1):
            tid = host_tid(number)
            self.manager.hosts[tid] = mist.Host(tid, f"h{number}", "LINUX64", 1000)

    def host(self, number: int) -> mist.Host:
        return self.manager.view.hosts[host_tid(number)]

    def post(self, dst: int, tag: int, body: bytes, *, wid: int = 0, ctx: int = 0) -> None:
        del ctx
        self.sent.append(Posted(dst, tag, body, wid))

    def hear(self, number: int, tag: int, body: bytes, wid: int = 0) -> None:
        """A message of a host's daemon."""
        self.manager.view.now = self.now
        self.manager.serve(Received(c.TIDPVMD | host_tid(number), tag, wid, body))
        self.manager.tick()

    def report(
        self,
        number: int,
        *tasks: TaskStat,
        owner: int = AUTO,
        others: float = 0.0,
        idle: int = LONG_AGO,
        cores: int = 1,
    ) -> None:
        stat = HostStat(cores, round(others * 1000), 0, 1000, 0, idle, owner, list(tasks))
        self.hear(number, c.SM_HOSTSTAT, stat.encode())

    def later(self, seconds: float) -> None:
        self.now += seconds
        self.manager.tick()

    def take(self, tag: int) -> list[Posted]:
        """What has been sent with this tag."""
        taken = [one for one in self.sent if one.tag == tag]
        self.sent = [one for one in self.sent if one.tag != tag]
        return taken

    def moves(self) -> list[tuple[int, str]]:
        """Tasks that were to be moved, and where to."""
        orders = [MoveOrder.decode(one.body) for one in self.take(c.SM_MIGRATE)]
        return [(order.tid, order.host) for order in orders]

    def holds(self) -> list[tuple[int, list[int], int]]:
        """Hosts, tasks and words of the orders to stop, or not to."""
        orders = [(one.dst, HoldTasks.decode(one.body)) for one in self.take(c.SM_HOLDTASK)]
        return [(dst & ~c.TIDPVMD, order.tids, order.on) for dst, order in orders]

    def reply(self, order: Posted, tag: int, reply: MoveReply | RestartReply) -> None:
        """What the daemon answers to an order."""
        self.manager.serve(Received(c.TIDPVMD | order.dst, tag, order.wid, reply.encode()))
        self.manager.tick()

    def answer(self, order: Posted, reply: MoveReply) -> None:
        """How a move has gone."""
        self.reply(order, c.SM_MIGRATEACK, reply)

    def done(self, order: Posted, kilobytes: int = MIB, frozen: int = 10) -> None:
        """A move is done as it was ordered."""
        wanted = MoveOrder.decode(order.body)
        goal = next(h for h in self.manager.hosts.values() if h.name == wanted.host)
        self.moved(wanted.tid, order.dst & ~c.TIDPVMD, goal.tid, kilobytes, frozen)
        self.answer(order, MoveReply(0))

    def moved(self, tid: int, origin: int, goal: int, kilobytes: int, frozen: int) -> None:
        self.epoch += 1
        news = Migrated(tid, self.epoch, origin, goal, kilobytes, frozen, frozen)
        self.manager.view.now = self.now
        self.manager.serve(Received(c.TIDPVMD | origin, c.SM_MIGRATED, 0, news.encode()))


def of(host: int, number: int) -> int:
    """The tid of a task that was born on a host."""
    return host_tid(host) | number


def stat(
    tid: int, size: int = MIB, *, share: float = 1.0, held: int = 0, why: int = 0, job: int = 0
) -> TaskStat:
    return TaskStat(tid, size, round(share * 1000), held, why, job or tid)
