# SPDX-License-Identifier: MIT
"""The daemon closes a link in the middle of its traffic: nothing is lost, and all in order."""

from __future__ import annotations

import os

import pytest
from support.compiler import test_program as program
from support.machines.sharing import WAYS
from support.machines.vm import VirtualMachine

AT_ONCE = WAYS["memory"]
NARROW = AT_ONCE | {"PVM_SHM_RING": "4096", "PVM_SHM_ARENA": "262144"}
TIMES, MORE_TIMES = 4, 40


@pytest.mark.parametrize("settings", [AT_ONCE, NARROW], ids=["wide", "narrow"])
def test_link_is_stopped_when_a_peer_has_become_the_manager(settings: dict[str, str]) -> None:
    stop = program("shared_stop", "ours")
    times = MORE_TIMES if "PVM3PY_CHAOS_SECONDS" in os.environ else TIMES
    with VirtualMachine("ours", path=[stop.parent], env=settings) as vm:
        done = vm.run(stop, times, env=settings | WAYS["daemon"], timeout=100).check()
        assert "FAIL" not in done.out + vm.log(), done.out + vm.log()
        assert "ignored" not in vm.log()
