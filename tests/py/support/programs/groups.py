# SPDX-License-Identifier: MIT
"""Programs of groups, and members that do calls as they are told."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from support import compiler
from support.machines.vm import VirtualMachine, wait_until
from support.system import (
    C_SOURCES,
    PATIENCE,
    Side,
    library_dir,
    modules_dir,
    require_program,
    spawn_dir,
)

_FLAGS = ("-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror")
_STEPS = Path(__file__).with_name("group_steps.py")


def server_dir(side: Side) -> Path:
    """Directory with the group server of a side."""
    if side == "ours":
        return spawn_dir()
    require_program("pvmgs", "pvm")
    return Path("/usr/bin")


# Spawned by its path, it writes to the log as one that is spawned by its name.
_SERVE = """\
import sys, time, pvm3py
pvm3py.spawn(sys.argv[1])
while not any(one.entries for one in pvm3py.getmboxinfo("pvmgs")):
    time.sleep(0.01)
"""


def serve_groups(vm: VirtualMachine, side: Side, directory: Path | None = None) -> None:
    """Have the group server of a side serve: our daemon starts ours, unless one runs already.

    directory: where it is, if not where it is installed.
    """
    if vm.side == "ours" and side == "debian":
        server = (directory or server_dir(side)) / "pvmgs"
        env = {"PYTHONPATH": str(modules_dir())}
        vm.run(sys.executable, "-c", _SERVE, server, env=env).check()


def program(name: str, side: Side) -> Path:
    """The program tests/c/NAME.c with the group library of a side."""
    return compiler.compile_program(
        name, [C_SOURCES / f"{name}.c"], side, _FLAGS, libraries=library_flags(side, "-lgpvm3")
    )


def library_flags(side: Side, *libraries: str) -> list[str]:
    """Options that link these group libraries of a side."""
    return [f"-L{library_dir()}", *libraries] if side == "ours" else list(libraries)


def finish(tasks: list[subprocess.Popen[bytes]], seconds: float = PATIENCE) -> None:
    """All tasks end with 0 in time."""
    deadline = time.monotonic() + seconds
    for task in tasks:
        out, err = task.communicate(timeout=max(deadline - time.monotonic(), 0.1))
        assert task.returncode == 0, (task.args, out.decode(), err.decode())


def wait_for_arrivals(vm: VirtualMachine, number: int) -> None:
    """Until pvm_gstat shows so many who wait in the running barrier."""
    wanted = f"barrier_reached {number}"

    def arrived() -> bool:
        listing = vm.run(library_dir() / "pvm_gstat").out
        return wanted in listing and "barrier_count -1" not in listing

    wait_until(arrived, wanted)


class Member:
    """A task in a group that does what it is told."""

    def __init__(self, vm: VirtualMachine) -> None:
        environment = {"PYTHONPATH": str(modules_dir())}
        self.task: subprocess.Popen[bytes] = vm.start(
            sys.executable, _STEPS, "group", stdin=subprocess.PIPE, env=environment
        )
        self.instance = int(self.answer())

    def tell(self, call: str) -> None:
        assert self.task.stdin
        self.task.stdin.write(call.encode() + b"\n")
        self.task.stdin.flush()

    def answer(self) -> str:
        assert self.task.stdout
        line = self.task.stdout.readline().decode().strip()
        if not line:
            _, errors = self.task.communicate()
            raise AssertionError(errors.decode())
        return line

    def kill(self) -> None:
        self.task.kill()
        self.task.wait()
