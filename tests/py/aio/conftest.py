# SPDX-License-Identifier: MIT
"""A private machine; each test proves that nothing is left of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.machines.private import nothing_left

from pvm3py import VirtualMachine


@pytest.fixture
def machine() -> Iterator[VirtualMachine]:
    """The machine of this process."""
    with nothing_left(), VirtualMachine() as made:
        yield made
