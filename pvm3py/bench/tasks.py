# SPDX-License-Identifier: MIT
"""Messages between two tasks of a private machine."""

from __future__ import annotations

import array
import time
from collections.abc import Callable

from pvm3py import Task, Tid, VirtualMachine
from pvm3py._task import ffi, lib

from .timing import per_call, ratio

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
    """Send back each buffer until one with the tag _END comes."""
    task = Task()
    them = task.parent
    assert them is not None
    room = _large()
    while task.Recv(room, them).tag != _END:
        task.Send(room, them)


def echo_raw() -> None:
    """The same by calls of the C library."""
    task = Task()
    assert task.parent is not None
    raw = _Raw(int(task.parent))
    while raw.receive() != _END:
        raw.send(0)


class _Raw:
    """1 MiB of doubles, to and from a task as a program in C sends it: packed, raw, unpacked."""

    def __init__(self, them: int) -> None:
        self._them = them
        self._memory = ffi.new("double[]", MEBIBYTE)
        self._tag = ffi.new("int *")

    def send(self, tag: int) -> None:
        lib.pvm_initsend(lib.PvmDataRaw)
        lib.pvm_pkdouble(self._memory, MEBIBYTE, 1)
        lib.pvm_send(self._them, tag)

    def receive(self) -> int:
        """The tag of what came."""
        lib.pvm_bufinfo(lib.pvm_recv(self._them, -1), ffi.NULL, self._tag, ffi.NULL)
        lib.pvm_upkdouble(self._memory, MEBIBYTE, 1)
        return int(self._tag[0])

    def there_and_back(self) -> None:
        self.send(0)
        self.receive()


# ---- rows ----------------------------------------------------------------------------------

# What is told of a call there and back.
_Timer = Callable[[Callable[[], object]], float]


def small_object(seconds: float) -> float:
    """Half a round trip of a small tuple, us."""
    return _objects(SMALL, _half(seconds))


def large_object(seconds: float) -> float:
    """Half a round trip of 1 MiB of doubles as an object, us."""
    return _objects(doubles_as_object(), _half(seconds))


def buffer(seconds: float) -> float:
    """Half a round trip of 1 MiB of doubles as a buffer, us."""
    return _buffers(_half(seconds))


def large_object_of_raw(seconds: float) -> float:
    """Time of `large_object` by that of as many bytes with calls of the C library."""
    return _objects(doubles_as_object(), _of_raw(seconds))


def buffer_of_raw(seconds: float) -> float:
    """The same of `buffer`."""
    return _buffers(_of_raw(seconds))


def _half(seconds: float) -> _Timer:
    return lambda call: per_call(call, seconds) / 2


def _of_raw(seconds: float) -> _Timer:
    def time_of(call: Callable[[], object]) -> float:
        (them,) = Task().spawn(echo_raw)
        raw = _Raw(them)
        raw.there_and_back()
        figure = ratio(call, raw.there_and_back, seconds)
        raw.send(_END)
        return figure

    return time_of


def _objects(obj: object, time_of: _Timer) -> float:
    def measure(task: Task, them: Tid) -> float:
        def there_and_back() -> None:
            task.send(obj, them)
            task.recv(them)

        figure = time_of(there_and_back)
        task.send(None, them)
        return figure

    return _with(echo_objects, measure)


def _buffers(time_of: _Timer) -> float:
    def measure(task: Task, them: Tid) -> float:
        sent, room = _large(), _large()

        def there_and_back() -> None:
            task.Send(sent, them)
            task.Recv(room, them)

        figure = time_of(there_and_back)
        task.Send(sent, them, _END)
        return figure

    return _with(echo_buffers, measure)


def spawns(seconds: float) -> float:
    """Functions in tasks of their own, 32 at once, until each has answered: tasks a second."""
    with VirtualMachine() as machine, machine.task as task:
        rates: list[float] = []
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
