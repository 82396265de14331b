# SPDX-License-Identifier: MIT
"""Executors: empty calls a second, and how much of the time workers sleep that are told to."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor
from functools import partial
from typing import TypeVar

NAP = 0.001  # seconds
_BATCH = 200
_Result = TypeVar("_Result")


def nothing(number: int) -> int:
    """An empty call."""
    return number


def nap(_: int) -> float:
    """A call that takes about a millisecond and no processor; seconds that it took."""
    start = time.perf_counter()
    time.sleep(NAP)
    return time.perf_counter() - start


def rate(make: Callable[[int], Executor], workers: int, seconds: float) -> float:
    """Empty calls a second."""
    with make(workers) as pool:
        results, took = _calls(pool, nothing, seconds)
        return len(results) / took


def share(make: Callable[[int], Executor], workers: int, seconds: float) -> float:
    """The part of their time that workers sleep as they are told: 1 is perfect.

    How long the system lets them sleep makes no difference.
    """
    with make(workers) as pool:
        naps, took = _calls(pool, nap, seconds)
        return sum(naps) / workers / took


def _calls(
    pool: Executor, function: Callable[[int], _Result], seconds: float
) -> tuple[list[_Result], float]:
    """Results of calls, `_BATCH` of them in the air, and the seconds that they took."""
    list(pool.map(function, range(_BATCH)))
    results: list[_Result] = []
    start = time.perf_counter()
    while time.perf_counter() - start < seconds:
        futures = [pool.submit(function, number) for number in range(_BATCH)]
        results += [future.result() for future in futures]
    return results, time.perf_counter() - start


def _ours(workers: int) -> Executor:
    from pvm3py.futures import PvmPoolExecutor  # noqa: PLC0415

    return PvmPoolExecutor(workers)


our_rate = partial(rate, _ours)
our_share = partial(share, _ours)
their_rate = partial(rate, ProcessPoolExecutor)
their_share = partial(share, ProcessPoolExecutor)
