# SPDX-License-Identifier: MIT
"""What a task lends by shared memory has bounds and comes back; slots are used again."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest
from support.compiler import compile_program
from support.machines.sharing import WAYS
from support.machines.vm import VirtualMachine
from support.system import ARCH, C_SOURCES, pvm_root, require_library

MORE = "PVM3PY_CHAOS_SECONDS" in os.environ
TIMES, MORE_TIMES = 2000, 40000
MORE_OPENED = 1000


def bounds_program() -> Path:
    """tests/c/shared_bounds.c with the library in it, whose clock and sendmsg it stands in for."""
    require_library("ours")
    library = pvm_root() / "lib" / ARCH / "libpvm3.a"
    flags = ["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror"]
    flags += ["-Wl,--wrap=clock_gettime", "-Wl,--wrap=sendmsg"]
    source = C_SOURCES / "shared_bounds.c"
    return compile_program("shared_bounds", [source], "ours", flags, libraries=[str(library)])


@pytest.fixture(scope="module")
def vm() -> Iterator[VirtualMachine]:
    with VirtualMachine("ours", path=[bounds_program().parent], env=WAYS["memory"]) as machine:
        yield machine


@pytest.mark.parametrize("case", ["killed", "held"])
def test_what_is_lent_has_a_bound_and_comes_back(vm: VirtualMachine, case: str) -> None:
    vm.run(bounds_program(), case, timeout=100).check()


def links_opened(
    course: str,
    times: int,
    slots: int,
    others: int,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> int:
    """Run a course over so many slots of the first task and of the others."""
    env = {**WAYS["memory"], "PVM_SHM_RING": "4096", **settings}
    first, rest = ({**env, "PVM_SHM_PEERS": str(n)} for n in (slots, others))
    with VirtualMachine("ours", path=[bounds_program().parent], env=rest) as vm:
        done = vm.run(bounds_program(), course, times, env=first, timeout=100)
        said = done.out + done.err + vm.log()
        assert not re.search("FAIL|memory of|link.*ignored", said), said
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


@pytest.mark.parametrize(("course", "slots", "others"), [("hub", 2, 63), ("peers", 2, 2)])
def test_message_that_comes_while_a_word_waits_for_room_is_received(
    course: str, slots: int, others: int
) -> None:
    assert links_opened(course, TIMES // 4, slots, others, {"SHARED_BOUNDS_FULL": "1"})
