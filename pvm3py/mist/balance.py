# SPDX-License-Identifier: MIT
"""Balance: tasks move to where they get more of a processor."""

from __future__ import annotations

from collections.abc import Iterator

from .machine import BUSY_SHARE, YOUNG_SECONDS, Host, Machine, Task
from .policy import Action, Move, Policy

# A move must gain so many times what it costs.
GAIN = 2.0
# Seconds that a task is thought to run on, at most; else as long as it has been known.
FORESIGHT = 3600.0


class Balance(Policy):
    """Evens out what there is to do, whoever owns the hosts; one move at a time."""

    def accepts(self, host: Host) -> bool:
        """Other people's programs count as work, and no more."""
        return True

    def tick(self, machine: Machine) -> Iterator[Action]:
        """The move that gains most, if one is worth it."""
        hosts = [host for host in machine.goals() if self.accepts(host)]
        if any(task.moving for task in machine.tasks.values()):
            return
        best: tuple[float, Move] | None = None
        for task in machine.tasks.values():
            for host in hosts if self._may_move(task, machine) else ():
                gain = self._gain(task, host, machine)
                if gain > 0 and (best is None or gain > best[0]):
                    best = gain, Move(task, host)
        if best is not None:
            yield best[1]

    def _may_move(self, task: Task, machine: Machine) -> bool:
        """Whether a task computes, and has been where it is for long enough to know that."""
        now = machine.now
        known = task.share > BUSY_SHARE and now - task.since > YOUNG_SECONDS
        ready = task.movable(now) and task.computes(now) and task.rests <= now
        return known and ready and self.accepts(task.host)

    def _gain(self, task: Task, host: Host, machine: Machine) -> float:
        """Seconds that a move gains, after its costs; not above 0: none."""
        if host is task.host:
            return 0.0
        here, there = task.host.crowd(machine.now), host.crowd(machine.now, 1)
        ahead = min(machine.now - task.began, FORESIGHT)
        gain = ahead * (here - there) / here
        cost = machine.cost(task, host)
        return gain - cost if gain >= GAIN * cost else 0.0
