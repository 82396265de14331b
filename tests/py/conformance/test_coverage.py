# SPDX-License-Identifier: MIT
"""docs/coverage.md is what the programs of checks report now, and leaves no function out."""

from __future__ import annotations

import os
import re

from support import compiler, coverage
from support.documented import LIBRARIES
from support.system import C_SOURCES, PROJECT
from support.vm import VirtualMachine
from test_groups import program, server_dir

DOCUMENT = PROJECT / "docs" / "coverage.md"


def collection() -> coverage.Collection:
    """The cases of all programs with our library under our daemon."""
    found = coverage.Collection()
    env = {"PVM_TEST_DAEMON": "ours", "PVM_TEST_LIBRARY": "ours", "PVM_TEST_CASES": "1"}
    with VirtualMachine("ours") as vm:
        for path in sorted(C_SOURCES.glob("check_*.c")):
            done = vm.run(compiler.test_program(path.stem, "ours"), env=env).check()
            found.collect(path.stem, done.out)
        done = vm.run(compiler.test_program("halt", "ours")).check()
        found.collect("halt", done.out.replace("pvm_halt: ", "case\tpvm_halt()\t"))
    with VirtualMachine("ours", path=[server_dir("ours")]) as vm:
        members = [vm.start(program("group_member", "ours"), "g", 2, env=env) for _ in range(2)]
        outputs = [member.communicate(timeout=60)[0].decode() for member in members]
        assert all(member.returncode == 0 for member in members), outputs
    found.collect("group_member", "\n".join(outputs))
    return found


def test_document_is_up_to_date() -> None:
    """With PVM3PY_WRITE_COVERAGE set it is written instead."""
    found = collection()
    assert coverage.unchecked(found) == ["pvm_start_pvmd"]
    text = coverage.table(found)
    if os.environ.get("PVM3PY_WRITE_COVERAGE"):
        DOCUMENT.write_text(text)
    assert text == DOCUMENT.read_text(), "run `make coverage-table`"


def test_every_public_function_is_in_the_table() -> None:
    header = (PROJECT / "include" / "pvm3.h").read_text()
    declared = set(re.findall(r"\b(pvm_\w+)\)?\(", header.split('extern "C"')[1]))
    # Declared as in 3.4.6, which does not have them either.
    declared -= {"pvm_getmwid", "pvm_setmwid"}
    assert declared <= {name for functions in LIBRARIES.values() for name in functions}
