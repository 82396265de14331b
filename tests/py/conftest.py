# SPDX-License-Identifier: MIT
"""Fixtures of all tests; what is compiled in a session is removed at its end."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from support import compiler
from support.impostors.rawtask import Connector

# On a busy machine an example takes any time, and so does what makes it.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def pytest_configure(config: pytest.Config) -> None:
    """Signals that a shell ignores for its background jobs work for the programs under test."""
    config.add_cleanup(compiler.begin_session())
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for signum in (signal.SIGQUIT, signal.SIGHUP):
        signal.signal(signum, signal.SIG_DFL)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Twice as many as processors: many tests wait for timers and for other processes."""
    return (os.cpu_count() or 1) * 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests are the first of each process's share, so that none is left for the end."""
    shares = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    slow = [item for item in items if item.get_closest_marker("slow")]
    others = [item for item in items if not item.get_closest_marker("slow")]
    items.clear()
    for number in range(shares):
        items += _share(slow, number, shares) + _share(others, number, shares)


def _share(items: list[pytest.Item], number: int, shares: int) -> list[pytest.Item]:
    """Neighbours stay together: they may have a machine in common."""
    return items[len(items) * number // shares : len(items) * (number + 1) // shares]


@pytest.fixture
def connector() -> Iterator[Connector]:
    """The process whose connections are those of raw tasks."""
    helper = Connector()
    yield helper
    helper.close()
