# SPDX-License-Identifier: MIT
"""Print versions, paths, and what the machine is."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Iterator

from pvm3py import __version__
from pvm3py.command import add_version
from pvm3py.root import launcher, pvm_root


def main(arguments: list[str] | None = None, program: str = "pvm3py info") -> int:
    """Do what the command line says; the exit status."""
    parser = argparse.ArgumentParser(prog=program, description=__doc__)
    add_version(parser)
    parser.parse_args(arguments)
    for name, value in [*_installation(), *_machine()]:
        print(f"{name:<14} {value}")
    return 0


def _installation() -> Iterator[tuple[str, object]]:
    yield "pvm3py", __version__
    yield "package", os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    yield "Python", f"{platform.python_version()} {sys.executable}"
    yield "PVM_ROOT", pvm_root()
    yield "PVM_ARCH", launcher().parent.name


def _machine() -> Iterator[tuple[str, object]]:
    """What the daemon of this user tells, if there is one."""
    # They load the C library, which the command does without until here.
    from pvm3py import classic  # noqa: PLC0415
    from pvm3py.binding.errors import PvmError  # noqa: PLC0415
    from pvm3py.task import Task, VirtualMachine  # noqa: PLC0415
    from pvm3py.task.private import sock_file  # noqa: PLC0415

    yield "interface", f"PVM {classic.version()}"
    yield "PVM_TMP", classic.pvmgettmp()
    if "PVMSOCK" not in os.environ and not os.path.exists(sock_file()):
        yield "machine", "none runs; `pvm` or VirtualMachine.attach(start=True) starts one"
        return
    try:
        with VirtualMachine.attach() as machine, Task():
            for host in machine.hosts.snapshot().values():
                yield "host", f"{host.name} {host.tid} {host.arch}"
            yield "tasks", len(machine.tasks) - 1
    except PvmError as error:
        yield "machine", error
