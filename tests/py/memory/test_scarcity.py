# SPDX-License-Identifier: MIT
"""Where the system refuses what shared memory takes, messages go by the daemon."""

from __future__ import annotations

import os

import pytest
from support.compiler import test_program as program
from support.machines.vm import VirtualMachine
from support.system import missing


@pytest.mark.parametrize("scarce", ["files", "space", "descriptors", "proc"])
def test_messages_arrive_where_memory_cannot_be_shared(scarce: str) -> None:
    if scarce == "proc" and os.geteuid():
        missing("only root can hide /proc")
    tasks = program("shared_scarce", "ours")
    with VirtualMachine("ours", path=[tasks.parent], env={"PVM_SHM_AFTER": "0"}) as vm:
        done = vm.run(tasks, scarce, timeout=60).check()
        assert "FAIL" not in done.out + vm.log(), vm.log()
        print(done.out)
