# SPDX-License-Identifier: MIT
"""Calls that are left: by C++ exceptions, and group calls by jumps."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import compiler
from support.machines.vm import VirtualMachine
from support.programs.groups import server_dir
from support.system import C_SOURCES, library_dir, pvm_root, require_program


def run(program: Path, **env: str) -> None:
    with VirtualMachine("ours", path=[server_dir("ours")]) as vm:
        done = vm.run(program, env=env)
        assert "FAIL" not in done.out, done.out + done.err
        done.check()


@pytest.mark.parametrize("linked", ["shared", "archives", "static"])
def test_exceptions_out_of_handlers(linked: str) -> None:
    require_program("g++", "g++")
    archives = [str(library_dir() / f"lib{name}3.a") for name in ("gpvm", "pvm")]
    libraries = {
        "shared": [f"-L{library_dir()}", "-lgpvm3", "-lpvm3"],
        "archives": archives,
        "static": ["-static", *archives],
    }[linked]
    command = ["g++", "-O2", "-Wall", "-Wextra", "-Werror", f"-I{pvm_root() / 'include'}"]
    source = str(C_SOURCES / "thrown.cpp")
    run(compiler.compiled(f"thrown-{linked}/thrown", [*command, source, *libraries]))


@pytest.mark.parametrize("sanitized", [False, True], ids=["plain", "sanitized"])
def test_jumps_out_of_group_calls(sanitized: bool) -> None:
    # Lists of members that a call had when it was left are lost (docs/threads.md).
    program = compiler.test_program("group_jumps", "ours", sanitized=sanitized)
    run(program, ASAN_OPTIONS="detect_leaks=0")
