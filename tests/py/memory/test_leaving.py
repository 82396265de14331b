# SPDX-License-Identifier: MIT
"""A receiver leaves the memory, or is stopped, at any moment: nothing is lost, and all in order."""

from __future__ import annotations

import os

import pytest
from support.compiler import test_program as program
from support.machines.sharing import WAYS
from support.machines.vm import VirtualMachine

# Links at once; small rings and a small arena, so that every bound is met.
AT_ONCE = WAYS["memory"]
NARROW = AT_ONCE | {"PVM_SHM_RING": "4096", "PVM_SHM_ARENA": "262144"}
TIMES, MORE_TIMES = 25, 500  # for each setting


@pytest.mark.parametrize("settings", [AT_ONCE, NARROW], ids=["wide", "narrow"])
def test_who_leaves_while_messages_come_gets_each_once_and_in_order(
    settings: dict[str, str],
) -> None:
    leaver = program("leaver", "ours")
    times = MORE_TIMES if "PVM3PY_CHAOS_SECONDS" in os.environ else TIMES
    with VirtualMachine("ours", path=[leaver.parent], env=settings) as vm:
        done = vm.run(leaver, "leave", times, timeout=60 + times).check()
        assert "FAIL" not in done.out + vm.log()


@pytest.mark.parametrize("settings", [AT_ONCE, NARROW], ids=["wide", "narrow"])
def test_sender_goes_on_while_its_receiver_is_stopped(settings: dict[str, str]) -> None:
    leaver = program("leaver", "ours")
    with VirtualMachine("ours", path=[leaver.parent], env=settings) as vm:
        vm.run(leaver).check()
        assert vm.rss() < 400 << 20
