# SPDX-License-Identifier: MIT
"""The command hpvm: kernel trees, hosts files, and the machine that these describe."""

from __future__ import annotations

import os.path
import sys

if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from importlib import import_module
from typing import NamedTuple

from pvm3py import __version__
from pvm3py.command import run

PROGRAM = "hpvm"


class Command(NamedTuple):
    """A command: what it does in few words, and the module whose main() does it."""

    text: str
    module: str


# A row for each; a module's main takes the arguments and the program's name, and gives the status.
COMMANDS = {
    "tree": Command("show what each host gets of a kernel tree, and why", "pvm3py.hpvm.showtree"),
    "hosts": Command("check a hosts file, and show its hosts", "pvm3py.hpvm.showhosts"),
    "start": Command("start or complete the machine of a hosts file", "pvm3py.hpvm.start"),
    "halt": Command("end the machine", "pvm3py.hpvm.halt"),
}


def usage(program: str) -> str:
    """The text of `hpvm --help`."""
    lines = [f"usage: {program} COMMAND"]
    lines += [f"  {name:<6} {command.text}" for name, command in COMMANDS.items()]
    lines.append("  --help, --version   print this, or the version of pvm3py")
    lines.append(f"`{program} COMMAND -h` tells more.")
    return "\n".join(lines)


def main(arguments: list[str], program: str = PROGRAM) -> int:
    """Do what the command line says; the exit status."""
    match arguments:
        case [name, *rest] if name in COMMANDS:
            module = import_module(COMMANDS[name].module)
            return int(module.main(rest, f"{program} {name}"))
        case ["-h" | "--help"]:
            print(usage(program))
            return 0
        case ["--version"]:
            print(f"{program} (pvm3py {__version__})")
            return 0
    print(usage(program), file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(run(lambda: main(sys.argv[1:]), PROGRAM))
