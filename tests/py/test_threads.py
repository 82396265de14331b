# SPDX-License-Identifier: MIT
"""Threads of one task use the library at the same time; plain and with sanitizers."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from support import compiler
from support.system import ARCH, C_SOURCES, PROJECT
from support.vm import VirtualMachine
from test_groups import server_dir

ROUTES = ("daemon", "direct")


def run_threaded(program: Path, route: str, *, env: dict[str, str] | None = None) -> None:
    """Run tests/c/threaded.c; it checks what its threads got."""
    with VirtualMachine("ours", path=[server_dir("ours")]) as vm:
        done = vm.run(program, route, timeout=90, env=env or {})
        assert "FAIL" not in done.out, done.out + done.err
        assert "Sanitizer" not in done.err + vm.log(), done.err
        assert "runtime error" not in done.err + vm.log(), done.err
        done.check()


@pytest.mark.parametrize("route", ROUTES)
def test_threads(route: str) -> None:
    flags = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-pthread"]
    source = C_SOURCES / "threaded.c"
    run_threaded(
        compiler.compile_program("threaded", [source], "ours", flags, libraries=["-lgpvm3"]), route
    )


def sanitized_program(sanitize: str) -> Path:
    """tests/c/threaded.c and the libraries as `make lib SANITIZE=...` builds them."""
    build = compiler.work_dir() / f"libraries-{sanitize}"
    target = build / "threaded"
    if target.exists():
        return target
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    command = ["make", "-s", "-C", str(PROJECT), "lib", f"SANITIZE={sanitize}", f"BUILD={build}"]
    done = subprocess.run(
        [*command, "CFLAGS=-O1"], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    tree = build / "pvm3"
    compiler.run_compiler(
        ["gcc", "-std=gnu11", "-g", "-pthread", f"-fsanitize={sanitize}"]
        + [f"-I{tree / 'include'}", str(C_SOURCES / "threaded.c"), f"-L{tree / 'lib' / ARCH}"]
        + ["-lgpvm3", "-lpvm3", "-o", str(target)]
    )
    return target


@pytest.mark.parametrize("route", ROUTES)
def test_threads_with_address_sanitizer(route: str) -> None:
    run_threaded(sanitized_program("address,undefined"), route)


def without_randomisation(program: Path) -> Path:
    """A starter: ThreadSanitizer fails where addresses are randomised over too wide a range."""
    setarch = shutil.which("setarch")
    if setarch is None or subprocess.run([setarch, "-R", "true"], check=False).returncode:
        return program
    starter = program.with_name("starter")
    starter.write_text(f'#!/bin/sh\nexec {setarch} -R {program} "$@"\n')
    starter.chmod(0o755)
    return starter


@pytest.mark.parametrize("route", ROUTES)
def test_threads_with_thread_sanitizer(route: str) -> None:
    program = without_randomisation(sanitized_program("thread"))
    run_threaded(program, route, env={"TSAN_OPTIONS": "halt_on_error=1 die_after_fork=0"})
