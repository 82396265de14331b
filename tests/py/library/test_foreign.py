# SPDX-License-Identifier: MIT
"""The library on machines of other kinds: cross-compiled, its programs run by an emulator."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from support.compiler import built_library, compiled, script, test_program
from support.machines.vm import VirtualMachine
from support.system import C_SOURCES, PATIENCE, require_program


@dataclass(frozen=True)
class Machine:
    """A kind of machine: what compiles for it, what runs its programs, what PVM calls it."""

    compiler: str
    emulator: str  # "": this machine
    packages: str
    arch: str
    signature: str
    memory: str  # what goes by it to and from this machine


MACHINES = {
    "s390x": Machine(
        "s390x-linux-gnu-gcc",
        "qemu-s390x-static",
        "gcc-s390x-linux-gnu libc6-dev-s390x-cross qemu-user-static",
        "LINUXS390",
        "0658ef59",
        "none",
    ),
    "powerpc": Machine(
        "powerpc-linux-gnu-gcc",
        "qemu-ppc-static",
        "gcc-powerpc-linux-gnu libc6-dev-powerpc-cross qemu-user-static",
        "LINUXPPC",
        "0658eb59",
        "none",
    ),
    "i686": Machine(
        "i686-linux-gnu-gcc",
        "",
        "gcc-i686-linux-gnu libc6-dev-i386-cross",
        "LINUX",
        "00408841",
        "both ways",
    ),
}


# The checks that do not take a long to have 64 bits; and one that does.
CHECKS = [(name, check) for name in MACHINES for check in ("check_buffers", "check_messages")]
CHECKS.append(("s390x", "check_pack"))


def libraries(name: str) -> Path:
    """PVM_ROOT tree of the C libraries for the machine; skips without the tools."""
    machine = MACHINES[name]
    require_program(machine.compiler, machine.packages)
    if machine.emulator:
        require_program(machine.emulator, machine.packages)
    return built_library(
        name, f"CC={machine.compiler}", f"PVM_ARCH={machine.arch}", "WERROR=-Werror"
    )


def starter(name: str, program: str) -> Path:
    """Starts tests/c/PROGRAM.c as compiled for the machine, also as a task that spawns itself."""
    machine = MACHINES[name]
    tree = libraries(name)
    target = compiled(
        f"{name}/{program}",
        [machine.compiler, "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-static"]
        + [f"-I{tree / 'include'}", str(C_SOURCES / f"{program}.c")]
        + [f"-L{tree / 'lib' / machine.arch}", "-lpvm3"],
    )
    if not machine.emulator:
        return target
    return script(
        f"{name}/{program}.sh", f'#!/bin/sh\nexec {machine.emulator} -0 "$0" {target} "$@"\n'
    )


# Of the tasks, by the way that their messages are to take.
SETTINGS = {
    "daemon": {"PVM_SHM": "off"},
    "direct": {"PVM_SHM": "off"},
    "memory": {"PVM_SHM": "on", "PVM_SHM_AFTER": "0"},
}


@pytest.mark.slow
@pytest.mark.parametrize("route", SETTINGS)
@pytest.mark.parametrize("name", MACHINES)
def test_messages_between_machines_of_different_kinds(name: str, route: str) -> None:
    """Memory is shared only with machines of the same byte order, whatever their word's size."""
    far_program, near_program = starter(name, "foreign"), test_program("foreign", "ours")
    with VirtualMachine(env=SETTINGS[route]) as vm:
        far = vm.start(far_program, "far")
        near = vm.run(near_program, "near", route)
        out, err = far.communicate(timeout=PATIENCE)
        assert (far.returncode, near.status) == (0, 0), near.out + near.err + (out + err).decode()
        assert f"signature {MACHINES[name].signature}" in near.out
        if route == "memory":
            assert f"by memory {MACHINES[name].memory}" in near.out


@pytest.mark.parametrize(("name", "check"), CHECKS)
def test_checks_on_another_machine(name: str, check: str) -> None:
    program = starter(name, check)
    environment = {"PVM_TEST_LIBRARY": "ours", "PVM_TEST_DAEMON": "ours"}
    with VirtualMachine(path=[program.parent]) as vm:
        vm.run(program, env=environment).check()
