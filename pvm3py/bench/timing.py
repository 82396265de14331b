# SPDX-License-Identifier: MIT
"""Repeating something for a while, and the middle one of what it took."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

_BATCHES = 15
WARM_UP = 0.2  # of the time


def per_call(call: Callable[[], object], seconds: float) -> float:
    """Microseconds of one call: the median over batches of calls.

    The first call waits until the other side runs, and counts for nothing.
    """
    call()
    number = _calls_within(call, WARM_UP * seconds)
    batch = max(1, int(number * (1 - WARM_UP) / WARM_UP / _BATCHES))
    return statistics.median(_batch(call, batch) for _ in range(_BATCHES))


def ratio(call: Callable[[], object], other: Callable[[], object], seconds: float) -> float:
    """Time of one call by that of another: the median over batches of both in turns.

    What the machine does to one it does to the other.
    """
    call()
    other()
    number = _calls_within(call, WARM_UP * seconds)
    batch = max(1, number // (2 * _BATCHES))
    ratios: list[float] = []
    end = time.perf_counter() + (1 - WARM_UP) * seconds
    while len(ratios) < _BATCHES or time.perf_counter() < end:
        ratios.append(_batch(call, batch) / _batch(other, batch))
    return statistics.median(ratios)


def _calls_within(call: Callable[[], object], seconds: float) -> int:
    number = 0
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        call()
        number += 1
    return number


def _batch(call: Callable[[], object], number: int) -> float:
    start = time.perf_counter()
    for _ in range(number):
        call()
    return (time.perf_counter() - start) / number * 1e6
