# SPDX-License-Identifier: MIT
"""OwnerFirst: a host is its owner's; tasks use it while that is away."""

from __future__ import annotations

from collections.abc import Iterator

from .balance import Balance
from .machine import Host, Machine
from .policy import Action, Hold, Move, Resume, smallest_first


class OwnerFirst(Balance):
    """Tasks stop at once where an owner has come back, and go where none is, the smallest first.

    One that cannot go, or has nowhere to go, stays stopped. What has hosts without owners is evened
    out among these.
    """

    def accepts(self, host: Host) -> bool:
        """A host whose owner uses it is not for tasks."""
        return not host.owner

    def tick(self, machine: Machine) -> Iterator[Action]:
        """Leave the hosts of owners, then even out."""
        for host in machine.hosts.values():
            for task in host.jobs.values():
                if host.owner and not (task.stopped or task.serves):
                    yield Hold(task)
                elif not host.owner and task.stopped:
                    yield Resume(task)
        leaving = list(self._leave(machine))
        yield from leaving or super().tick(machine)

    def _leave(self, machine: Machine) -> Iterator[Action]:
        """Moves away from owners, each to where there is least to do with those before."""
        free = [host for host in machine.goals() if not host.owner]
        planned: dict[Host, int] = {}
        for host in machine.hosts.values():
            for task in smallest_first(host) if host.owner else ():
                goal = machine.best(free, planned)
                if goal is not None and task.movable(machine.now):
                    planned[goal] = planned.get(goal, 0) + 1
                    yield Move(task, goal)
