# SPDX-License-Identifier: MIT
"""Memory, descriptors and threads stay as they are however many items there have been."""

from __future__ import annotations

import os
import threading
from collections import deque

import pytest
from support.programs import pooled
from support.system import resident

from pvm3py.futures import PvmPoolExecutor

# Items; 100,000 take a minute.
ITEMS = int(os.environ.get("PVM3PY_POOL_ITEMS", "10000"))


def figures(pool: PvmPoolExecutor) -> tuple[int, int, int, int]:
    """Own memory and the workers' in bytes, descriptors, threads."""
    memory = sum(resident(worker.pid) for worker in pool.workers)
    descriptors = len(os.listdir("/proc/self/fd"))
    return resident(os.getpid()), memory, descriptors, threading.active_count()


@pytest.mark.slow
@pytest.mark.parametrize("size", [10, 20_000])
def test_memory_is_flat_over_many_items(pool: PvmPoolExecutor, size: int) -> None:
    def run(count: int) -> None:
        given = (os.urandom(size) for _ in range(count))
        deque(pool.map(pooled.identity, given, buffersize=200), maxlen=0)

    run(ITEMS // 5)
    before = figures(pool)
    run(ITEMS)
    after = figures(pool)
    assert after[2:] == before[2:]
    assert after[0] - before[0] < 6 << 20
    assert after[1] - before[1] < 6 << 20


def test_a_started_and_ended_pool_leaves_nothing_behind() -> None:
    def once() -> None:
        with PvmPoolExecutor(1) as pool:
            assert pool.submit(pooled.square, 2).result() == 4

    once()
    before = (len(os.listdir("/proc/self/fd")), threading.active_count())
    for _ in range(3):
        once()
    assert (len(os.listdir("/proc/self/fd")), threading.active_count()) == before
