# SPDX-License-Identifier: MIT
"""The machine and the task of tests that need no others."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.impostors.rawtask import Connector, RawTask
from support.machines.sharing import ON
from support.machines.vm import VirtualMachine


@pytest.fixture(scope="module")
def vm() -> Iterator[VirtualMachine]:
    """One daemon for the tests of a file, which leave nothing in it."""
    with VirtualMachine("ours", env=ON) as machine:
        yield machine


@pytest.fixture
def task(vm: VirtualMachine, connector: Connector) -> Iterator[RawTask]:
    with RawTask(vm.address, connector) as raw:
        yield raw.enrol(vm.tmp)
