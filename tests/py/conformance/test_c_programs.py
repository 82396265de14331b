# SPDX-License-Identifier: MIT
"""The checks of tests/c/check_*.c: each daemon with each library, and with sanitizers."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from support import compiler
from support.machines.sharing import WAYS
from support.machines.vm import VirtualMachine
from support.programs import cases
from support.system import C_SOURCES, SIDES, Side, require_library

# What exchanges messages most; all of them with PVM3PY_WAYS=all.
OFTEN = ("check_messages", "check_routes", "check_memory", "check_handlers", "check_forks")
BLOCKING = ("check_reentry", "check_signals")
PROGRAMS = sorted(path.stem for path in C_SOURCES.glob("check_*.c"))


@pytest.fixture(scope="module", params=SIDES)
def machine(request: pytest.FixtureRequest) -> Iterator[VirtualMachine]:
    """A machine with each daemon; the programs leave nothing in it."""
    with VirtualMachine(request.param) as vm:
        yield vm


def run_checks(vm: VirtualMachine, name: str, library: Side, *, sanitized: bool = False) -> None:
    """Run a program of checks; its children print into its output."""
    program = compiler.test_program(name, library, sanitized=sanitized)
    # Some need a send that blocks: memory takes what a full socket does not.
    settings = dict(WAYS["daemon"]) if name in BLOCKING else {}
    settings |= {"PVM_TEST_MEMORY": vm.env.get("PVM_SHM", "on")}
    done = vm.run(program, env=cases.environment(vm.side, library) | settings)
    assert "FAIL" not in done.out, done.out + done.err
    assert "runtime error" not in done.err + vm.log(), done.err
    assert "Sanitizer" not in done.err + vm.log(), done.err
    done.check()


@pytest.mark.parametrize("library", SIDES)
@pytest.mark.parametrize("name", PROGRAMS)
def test_checks(machine: VirtualMachine, name: str, library: Side) -> None:
    run_checks(machine, name, library)


@pytest.fixture(scope="module", params=WAYS)
def way(request: pytest.FixtureRequest) -> Iterator[VirtualMachine]:
    """A machine whose messages take each way, which a program's counters prove."""
    with VirtualMachine("ours", env=WAYS[request.param]) as vm:
        done = vm.run(compiler.test_program("ordered", "ours"), 1, 500, "daemon", 0).check()
        assert ("memory 0 " in done.out) == (request.param == "daemon"), done.out
        yield vm


@pytest.mark.parametrize("name", PROGRAMS if os.environ.get("PVM3PY_WAYS") == "all" else OFTEN)
def test_checks_by_way(way: VirtualMachine, name: str) -> None:
    run_checks(way, name, "ours")


@pytest.mark.parametrize("machine", ["ours"], indirect=True)
@pytest.mark.parametrize("name", PROGRAMS)
def test_checks_with_sanitizers(machine: VirtualMachine, name: str) -> None:
    require_library("ours")
    run_checks(machine, name, "ours", sanitized=True)


@pytest.mark.parametrize("library", SIDES)
@pytest.mark.parametrize("daemon", SIDES)
def test_spawning_with_settings_of_the_daemon(daemon: Side, library: Side) -> None:
    assert "FAIL" not in cases.spawn_codes(daemon, library)
