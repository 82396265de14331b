# SPDX-License-Identifier: MIT
"""Group and Fortran libraries built with AddressSanitizer and UBSan: no findings."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from support import compiler
from support.system import ARCH, C_SOURCES, PROJECT, require_program
from support.vm import VirtualMachine
from test_groups import FORTRAN, finish, server_dir

SANITIZE = "address,undefined"


@pytest.fixture(scope="module")
def tree() -> Path:
    """The C libraries as `make lib SANITIZE=...` builds them."""
    build = compiler.work_dir() / "sanitized-libraries"
    command = ["make", "-s", "-C", str(PROJECT), "lib", f"SANITIZE={SANITIZE}", f"BUILD={build}"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(
        [*command, "CFLAGS=-O1"], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    return build / "pvm3"


def build_program(tree: Path, source: Path, *flags: str) -> Path:
    """A program instrumented like the libraries."""
    target = compiler.work_dir() / f"sanitized-{source.stem}"
    compiler.run_compiler(
        [*flags, f"-fsanitize={SANITIZE}", "-fno-sanitize-recover=all", "-g"]
        + [f"-I{tree / 'include'}", str(source), f"-L{tree / 'lib' / ARCH}"]
        + ["-lfpvm3", "-lgpvm3", "-lpvm3", "-o", str(target)]
    )
    return target


def test_group_members_in_c(tree: Path) -> None:
    member = build_program(tree, C_SOURCES / "group_member.c", "gcc", "-std=gnu11")
    with VirtualMachine("ours", path=[server_dir("ours")]) as vm:
        finish([vm.start(member, "group", 3, "wide") for _ in range(3)])


def test_entry_points_in_fortran(tree: Path) -> None:
    require_program("gfortran", "gfortran")
    program = build_program(
        tree, FORTRAN / "entry_points.f90", "gfortran", "-w", "-std=legacy"
    )
    (program.parent / "entry_points").symlink_to(program)
    with VirtualMachine("ours", path=[program.parent, server_dir("ours")]) as vm:
        assert vm.run(program).check().out.endswith("good\n")
