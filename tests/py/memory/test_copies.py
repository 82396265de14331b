# SPDX-License-Identifier: MIT
"""Long runs of bytes: what is copied comes out whole, and goes the cheaper way."""

from __future__ import annotations

import platform
import subprocess

import pytest
from support import compiler
from support.machines.sharing import WAYS
from support.machines.vm import VirtualMachine
from support.system import C_SOURCES, PATIENCE, PROJECT


def run_copies(case: str) -> None:
    """Run tests/c/copies.c with the library's file in it."""
    library = PROJECT / "csrc/libpvm"
    program = compiler.compiled(
        "copies",
        ["cc", "-std=gnu11", "-g", "-O1", "-Wall", "-Wextra", "-Werror"]
        + [f"-I{PROJECT / 'include'}", f"-I{PROJECT / 'csrc/wire'}", f"-I{library}"]
        + [str(C_SOURCES / "copies.c"), str(library / "message/copy.c")],
    )
    done = subprocess.run([program, case], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr


def test_runs_of_all_lengths_and_alignments_come_out_whole() -> None:
    run_copies("bytes")


@pytest.mark.skipif(platform.machine() != "x86_64", reason="there is one way only")
def test_cheaper_way_is_taken_also_after_it_has_changed() -> None:
    run_copies("choice")


@pytest.mark.parametrize("way", ["memory", "narrow"])
def test_arrays_of_all_kinds_come_back_as_they_were(way: str) -> None:
    program = compiler.test_program("shared_patterns", "ours")
    with VirtualMachine("ours", path=[program.parent], env=WAYS[way]) as vm:
        vm.run(program, timeout=PATIENCE).check()
