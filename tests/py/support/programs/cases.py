# SPDX-License-Identifier: MIT
"""Programs of checks that need more than a machine and an argument: how each is run.

Every function runs one for a daemon, and returns its output, in which each check of a call is
a line that begins with "case" (tests/c/check.h); it fails if a check has failed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from support import compiler
from support.machines.hosts import Bed
from support.machines.vm import VirtualMachine
from support.programs.groups import library_flags, serve_groups, server_dir
from support.system import FORTRAN_SOURCES, PATIENCE, Side, modules_dir, require_program

_DEBUGGER = '#!/bin/sh\nPVM_TEST_DEBUGGED=1 exec "$@"\n'


def environment(daemon: Side, library: Side) -> dict[str, str]:
    """What tells a C program whom it works with, and that it is to report its cases."""
    return {"PVM_TEST_DAEMON": daemon, "PVM_TEST_LIBRARY": library, "PVM_TEST_CASES": "1"}


def group_codes(daemon: Side, server: Side, library: Side) -> str:
    """Error codes of the group functions."""
    program = compiler.test_program("group_codes", library)
    with VirtualMachine(daemon, path=[server_dir(server)]) as vm:
        serve_groups(vm, server)
        return vm.run(program, env=environment(daemon, library)).check().out


def group_members(daemon: Side, size: int = 2) -> str:
    """Members of one group that do every collective call, with our library."""
    program, env = compiler.test_program("group_member", "ours"), environment(daemon, "ours")
    with VirtualMachine(daemon, path=[server_dir("ours")]) as vm:
        members = [vm.start(program, "g", size, "wide", env=env) for _ in range(size)]
        outputs = [member.communicate(timeout=PATIENCE)[0].decode() for member in members]
        assert all(member.returncode == 0 for member in members), outputs
    return "\n".join(outputs)


def spawn_codes(daemon: Side, library: Side) -> str:
    """Results of pvm_spawn that need settings of the daemon."""
    settings = {"PVM_MAX_TASKS": "3", "PVM_DEBUGGER": str(compiler.script("debugger", _DEBUGGER))}
    with VirtualMachine(daemon, env=settings) as vm:
        program = compiler.test_program("spawn_codes", library)
        return vm.run(program, env=environment(daemon, library)).check().out


def halting(daemon: Side) -> str:
    """pvm_halt, which ends the machine."""
    with VirtualMachine(daemon) as vm:
        out = vm.run(compiler.test_program("halt", "ours")).check().out
    return out.replace("pvm_halt: ", "case\tpvm_halt()\t")


def _three_ways(
    daemon: Side, command: Iterable[Path | str], path: Iterable[Path], env: dict[str, str]
) -> str:
    """Output of a program as a task, where there is no daemon, and where it starts one."""
    first, *words = command
    with VirtualMachine(daemon, path=[*path, server_dir(daemon)]) as vm:
        own = vm.tmp / "own"
        own.mkdir()
        elsewhere = env | {"PVM_TMP": str(own)}
        out = vm.run(first, *words, env=env).check().out
        out += vm.run(first, *words, "lost", env=elsewhere).check().out
        return out + vm.run(first, *words, "machine", env=elsewhere).check().out


def fortran(daemon: Side) -> str:
    """Every entry point of libfpvm3."""
    program = fortran_program("entry_points.f90")
    out = _three_ways(daemon, [program], [program.parent], {})
    with Bed([daemon, daemon]) as bed:
        bed.start()
        out += bed.master.run(program, "hosts", bed.slaves[0].name).check().out
    assert out.count("good\n") == 4 and "FAIL" not in out, out
    return out


def python(daemon: Side) -> str:
    """Every function of pvm3py."""
    script = Path(__file__).with_name("api_cases.py")
    env = {"PYTHONPATH": str(modules_dir())}
    return _three_ways(daemon, [sys.executable, script], [], env)


def fortran_program(source: str, library: Side = "ours") -> Path:
    """A program of tests/fortran with the libraries of a side."""
    require_program("gfortran", "gfortran")
    return compiler.compile_program(
        Path(source).stem,
        [FORTRAN_SOURCES / source],
        library,
        ["-w", "-fallow-argument-mismatch"],
        compiler="gfortran",
        libraries=library_flags(library, "-lfpvm3", "-lgpvm3"),
    )
