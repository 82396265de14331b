# SPDX-License-Identifier: MIT
"""A Python task that starts a C task (sum_worker.c) and lets it add numbers."""

from __future__ import annotations

import array

from pvm3py import Message, Task, Tid

NUMBERS = 1
SUM = 2


def ask(task: Task, worker: Tid, numbers: array.array[float]) -> float:
    """Send numbers to the worker and return the sum that it answers."""
    task.Send(Message().pack(len(numbers)).pack(numbers), worker, NUMBERS)
    return float(task.receive(worker, SUM).unpack("double"))


def main() -> None:
    """Hold the conversation."""
    with Task() as task:
        print(f"conversation.py: I am {task.tid}")
        (worker,) = task.spawn("sum_worker")
        for count in (3, 1000):
            answer = ask(task, worker, array.array("d", range(1, count + 1)))
            print(f"conversation.py: the C task {worker} says 1 + ... + {count} = {answer:g}")
        task.Send(Message().pack(0), worker, NUMBERS)


if __name__ == "__main__":
    main()
