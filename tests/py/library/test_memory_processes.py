# SPDX-License-Identifier: MIT
"""Tasks that fork, leave and come back while their messages lie in shared memory."""

from __future__ import annotations

import pytest
from support import compiler
from support.machines.sharing import ON
from support.machines.vm import VirtualMachine
from support.system import require_library

PROGRAMS = ("memory_again", "memory_forks")


@pytest.mark.slow
@pytest.mark.parametrize("sanitized", [False, True], ids=["plain", "sanitized"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_processes_with_memory(name: str, sanitized: bool) -> None:
    require_library("ours")
    program = compiler.test_program(name, "ours", sanitized=sanitized)
    with VirtualMachine(env=ON) as vm:
        done = vm.run(program)
        assert "Sanitizer" not in done.err + vm.log(), done.err
        assert "FAIL" not in done.out, done.out + done.err
        done.check()
