# SPDX-License-Identifier: MIT
"""`python -m pvm3py COMMAND`, the command pvm3py; also all commands of a pip install."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import NamedTuple, NoReturn

from pvm3py import __version__
from pvm3py.command import run
from pvm3py.root import launcher, program, pvm_root

PROGRAM = "python -m pvm3py" if os.path.basename(sys.argv[0]) == "__main__.py" else "pvm3py"


class Command(NamedTuple):
    """A command: what it does in few words, and the module whose main() does it."""

    text: str
    module: str


COMMANDS = {
    "run": Command("run a script as several tasks", "pvm3py.run.__main__"),
    "info": Command("print versions, paths, and what the machine is", "pvm3py.commands.info"),
    "hello": Command("see that everything works", "pvm3py.commands.hello"),
    "bench": Command("measure on this machine", "pvm3py.bench.__main__"),
    "console": Command("run the console `pvm`", "pvm3py.console.__main__"),
    "trace": Command("convert trace files", "pvm3py.trace.__main__"),
    "verify": Command("check a checkpoint of tasks", "pvm3py.commands.verify"),
    "rm": Command("run a resource manager", "pvm3py.rm.__main__"),
    "hpvm": Command("kernel trees, and the machine of a hosts file", "pvm3py.hpvm.__main__"),
}
_OWN = f"""usage: {PROGRAM} COMMAND
  root     print PVM_ROOT: include/, lib/$PVM_ARCH/ and lib/pvmd are below it
  arch     print PVM_ARCH, the name of this kind of machine
  config   print flags for compilers: `{PROGRAM} config -h` tells more
"""
USAGE = (
    _OWN
    + "".join(
        f"  {name:<8} {command.text}: `{PROGRAM} {name} -h` tells more\n"
        for name, command in COMMANDS.items()
    )
    + "  --help, --version   print this, or the version of pvm3py"
)


def _become(path: Path) -> NoReturn:
    """Replace this process by a program of the tree; its PVM_ROOT is the tree."""
    os.environ["PVM_ROOT"] = str(pvm_root())
    os.environ.setdefault("PVM3PY_PYTHON", sys.executable)
    os.execv(path, [str(path), *sys.argv[1:]])


def run_program() -> int:
    """A command of a pip install: the program of its name in the tree."""
    name = os.path.basename(sys.argv[0])
    return run(lambda: _become(program(name)), name)


def run_pvm3py() -> int:
    """The command pvm3py."""
    return run(main, PROGRAM)


def main() -> int:
    """Answer a question on the command line; return the exit status."""
    match sys.argv[1:]:
        case ["root"]:
            print(pvm_root())
        case ["arch"]:
            print(launcher().parent.name)
        case ["config", *arguments]:
            return subprocess.run([pvm_root() / "lib" / "pvm3-config", *arguments]).returncode
        case [name, *arguments] if name in COMMANDS:
            module = import_module(COMMANDS[name].module)
            return int(module.main(arguments, f"{PROGRAM} {name}"))
        case [*_, "--version"]:
            print(f"pvm3py {__version__}")
        case [*_, "-h" | "--help"]:
            print(USAGE)
        case words:
            if words:
                print(f"{PROGRAM}: unknown command {' '.join(words)}", file=sys.stderr)
            print(USAGE, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(run_pvm3py())
