# SPDX-License-Identifier: MIT
"""Objects that are awaited in an event loop."""

from __future__ import annotations

import asyncio
import statistics
import time

from pvm3py import VirtualMachine, aio

from .tasks import SMALL, echo_objects

_BATCH = 200


def small_object(seconds: float) -> float:
    """Half a round trip of a small tuple, us."""
    with VirtualMachine() as machine, machine.task as task:
        (them,) = task.spawn(echo_objects)
        figure = asyncio.run(_exchange(them, seconds))
        task.send(None, them)
        return figure


async def _exchange(them: int, seconds: float) -> float:
    figures = []
    end = time.perf_counter() + seconds
    async with aio.Task() as task:
        while len(figures) < 3 or time.perf_counter() < end:
            start = time.perf_counter()
            for _ in range(_BATCH):
                await task.send(SMALL, them)
                await task.recv(them)
            figures.append((time.perf_counter() - start) / _BATCH / 2 * 1e6)
    return statistics.median(figures)
