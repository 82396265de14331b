# SPDX-License-Identifier: MIT
"""Objects through a pipe of multiprocessing."""

from __future__ import annotations

import multiprocessing
from multiprocessing.connection import Connection

from .tasks import SMALL, doubles_as_object
from .timing import per_call


def _echo(pipe: Connection) -> None:
    while (obj := pipe.recv()) is not None:
        pipe.send(obj)


def _objects(obj: object, seconds: float) -> float:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=_echo, args=(theirs,))
    process.start()

    def there_and_back() -> None:
        ours.send(obj)
        ours.recv()

    figure = per_call(there_and_back, seconds) / 2
    ours.send(None)
    process.join()
    return figure


def small_object(seconds: float) -> float:
    """Half a round trip of a small tuple, us."""
    return _objects(SMALL, seconds)


def large_object(seconds: float) -> float:
    """Half a round trip of 1 MiB of doubles as an object, us."""
    return _objects(doubles_as_object(), seconds)
