# SPDX-License-Identifier: MIT
"""A task that writes anything into the memory that it shares harms nobody but itself."""

from __future__ import annotations

import re

import pytest
from support.compiler import test_program as program
from support.machines.chaos import chaos_seconds
from support.machines.sharing import WAYS
from support.machines.vm import VirtualMachine

SECONDS_MAX = 60
# On a busy machine a short run may be over before anybody has met a word that is wrong.
RUNS_MAX = 10


@pytest.mark.parametrize("sanitized", [False, True], ids=["plain", "sanitized"])
@pytest.mark.parametrize("ring", [4096, 32768])
def test_what_others_say_to_each_other_stays_right(ring: int, *, sanitized: bool) -> None:
    scribbler = program("scribbler", "ours", sanitized=sanitized)
    seconds = min(chaos_seconds(3), SECONDS_MAX)
    env = WAYS["memory"] | {"PVM_SHM_RING": str(ring)}
    with VirtualMachine("ours", path=[scribbler.parent], env=env) as vm:
        for _ in range(RUNS_MAX):
            done = vm.run(scribbler, seconds, timeout=seconds + 100).check()
            assert "FAIL" not in done.out, done.out
            assert "Sanitizer" not in done.err + vm.log(), done.err + vm.log()
            faults = re.findall(r"memory of (t[0-9a-f]+): ", done.err)
            assert len(faults) == len(set(faults)), done.err
            print(done.out)
            if faults:
                return
    pytest.fail(f"no fault noticed in {RUNS_MAX} runs")
