# SPDX-License-Identifier: MIT
"""Executors: empty calls a second, and how much of the time workers sleep that are told to."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor
from functools import partial

NAP = 0.001  # seconds
_BATCH = 200


def nothing(number: int) -> int:
    """An empty call."""
    return number


def nap(number: int) -> int:
    """A call that takes a millisecond and no processor."""
    time.sleep(NAP)
    return number


def rate(make: Callable[[int], Executor], workers: int, seconds: float) -> float:
    """Empty calls a second."""
    with make(workers) as pool:
        return _calls(pool, nothing, seconds)


def share(make: Callable[[int], Executor], workers: int, seconds: float) -> float:
    """Calls that sleep a millisecond, as a part of what as many perfect workers would do."""
    with make(workers) as pool:
        return _calls(pool, nap, seconds) * NAP / workers


def _calls(pool: Executor, function: Callable[[int], int], seconds: float) -> float:
    """Calls a second, `_BATCH` of them in the air."""
    list(pool.map(function, range(_BATCH)))
    done = 0
    start = time.perf_counter()
    while time.perf_counter() - start < seconds:
        futures = [pool.submit(function, number) for number in range(_BATCH)]
        for number, future in enumerate(futures):
            assert future.result() == number
        done += _BATCH
    return done / (time.perf_counter() - start)


def _ours(workers: int) -> Executor:
    from pvm3py.futures import PvmPoolExecutor  # noqa: PLC0415

    return PvmPoolExecutor(workers)


our_rate = partial(rate, _ours)
our_share = partial(share, _ours)
their_rate = partial(rate, ProcessPoolExecutor)
their_share = partial(share, ProcessPoolExecutor)
