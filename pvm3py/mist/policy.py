# SPDX-License-Identifier: MIT
"""Policy: what decides; and the actions that it can ask for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pvm3py.rm import Order

from .machine import Host, Machine, Parked, Task


@dataclass(frozen=True)
class Move:
    """Move a task to a host. It goes on there, unless a user has stopped it."""

    task: Task
    host: Host


@dataclass(frozen=True)
class Hold:
    """Stop a task."""

    task: Task


@dataclass(frozen=True)
class Resume:
    """Let a task go on."""

    task: Task


@dataclass(frozen=True)
class Park:
    """Have a job, of which these are all tasks, written to disk and end; it is parked then."""

    tasks: tuple[Task, ...]


@dataclass(frozen=True)
class Restart:
    """Start such a job again, on some hosts."""

    job: Parked
    hosts: tuple[Host, ...]


Action = Move | Hold | Resume | Park | Restart


class Policy:
    """Base of policies: tasks are placed where there is least to do, and stay there.

    What a policy sees is in machine.py. An action that cannot be done at once is dropped, so a
    policy asks for it again as long as it wants it.
    """

    def accepts(self, host: Host) -> bool:
        """Whether a host may get tasks now."""
        return not host.owner

    def place(self, order: Order, machine: Machine) -> Sequence[Host]:
        """Choose the hosts of `order.count` tasks out of `order.hosts`, one for each, in order.

        If none of these may get tasks, they are started there all the same.
        """
        hosts = [machine.hosts[host.tid] for host in order.hosts]
        allowed = [host for host in hosts if self.accepts(host)] or hosts
        planned: dict[Host, int] = {}
        for _ in range(order.count):
            best = machine.best(allowed, planned)
            assert best is not None
            planned[best] = planned.get(best, 0) + 1
        return [host for host in allowed for _ in range(planned.get(host, 0))]

    def goal(self, task: Task, machine: Machine) -> Host | None:
        """Where a task goes that somebody wants elsewhere; None: nowhere."""
        others = [host for host in machine.goals() if host is not task.host]
        return machine.best([host for host in others if self.accepts(host)])

    def tick(self, machine: Machine) -> Iterable[Action]:
        """What is to be done now; asked once a second, and when something has changed."""
        del machine
        return ()


def smallest_first(host: Host) -> Iterator[Task]:
    """The tasks of a host that serve nobody but their programs, those with least memory first."""
    tasks = [task for task in host.jobs.values() if not task.serves]
    return iter(sorted(tasks, key=lambda task: (task.size, task.tid)))
