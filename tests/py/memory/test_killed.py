# SPDX-License-Identifier: MIT
"""A task that shares memory is killed at any step: what it has sent arrives, then the notice."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.compiler import compile_program
from support.machines.sharing import WAYS
from support.machines.vm import VirtualMachine
from support.system import ARCH, C_SOURCES, pvm_root, require_library

# Where it is killed: tests/c/shared_kill.c has a stand-in for each.
STEPS = (*("memcpy", "sendmsg", "recvmsg", "write", "mmap", "fallocate", "eventfd", "sched_yield"),)
POINTS, MORE_POINTS = 150, 4000
AT_ONCE = WAYS["memory"]
NARROW = AT_ONCE | {"PVM_SHM_RING": "4096", "PVM_SHM_ARENA": "262144", "PVM_SHM_PEERS": "2"}


def killing_program() -> Path:
    """tests/c/shared_kill.c with the library in it, so that its calls can be stood in for."""
    require_library("ours")
    library = pvm_root() / "lib" / ARCH / "libpvm3.a"
    wraps = [f"-Wl,--wrap={name}" for name in STEPS]
    flags = ["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-fno-builtin", *wraps]
    source = C_SOURCES / "shared_kill.c"
    return compile_program("shared_kill", [source], "ours", flags, libraries=[str(library)])


@pytest.mark.parametrize("settings", [AT_ONCE, NARROW], ids=["wide", "narrow"])
def test_what_was_sent_before_the_death_arrives_and_then_the_notice(
    settings: dict[str, str],
) -> None:
    points = MORE_POINTS if "PVM3PY_CHAOS_SECONDS" in os.environ else POINTS
    with VirtualMachine("ours", env=settings) as vm:
        done = vm.run(killing_program(), points, env=settings, timeout=100).check()
        print(done.out)
