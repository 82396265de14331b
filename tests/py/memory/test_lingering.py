# SPDX-License-Identifier: MIT
"""A wait gives way to others before it sleeps, but not again and again to who computes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.compiler import compile_program
from support.machines.sharing import WAYS
from support.machines.vm import VirtualMachine
from support.system import ARCH, C_SOURCES, pvm_root, require_library

REST = 32  # slices that waits sleep after one was lost
CROWDED, QUIET = "1000", "1"
# Microseconds: what a program that computes takes, and what peers may take in turn.
SLICE, TURN = "500", "150"


def linger_program() -> Path:
    """tests/c/shared_linger.c with the library in it, whose clock and yields it stands in for."""
    require_library("ours")
    library = pvm_root() / "lib" / ARCH / "libpvm3.a"
    flags = ["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror"]
    flags += [f"-Wl,--wrap={name}" for name in ("clock_gettime", "sched_yield", "poll", "open")]
    source = C_SOURCES / "shared_linger.c"
    return compile_program("shared_linger", [source], "ours", flags, libraries=[str(library)])


@pytest.fixture(scope="module")
def vm() -> Iterator[VirtualMachine]:
    with VirtualMachine("ours", path=[linger_program().parent], env=WAYS["memory"]) as machine:
        yield machine


def slices_slept(vm: VirtualMachine, slice_us: str, *running: str) -> list[int]:
    """For how many slices waits slept after each that gave way and lost one."""
    done = vm.run(linger_program(), slice_us, *running, timeout=100).check()
    return [int(n) for n in re.findall(r"^slept (\d+)", done.out, re.MULTILINE)]


def test_waits_beside_busy_loops_sleep_longer_each_time(vm: VirtualMachine) -> None:
    first, second = slices_slept(vm, SLICE, CROWDED)
    assert first >= REST
    assert second >= 2 * REST


def test_waits_linger_again_when_processors_are_to_spare(vm: VirtualMachine) -> None:
    assert slices_slept(vm, SLICE, CROWDED, QUIET)[0] < REST


def test_waits_that_give_way_to_peers_linger_again_soon(vm: VirtualMachine) -> None:
    assert slices_slept(vm, SLICE, QUIET)[0] < REST


def test_one_turn_without_messages_counts_as_that_of_peers(vm: VirtualMachine) -> None:
    first, second = slices_slept(vm, TURN, CROWDED)
    assert first < REST
    assert second >= REST
