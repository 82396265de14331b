# SPDX-License-Identifier: MIT
"""docs/coverage.md is what the programs of checks report now, and leaves nothing out."""

from __future__ import annotations

import os
import re

import pytest
from support import compiler
from support.machines.sharing import ON
from support.machines.vm import VirtualMachine
from support.programs import cases, coverage, host_codes
from support.programs.documented import LIBRARIES
from support.system import C_SOURCES, PROJECT

DOCUMENT = PROJECT / "docs" / "coverage.md"


def collection() -> coverage.Collection:
    """The cases of all programs with our library under our daemon."""
    found = coverage.Collection()
    env = cases.environment("ours", "ours")
    with VirtualMachine("ours", env=ON) as vm:
        for path in sorted(C_SOURCES.glob("check_*.c")):
            done = vm.run(compiler.test_program(path.stem, "ours"), env=env).check()
            found.collect(path.stem, done.out)
    found.collect("halt", cases.halting("ours"))
    found.collect("group_member", cases.group_members("ours"))
    found.collect("group_codes", cases.group_codes("ours", "ours", "ours"))
    found.collect("spawn_codes", cases.spawn_codes("ours", "ours"))
    found.collect("host_codes", host_codes.run("ours", "ours", "ours"))
    found.collect("entry_points.f90", cases.fortran("ours"))
    found.collect("api_cases.py", cases.python("ours"))
    return found


@pytest.mark.slow
def test_document_is_up_to_date() -> None:
    """With PVM3PY_WRITE_COVERAGE set it is written instead."""
    found = collection()
    text = coverage.table(found)
    if os.environ.get("PVM3PY_WRITE_COVERAGE"):
        DOCUMENT.write_text(text)
    assert coverage.missing(found) == []
    assert coverage.superfluous(found) == []
    assert coverage.unused(found) == set()
    assert text == DOCUMENT.read_text(), "run `make coverage-table`"


def test_every_public_function_is_in_the_table() -> None:
    header = (PROJECT / "include" / "pvm3.h").read_text()
    code = re.sub(r"/\*.*?\*/", "", header, flags=re.DOTALL)
    declared = set(re.findall(r"\b(pvm_\w+)\)?\(", code.split('extern "C"')[1]))
    assert len(declared) > 100
    # Declared as in 3.4.6, which does not have them either.
    declared -= {"pvm_getmwid", "pvm_setmwid"}
    # Of this project: test_moved_tasks.py, test_held_tasks.py.
    declared -= {"pvm_migrate", "pvm_canmigrate", "pvm_onmigrate", "pvm_holdtask"}
    declared -= {"pvm_checkpoint", "pvm_restart"}
    assert declared <= {name for functions in LIBRARIES.values() for name in functions}
