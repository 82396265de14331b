# SPDX-License-Identifier: MIT
"""Functions that tests have child tasks run, whose messages an event loop awaits."""

from __future__ import annotations

import array
import time

from pvm3py import Task


def echo() -> None:
    """Send back each object under its tag until None comes."""
    with Task() as task:
        for message in task.messages():
            obj = message.object()
            if obj is None:
                return
            message.source.send(obj, message.tag)


def echo_late() -> None:
    """Send the parent back each number of seconds after it, until None comes."""
    with Task() as task:
        parent = task.parent
        assert parent is not None
        while (seconds := task.recv(parent)) is not None:
            time.sleep(seconds)
            parent.send(seconds)


def count(numbers: int, tag: int) -> None:
    """Send the parent the numbers from 0 on."""
    with Task() as task:
        parent = task.parent
        assert parent is not None
        for number in range(numbers):
            parent.send(number, tag)
        task.recv(parent)


def count_when_asked(numbers: int, tag: int) -> None:
    """Send the parent what it sends, until None comes; then the numbers from 0 on."""
    with Task() as task:
        parent = task.parent
        assert parent is not None
        while (obj := task.recv(parent)) is not None:
            parent.send(obj)
        for number in range(numbers):
            parent.send(number, tag)
        task.recv(parent)


def answer_later(seconds: float) -> None:
    """Send the parent two objects, with a pause between them."""
    with Task() as task:
        parent = task.parent
        assert parent is not None
        parent.send("first", 1)
        time.sleep(seconds)
        parent.send("second", 2)


def nothing() -> None:
    """End at once."""


def member(name: str, size: int) -> None:
    """Be one of a group that does some collectives."""
    with Task() as task, task.group(name) as group:
        group.barrier(size)
        group.bcast(None, 0)
        group.gather(group.instance * 10, 0)
        group.allreduce(1)
        numbers = array.array("d", [1.0, 2.0])
        group.Reduce(numbers, "sum", 0, 5)
        group.barrier(size)
