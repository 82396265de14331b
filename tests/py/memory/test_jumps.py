# SPDX-License-Identifier: MIT
"""Multicasts that handlers leave by a jump: nothing is lost or mangled, and the task goes on."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from support.compiler import compile_program
from support.machines.sharing import WAYS
from support.machines.vm import VirtualMachine
from support.system import ARCH, C_SOURCES, pvm_root, require_library

AT_ONCE = WAYS["memory"]
NARROW = AT_ONCE | {"PVM_SHM_RING": "4096", "PVM_SHM_ARENA": "262144"}
SETTINGS = {"wide": AT_ONCE, "narrow": NARROW, "daemon": WAYS["daemon"]}
MESSAGES = 20000 if "PVM3PY_CHAOS_SECONDS" in os.environ else 3000


def jumps_program() -> Path:
    """tests/c/shared_jumps.c with the library in it, with its own poll and sched_yield."""
    require_library("ours")
    library = pvm_root() / "lib" / ARCH / "libpvm3.a"
    flags = ["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror"]
    flags += ["-Wl,--wrap=poll", "-Wl,--wrap=sched_yield"]
    source = C_SOURCES / "shared_jumps.c"
    return compile_program("shared_jumps", [source], "ours", flags, libraries=[str(library)])


def left(way: str, *words: str) -> dict[str, int]:
    """Let it run by a way; how often a multicast was left where, and what became of these."""
    program = jumps_program()
    with VirtualMachine("ours", path=[program.parent], env=SETTINGS[way]) as vm:
        done = vm.run(program, MESSAGES, *words, timeout=100).check()
        assert not re.search("FAIL|memory of", done.out + done.err + vm.log()), done.out + vm.log()
    print(done.out)
    names = "waits", "handlers", "streams", "some", "nobody", "memory"
    line = re.search(r"left: .*", done.out)
    assert line, done.out
    return dict(zip(names, map(int, re.findall(r"\d+", line[0])), strict=True))


@pytest.mark.parametrize("way", ["wide", "narrow"])
def test_multicast_by_memory_is_left_in_its_waits(way: str) -> None:
    found = left(way)
    assert found["waits"] > 10 and found["handlers"] and found["memory"] > 10, found
    assert found["some"], "none was left behind its first receiver"


@pytest.mark.parametrize("way", ["wide", "daemon"])
def test_multicast_that_is_left_in_the_daemons_stream_loses_that_alone(way: str) -> None:
    found = left(way, "stream")
    assert found["streams"], found
