# SPDX-License-Identifier: MIT
"""The machine of tests that are about our group server and library alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.machines.vm import VirtualMachine
from support.programs.groups import server_dir


@pytest.fixture
def own_machine() -> Iterator[VirtualMachine]:
    """Our daemon with our group server."""
    with VirtualMachine("ours", path=[server_dir("ours")]) as vm:
        yield vm
