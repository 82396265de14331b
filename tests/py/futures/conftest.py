# SPDX-License-Identifier: MIT
"""A pool in a private machine; each test proves that nothing is left of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.machines.private import nothing_left

from pvm3py.futures import PvmPoolExecutor


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    """Nothing stays after a test."""
    with nothing_left():
        yield


@pytest.fixture
def pool(clean: None) -> Iterator[PvmPoolExecutor]:
    """Two workers."""
    with PvmPoolExecutor(2) as executor:
        yield executor
