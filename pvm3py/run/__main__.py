# SPDX-License-Identifier: MIT
"""Run a Python script as several tasks, the members of the group "world".

The machine that runs is used, or else a private one that ends with the run. If a task fails the
others are ended; the exit status is that of the first one to fail, 128 and the number of the signal
that has ended it.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from types import FrameType

from pvm3py.binding.errors import PvmError
from pvm3py.command import add_version
from pvm3py.task.machine import VirtualMachine
from pvm3py.task.private import sock_file

from .runner import Runner

_NOT_RUN = 1


def _parser(program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program, description=__doc__, usage=f"{program} [options] script.py|-m MODULE ..."
    )
    parser.add_argument("-n", type=int, default=1, metavar="N", help="number of tasks (1)")
    parser.add_argument("--hosts", default="", metavar="A,B", help="hosts to add to the machine")
    parser.add_argument("--label", action="store_true", help="show whose each line is")
    parser.add_argument("-m", action="store_true", dest="module", help="run a module")
    parser.add_argument("words", nargs=argparse.REMAINDER, help="script or module, and arguments")
    add_version(parser)
    return parser


def main(arguments: list[str] | None = None, program: str = "pvm3py run") -> int:
    """Do what the command line says; the exit status."""
    parser = _parser(program)
    given = parser.parse_args(arguments)
    if given.n < 1:
        parser.error(f"{given.n} tasks")
    if not given.words:
        parser.error("no script")
    words = ["-m", *given.words] if given.module else given.words
    if not given.module and not os.path.isfile(words[0]):
        parser.error(f"no script {words[0]}")
    signal.signal(signal.SIGTERM, _terminated)
    try:
        with _machine([name for name in given.hosts.split(",") if name]):
            return Runner(labelled=given.label).run(words, given.n)
    except PvmError as error:
        print(f"{program}: {error}", file=sys.stderr)
        return _NOT_RUN


def _terminated(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


def _machine(hosts: list[str]) -> VirtualMachine:
    """The machine that runs, with these hosts in it, or a private one of them."""
    if "PVMSOCK" not in os.environ and not os.path.exists(sock_file()):
        return VirtualMachine(hosts)
    machine = VirtualMachine.attach()
    machine.hosts.add(*(name for name in hosts if name not in machine.hosts))
    return machine


if __name__ == "__main__":
    sys.exit(main())
