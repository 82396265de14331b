# SPDX-License-Identifier: MIT
"""See that everything works: a private machine, two tasks on it, and their greetings."""

from __future__ import annotations

import argparse
import sys
import time

from pvm3py import classic
from pvm3py.binding.errors import PvmError
from pvm3py.command import add_version
from pvm3py.task import Task, VirtualMachine

_TASKS = 2
# Seconds that a greeting may take on a machine that is busy with other work.
_PATIENCE = 60.0


def main(arguments: list[str] | None = None, program: str = "pvm3py hello") -> int:
    """Do what the command line says; the exit status."""
    parser = argparse.ArgumentParser(prog=program, description=__doc__)
    add_version(parser)
    parser.parse_args(arguments)
    began = time.monotonic()
    try:
        with VirtualMachine() as machine, machine.task as task:
            print(f"a machine of host {', '.join(machine.hosts)}; I am {task.tid}")
            for tid in task.spawn(greet, n=_TASKS, output=sys.stderr):
                print(task.recv(tid, timeout=_PATIENCE))
    except PvmError as error:
        print(f"{program}: {error}", file=sys.stderr)
        return 1
    print(f"everything works ({time.monotonic() - began:.1f} s)")
    return 0


def greet() -> None:
    """What a task does."""
    task = Task()
    assert task.parent is not None
    task.send(f"hello, I am {task.tid}, with PVM {classic.version()}", task.parent)
