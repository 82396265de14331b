# SPDX-License-Identifier: MIT
"""Group and Fortran libraries built with AddressSanitizer and UBSan: no findings."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import compiler
from support.machines.vm import VirtualMachine
from support.programs.groups import finish, server_dir
from support.system import ARCH, C_SOURCES, FORTRAN_SOURCES, require_program

SANITIZE = "address,undefined"


@pytest.fixture(scope="module")
def tree() -> Path:
    return compiler.sanitized_tree()


def build_program(tree: Path, source: Path, *flags: str) -> Path:
    """A program instrumented like the libraries."""
    return compiler.compiled(
        f"sanitized-groups/{source.stem}",
        [*flags, f"-fsanitize={SANITIZE}", "-fno-sanitize-recover=all", "-g"]
        + [f"-I{tree / 'include'}", str(source), f"-L{tree / 'lib' / ARCH}"]
        + ["-lfpvm3", "-lgpvm3", "-lpvm3"],
    )


def test_group_members_in_c(tree: Path) -> None:
    member = build_program(tree, C_SOURCES / "group_member.c", "gcc", "-std=gnu11")
    with VirtualMachine("ours", path=[server_dir("ours")]) as vm:
        finish([vm.start(member, "group", 3, "wide") for _ in range(3)])


def test_entry_points_in_fortran(tree: Path) -> None:
    require_program("gfortran", "gfortran")
    program = build_program(
        tree, FORTRAN_SOURCES / "entry_points.f90", "gfortran", "-w", "-std=legacy"
    )
    with VirtualMachine("ours", path=[program.parent, server_dir("ours")]) as vm:
        assert vm.run(program).check().out.endswith("good\n")
