# SPDX-License-Identifier: MIT
"""A machine for the commands of our console, under either daemon."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.machines.vm import VirtualMachine
from support.system import SIDES


@pytest.fixture(params=SIDES)
def vm(request: pytest.FixtureRequest) -> Iterator[VirtualMachine]:
    """A machine of one host whose tasks are named by their paths."""
    with VirtualMachine(request.param, path=["/nowhere"]) as made:
        yield made


@pytest.fixture
def ours() -> Iterator[VirtualMachine]:
    """A machine of our daemon."""
    with VirtualMachine(path=["/nowhere"]) as made:
        yield made
