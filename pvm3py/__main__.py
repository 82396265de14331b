# SPDX-License-Identifier: MIT
"""`python -m pvm3py COMMAND`; also the commands pvmd3 and pvmd of a pip install."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from pvm3py import __version__
from pvm3py.command import run
from pvm3py.root import launcher, pvm_root

USAGE = """usage: python -m pvm3py COMMAND
  root   print PVM_ROOT: include/, lib/$PVM_ARCH/ and lib/pvmd are below it
  arch   print PVM_ARCH, the name of this kind of machine
  console  run the console `pvm`: `python -m pvm3py console -h` tells more
  config print flags for compilers: `python -m pvm3py config -h` tells more
  trace  convert trace files: `python -m pvm3py trace -h` tells more
  rm     run a resource manager: `python -m pvm3py rm -h` tells more
  --help, --version   print this, or the version of pvm3py"""
PROGRAM = "python -m pvm3py"


def _become(program: Path) -> NoReturn:
    """Replace this process by a program of the tree; its PVM_ROOT is the tree."""
    os.environ["PVM_ROOT"] = str(pvm_root())
    os.environ.setdefault("PVM3PY_PYTHON", sys.executable)
    os.execv(program, [str(program), *sys.argv[1:]])


def run_pvmd3() -> int:
    """The command pvmd3: the daemon."""
    return run(lambda: _become(launcher()), "pvmd3")


def run_pvmd() -> int:
    """The command pvmd: the daemon by its start script, which reads the profiles."""
    return run(lambda: _become(pvm_root() / "lib" / "pvmd"), "pvmd")


def run_pvm() -> int:
    """The command pvm: the console by its start script."""
    return run(lambda: _become(pvm_root() / "lib" / "pvm"), "pvm")


def main() -> int:
    """Answer a question on the command line; return the exit status."""
    match sys.argv[1:]:
        case ["root"]:
            print(pvm_root())
        case ["arch"]:
            print(launcher().parent.name)
        case ["config", *arguments]:
            return subprocess.run([pvm_root() / "lib" / "pvm3-config", *arguments]).returncode
        case [("console" | "rm" | "trace") as command, *arguments]:
            package = import_module(f"pvm3py.{command}.__main__")
            return int(package.main(arguments, f"{PROGRAM} {command}"))
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
    sys.exit(run(main, PROGRAM))
