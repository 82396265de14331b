# SPDX-License-Identifier: MIT
"""Messages between two tasks of a private machine."""

from __future__ import annotations

import array
import time
from collections.abc import Callable

from pvm3py import Task, Tid, VirtualMachine

from .timing import per_call

SMALL = (1, 2.5, "three")
MEBIBYTE = 131072  # doubles
_END = 9


def _large() -> array.array[float]:
    return array.array("d", [1.0]) * MEBIBYTE


def doubles_as_object() -> object:
    """1 MiB of doubles, of numpy if that is installed."""
    try:
        import numpy as np  # noqa: PLC0415
    except ImportError:
        return bytes(8 * MEBIBYTE)
    return np.ones(MEBIBYTE)


# ---- the other task ------------------------------------------------------------------------


def echo_objects() -> None:
    """Send back each object until None comes."""
    task = Task()
    them = task.parent
    assert them is not None
    while (obj := task.recv(them)) is not None:
        task.send(obj, them)


def echo_buffers() -> None:
    """Send back each buffer until a message with the tag _END comes."""
    task = Task()
    them = task.parent
    assert them is not None
    room = _large()
    while True:
        message = task.probe(them, timeout=None)
        if message is None or message.tag == _END:
            return
        task.Recv(room, them)
        task.Send(room, them)


# ---- rows ----------------------------------------------------------------------------------


def small_object(seconds: float) -> float:
    """Half a round trip of a small tuple, us."""
    return _objects(SMALL, seconds)


def large_object(seconds: float) -> float:
    """Half a round trip of 1 MiB of doubles as an object, us."""
    return _objects(doubles_as_object(), seconds)


def _objects(obj: object, seconds: float) -> float:
    def measure(task: Task, them: Tid) -> float:
        def there_and_back() -> None:
            task.send(obj, them)
            task.recv(them)

        figure = per_call(there_and_back, seconds) / 2
        task.send(None, them)
        return figure

    return _with(echo_objects, measure)


def buffer(seconds: float) -> float:
    """Half a round trip of 1 MiB of doubles as a buffer, us."""

    def measure(task: Task, them: Tid) -> float:
        sent, room = _large(), _large()

        def there_and_back() -> None:
            task.Send(sent, them)
            task.Recv(room, them)

        figure = per_call(there_and_back, seconds) / 2
        task.send(None, them, _END)
        return figure

    return _with(echo_buffers, measure)


def spawns(seconds: float) -> float:
    """Functions in tasks of their own, 32 at once, until each has answered: tasks a second."""
    with VirtualMachine() as machine, machine.task as task:
        rates = []
        end = time.perf_counter() + seconds
        while not rates or time.perf_counter() < end:
            start = time.perf_counter()
            task.spawn(report, n=32)
            for _ in range(32):
                task.recv()
            rates.append(32 / (time.perf_counter() - start))
        return sorted(rates)[len(rates) // 2]


def report() -> None:
    """Tell the parent that this task runs."""
    task = Task()
    assert task.parent is not None
    task.send("here", task.parent)


def _with(function: Callable[[], None], measure: Callable[[Task, Tid], float]) -> float:
    with VirtualMachine() as machine, machine.task as task:
        (them,) = task.spawn(function)
        return measure(task, them)
