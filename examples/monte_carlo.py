# SPDX-License-Identifier: MIT
"""Pi by random points: tasks on all hosts of the machine, which report as they get on.

pvm3py run monte_carlo.py [HOST ...]
"""

from __future__ import annotations

import random
import sys

from pvm3py import Task, VirtualMachine

TASKS = 4
ROUNDS = 5
POINTS = 20_000


def throw(seed: int) -> None:
    """Throw points, and tell the parent after each round how many were inside."""
    task = Task()
    points = random.Random(seed)
    for _ in range(ROUNDS):
        inside = sum(points.random() ** 2 + points.random() ** 2 < 1 for _ in range(POINTS))
        task.send((inside, POINTS), task.parent)


def main() -> None:
    """Start the tasks, and add up what they report."""
    with VirtualMachine.attach(start=True) as machine, machine.task as task:
        machine.hosts.add(*sys.argv[1:])
        for seed in range(TASKS):
            task.spawn(throw, seed)
        inside = thrown = 0
        for _ in range(TASKS * ROUNDS):
            hits, points = task.recv()
            inside += hits
            thrown += points
        print(f"pi is about {4 * inside / thrown:.2f}, by {thrown} points")


if __name__ == "__main__":
    main()
