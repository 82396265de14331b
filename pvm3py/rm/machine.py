# SPDX-License-Identifier: MIT
"""What a resource manager knows of the machine, and what it is asked to place."""

from __future__ import annotations

from dataclasses import dataclass, field

from pvm3py import placement
from pvm3py.places import Places
from pvm3py.wire import constants as c
from pvm3py.wire.system import ExecRequest, exec_request
from pvm3py.wire.task import SpawnRequest


@dataclass(eq=False)
class Host:
    """One host. speed: as the host file says, 1000 is usual; tasks: tids of those that run there.

    load, cores: number of busy processes (the load average of a minute) and of processors, if the
    manager watches them, else 0 and 1.
    """

    tid: int
    name: str
    arch: str
    speed: int
    tasks: set[int] = field(default_factory=set)
    load: float = 0.0
    cores: int = 1


@dataclass(frozen=True)
class Order:
    """Tasks to be placed.

    hosts: those that the spawn allows, in the order of their tids, at least one; count: number of
    tasks; program, args: what they run; task: tid of the spawning task; flags, where: of the spawn.
    """

    hosts: list[Host]
    count: int
    program: str
    args: list[str]
    task: int
    flags: int
    where: str


class Machine:
    """The hosts by tid, and where tasks run."""

    def __init__(self) -> None:
        self.hosts: dict[int, Host] = {}
        self.places = Places()

    def host_of(self, tid: int) -> Host | None:
        """The host where a task runs, or that of a daemon's or host's tid."""
        return self.hosts.get(self.places.place(tid))

    def selected(self, flags: int, where: str, home: int) -> list[Host]:
        """The hosts that a spawn allows, in the order of their tids; "." is the host `home`."""
        hosts = sorted(self.hosts.values(), key=lambda host: host.tid)
        return placement.selected(hosts, flags, where, self.host_of(home))


class Spawn:
    """A spawn that is being served: its request, and the tid or error of each task.

    open: hosts that have not answered; refusing: hosts that have answered with an error.
    """

    def __init__(self, task: int, wid: int, body: SpawnRequest) -> None:
        self.task, self.wid, self.body = task, wid, body
        self.where, colon, self.directory = body.where.partition(":")
        self.env = [*body.env, f"PVMSPAWNWD={self.directory}"] if colon else body.env
        self.tids = [c.PvmOutOfRes] * body.count
        self.open = 0
        self.answered = False
        self.refusing: set[Host] = set()

    @property
    def parent(self) -> int:
        """The parent of the tasks."""
        return c.PvmParentNotSet if self.body.flags & c.PvmNoSpawnParent else self.task

    @property
    def movable(self) -> bool:
        """Whether what a host that fails was to start goes to others."""
        return not self.body.flags & (c.PvmTaskHost | c.PvmTaskArch)

    def order(self, hosts: list[Host], count: int) -> Order:
        """What a policy is asked."""
        body = self.body
        return Order(hosts, count, body.file, list(body.args), self.task, body.flags, self.where)

    def part(self, start: int, count: int, outof: int) -> ExecRequest:
        """What one host is to start."""
        return exec_request(self.body, self.parent, self.env, start, count, outof)
