# SPDX-License-Identifier: MIT
"""What a task lends by shared memory has bounds and comes back; slots are used again."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.compiler import compile_program
from support.machines.sharing import WAYS
from support.machines.vm import VirtualMachine
from support.system import ARCH, C_SOURCES, pvm_root, require_library

MORE = "PVM3PY_CHAOS_SECONDS" in os.environ
TIMES, MORE_TIMES = 2000, 40000
MORE_OPENED = 1000


def bounds_program() -> Path:
    """tests/c/shared_bounds.c with the library in it, whose clock it stands in for."""
    require_library("ours")
    library = pvm_root() / "lib" / ARCH / "libpvm3.a"
    flags = ["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-Wl,--wrap=clock_gettime"]
    source = C_SOURCES / "shared_bounds.c"
    return compile_program("shared_bounds", [source], "ours", flags, libraries=[str(library)])


@pytest.fixture(scope="module")
def vm() -> Iterator[VirtualMachine]:
    with VirtualMachine("ours", path=[bounds_program().parent], env=WAYS["memory"]) as machine:
        yield machine


@pytest.mark.parametrize("case", ["killed", "held"])
def test_what_is_lent_has_a_bound_and_comes_back(vm: VirtualMachine, case: str) -> None:
    vm.run(bounds_program(), case, timeout=100).check()


def links_opened(course: str, times: int, slots: int, others: int) -> int:
    """Run a course over so many slots of the first task and of the others."""
    env = WAYS["memory"] | {"PVM_SHM_PEERS": str(others), "PVM_SHM_RING": "4096"}
    with VirtualMachine("ours", path=[bounds_program().parent], env=env) as vm:
        own = {"PVM_SHM_PEERS": str(slots)}
        done = vm.run(bounds_program(), course, times, env=own, timeout=100)
        assert "FAIL" not in done.out + vm.log(), done.out + vm.log()
        opened = re.search(r"^(\d+) links opened", done.check().out, re.MULTILINE)
        assert opened, done.out
        return int(opened[1])


@pytest.mark.parametrize("slots", [1, 2, 4])
def test_no_message_is_lost_when_slots_are_used_again(slots: int) -> None:
    opened = links_opened("hub", MORE_TIMES if MORE else TIMES, slots, 63)
    assert opened >= (MORE_OPENED if MORE else slots)


@pytest.mark.parametrize("slots", [1, 2, 3])
def test_no_message_is_lost_when_all_use_their_slots_again(slots: int) -> None:
    assert links_opened("peers", 2 * TIMES if MORE else TIMES, slots, slots)
