# SPDX-License-Identifier: MIT
"""The memory that long messages are packed into is used again, and given back to the system."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.compiler import test_program as program
from support.machines.sharing import WAYS
from support.machines.vm import VirtualMachine


@pytest.fixture(scope="module")
def vm() -> Iterator[VirtualMachine]:
    path = [program("shared_arena", "ours").parent]
    with VirtualMachine("ours", path=path, env=WAYS["memory"]) as machine:
        yield machine


def test_long_messages_to_and_fro_are_packed_to_the_same_memory(vm: VirtualMachine) -> None:
    vm.run(program("shared_arena", "ours"), "again", timeout=100).check()


def test_free_blocks_lose_their_memory_while_the_task_waits(vm: VirtualMachine) -> None:
    vm.run(program("shared_arena", "ours"), "rest", timeout=100).check()


def test_task_sleeps_for_good_while_others_keep_its_memory(vm: VirtualMachine) -> None:
    vm.run(program("shared_arena", "ours"), "sleep", timeout=100).check()


# Room for two messages of 8 MiB with some more, not for two of 16 MiB.
SMALL_ARENA = WAYS["memory"] | {"PVM_SHM_ARENA": str(24 << 20)}


def test_one_long_message_stays_where_it_was_packed_and_a_second_is_copied(
    vm: VirtualMachine,
) -> None:
    vm.run(program("shared_arena", "ours"), "kept", env=SMALL_ARENA, timeout=100).check()


def test_message_that_leaves_no_room_for_the_next_is_copied(vm: VirtualMachine) -> None:
    vm.run(program("shared_arena", "ours"), "large", env=SMALL_ARENA, timeout=100).check()
