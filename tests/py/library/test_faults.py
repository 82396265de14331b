# SPDX-License-Identifier: MIT
"""The N-th allocation and the N-th system call of the library fail, for every N in turn.

Faults that last begin at every third call only. Not covered: allocations inside libc, and the
start of the group server by the library.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import pytest
from support import compiler
from support.machines.sharing import ON, WAYS
from support.machines.vm import VirtualMachine
from support.system import require_library, require_program, spawn_dir

SCENARIOS = (
    *("enrol", "pack", "messages", "backlog", "route", "routed", "spawn", "output", "start"),
    *("siblings", "notify", "mailbox", "contexts", "options", "questions", "roles", "shared"),
    *("handlers", "traced", "group", "root", "leaf"),
)
# What is said about a link may fail in any wait for somebody else.
LINKED = ("messages", "group", "root", "leaf")
# Classes of faults (tests/c/fault.h); with + all calls from the N-th on fail.
CLASSES = (
    *("memory", "memory+", "interrupted", "later", "short"),
    *("resources", "resources+", "broken", "ended"),
)


@pytest.fixture(scope="module")
def machine() -> Iterator[VirtualMachine]:
    """A machine with the group server and, for `start`, a daemon that is only its address."""
    require_library("ours")
    require_program("gcc", "gcc")
    with VirtualMachine("ours", path=[spawn_dir()], env=ON) as vm:
        stand_in = vm.home / "lib" / "pvmd"
        stand_in.parent.mkdir()
        stand_in.write_text(f"#!/bin/sh\necho {vm.address}\n")
        stand_in.chmod(0o755)
        yield vm


def disturb(
    vm: VirtualMachine, scenario: str, fault: str, way: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Run a scenario until it is through without a fault of the class."""
    env = {"FAULTY_ROOT": str(vm.home), "FAULTY_ADDRESS": vm.address, **way}
    done = vm.run(compiler.fault_program(), scenario, fault, env=env)
    assert "FAIL" not in done.out, "\n".join((done.out[-3000:], done.err[-3000:], vm.log()[-3000:]))
    done.check()
    assert "Sanitizer" not in done.err, done.err[-6000:]
    count = re.search(r"^(\d+) faults$", done.out, re.MULTILINE)
    assert count, done.out
    assert int(count[1]) > 0


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_fault_ends_in_a_code(machine: VirtualMachine, scenario: str) -> None:
    for fault in CLASSES:
        disturb(machine, scenario, fault)


@pytest.mark.slow
@pytest.mark.parametrize("scenario", LINKED)
def test_faults_end_in_codes_where_links_begin_with_the_first_message(
    machine: VirtualMachine, scenario: str
) -> None:
    for fault in CLASSES:
        disturb(machine, scenario, fault, WAYS["memory"])


@pytest.mark.parametrize("scenario", ["opened", "accepted"])
@pytest.mark.parametrize("fault", ["opening", "opening+"])
def test_no_message_is_lost_where_memory_lacks_for_a_connection(
    machine: VirtualMachine, scenario: str, fault: str
) -> None:
    disturb(machine, scenario, fault, {"PVM_SHM": "off"})
    disturb(machine, scenario, fault)
