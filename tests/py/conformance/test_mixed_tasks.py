# SPDX-License-Identifier: MIT
"""Tasks of both libraries in one machine: every encoding, size, route and direction."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support import compiler
from support.machines.sharing import WAYS
from support.machines.vm import VirtualMachine
from support.system import PATIENCE, SIDES, Side

SMALL = (0, 1, 3, 4, 5, 1000, 4031, 4032, 4033, 8064, 65487, 65488, 65489, 1 << 20)
LARGE = (64 << 20,)

# Asked by the first for a route to the second; both orders make a mixed pair.
PAIRS = [(a, b) for a in SIDES for b in SIDES]


@pytest.fixture(scope="module", params=SIDES)
def machine(request: pytest.FixtureRequest) -> Iterator[VirtualMachine]:
    """A machine with each daemon."""
    with VirtualMachine(request.param) as vm:
        yield vm


def exchange(
    vm: VirtualMachine, caller: Side, answerer: Side, route: str, sizes: tuple[int, ...]
) -> None:
    """Let two tasks talk and check that both found every byte right."""
    answering = vm.start(compiler.test_program("talk", answerer), "answer", route, *sizes)
    assert answering.stdout
    tid = answering.stdout.readline().decode().strip()
    calling = vm.run(compiler.test_program("talk", caller), "call", route, *sizes, tid, timeout=220)
    out, err = answering.communicate(timeout=PATIENCE)
    assert "FAIL" not in out.decode(), out.decode() + err.decode()
    calling.check()
    assert answering.returncode == 0, err.decode()


@pytest.mark.parametrize("route", ["daemon", "direct"])
@pytest.mark.parametrize(("caller", "answerer"), PAIRS)
def test_messages_up_to_a_mebibyte(
    machine: VirtualMachine, caller: Side, answerer: Side, route: str
) -> None:
    exchange(machine, caller, answerer, route, SMALL)


@pytest.fixture(scope="module", params=["memory", "narrow"])
def sharing(request: pytest.FixtureRequest) -> Iterator[VirtualMachine]:
    """A machine of ours whose tasks share memory from the first message."""
    with VirtualMachine("ours", env=WAYS[request.param]) as vm:
        yield vm


@pytest.mark.parametrize("route", ["daemon", "direct"])
@pytest.mark.parametrize(("caller", "answerer"), PAIRS[:3])
def test_messages_where_memory_is_shared_at_once(
    sharing: VirtualMachine, caller: Side, answerer: Side, route: str
) -> None:
    exchange(sharing, caller, answerer, route, SMALL)


@pytest.mark.parametrize("route", ["daemon", "direct"])
@pytest.mark.parametrize(("caller", "answerer"), [("ours", "debian"), ("ours", "ours")])
def test_messages_of_64_mebibytes(
    machine: VirtualMachine, caller: Side, answerer: Side, route: str
) -> None:
    exchange(machine, caller, answerer, route, LARGE)
