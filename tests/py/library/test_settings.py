# SPDX-License-Identifier: MIT
"""What the library does without asking again: variables of the environment, looks for answers."""

from __future__ import annotations

import pytest
from support.compiler import test_program
from support.machines.vm import VirtualMachine


@pytest.mark.parametrize("sanitized", [False, True], ids=["as built", "sanitized"])
def test_each_change_of_the_environment_is_seen(sanitized: bool) -> None:
    program = test_program("environment", "ours", sanitized=sanitized)
    with VirtualMachine("ours") as vm:
        vm.run(program).check()


def test_looks_for_answers_that_do_not_come_become_seldom() -> None:
    with VirtualMachine("ours") as vm:
        vm.run(test_program("patient", "ours")).check()
