# SPDX-License-Identifier: MIT
"""Large messages and mailbox entries; those that take gigabytes only with PVM3PY_BIG=1."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from support import compiler
from support.machines.vm import VirtualMachine
from support.programs import cases

big = pytest.mark.skipif(not os.environ.get("PVM3PY_BIG"), reason="PVM3PY_BIG is not set")
BEYOND_INT = 9
SECONDS = 600


@pytest.fixture(scope="module")
def vm() -> Iterator[VirtualMachine]:
    with VirtualMachine("ours") as machine:
        yield machine


def run(vm: VirtualMachine, *arguments: str) -> None:
    program = compiler.test_program("large", "ours")
    env = cases.environment(vm.side, "ours")
    done = vm.run(program, *arguments, env=env, timeout=SECONDS)
    assert "FAIL" not in done.out, done.out + done.err
    done.check()


@pytest.mark.parametrize("size", [80, pytest.param(300, marks=big)])
def test_mailbox_entry(vm: VirtualMachine, size: int) -> None:
    run(vm, "mailbox", str(size))


@pytest.mark.parametrize("route", ["daemon", "direct"])
@pytest.mark.parametrize("pieces", [1, pytest.param(BEYOND_INT, marks=big)])
def test_message(vm: VirtualMachine, pieces: int, route: str) -> None:
    run(vm, "message", str(pieces), route)
