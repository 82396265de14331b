# SPDX-License-Identifier: MIT
"""OwnerFirst: a host is its owner's; tasks use it while that is away."""

from __future__ import annotations

import os
from collections.abc import Iterator

from .balance import Balance
from .machine import PARK_SECONDS, Host, Machine, Task
from .policy import Action, Hold, Move, Park, Restart, Resume, smallest_first


class OwnerFirst(Balance):
    """Tasks stop at once where an owner has come back, and go where none is, the smallest first.

    One that cannot go, or has nowhere to go, stays stopped. A job of which no task has anywhere to
    go for `patience` seconds is kept on disk until there is a host; 0: it never is. What has hosts
    without owners is evened out among these.
    """

    def __init__(self) -> None:
        self.patience = _patience()

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
        yield from self._park(machine)

    def _leave(self, machine: Machine) -> Iterator[Action]:
        """Moves away from owners, each to where there is least to do with those before."""
        free = _free(machine)
        planned: dict[Host, int] = {}
        for host in machine.hosts.values():
            for task in smallest_first(host) if host.owner else ():
                goal = machine.best(free, planned)
                if goal is not None and task.movable(machine.now):
                    planned[goal] = planned.get(goal, 0) + 1
                    yield Move(task, goal)

    def _park(self, machine: Machine) -> Iterator[Action]:
        """Keep jobs that stand still; start them when there are hosts."""
        now, free = machine.now, tuple(_free(machine))
        for task in machine.tasks.values():
            if free or not task.stopped:
                task.stuck = None
            elif task.stuck is None:
                task.stuck = now
        for job in machine.parked.values() if free else ():
            if not job.starting and job.refused <= now:
                yield Restart(job, free)
        for tasks in machine.jobs() if self.patience else ():
            if all(self._is_due(task, now) for task in tasks):
                yield Park(tuple(tasks))

    def _is_due(self, task: Task, now: float) -> bool:
        """Whether a task has stood still for so long that its job may be kept."""
        ready = task.stuck is not None and task.movable(now)
        return ready and now - (task.stuck or 0.0) >= self.patience


def _free(machine: Machine) -> list[Host]:
    """Hosts that no owner uses."""
    return [host for host in machine.goals() if not host.owner]


def _patience() -> float:
    """What PVM_PARK_SECONDS says. Raises ValueError."""
    text = os.environ.get("PVM_PARK_SECONDS", "")
    try:
        seconds = float(text or PARK_SECONDS)
    except ValueError:
        seconds = -1.0
    if not seconds >= 0:
        raise ValueError(f"PVM_PARK_SECONDS={text} is not a number of seconds")
    return seconds
