# SPDX-License-Identifier: MIT
"""`python -m pvm3py rm [POLICY]`, and the program pvmrm: run a resource manager."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import signal
import sys

import pvm3py.classic as pvm
from pvm3py.command import add_version, run

from .manager import ResourceManager
from .policies import POLICIES


def policy(name: str) -> type[ResourceManager]:
    """The class of a policy: a name of POLICIES, module:Class, or file.py:Class."""
    if name in POLICIES:
        return POLICIES[name]
    place, colon, attribute = name.rpartition(":")
    if not colon:
        raise argparse.ArgumentTypeError(f"no policy {name!r}; there are {', '.join(POLICIES)}")
    try:
        found = getattr(_module(place), attribute)
    except (ImportError, OSError, AttributeError, SyntaxError) as error:
        raise argparse.ArgumentTypeError(f"{name}: {error}") from error
    if not (isinstance(found, type) and issubclass(found, ResourceManager)):
        raise argparse.ArgumentTypeError(f"{name} is no subclass of ResourceManager")
    return found


def _module(place: str) -> object:
    """A module by its name or its file."""
    if not place.endswith(".py"):
        return importlib.import_module(place)
    name = os.path.basename(place).removesuffix(".py")
    spec = importlib.util.spec_from_file_location(name, place)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main(arguments: list[str], program: str = "pvmrm") -> int:
    """Do what the command line asks for; return the exit status."""
    parser = argparse.ArgumentParser(prog=program, description="Run a resource manager.")
    parser.add_argument(
        "policy",
        nargs="?",
        type=policy,
        default="round-robin",
        help=f"{', '.join(POLICIES)}, module:Class or file.py:Class; default: round-robin",
    )
    add_version(parser)
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    manager = options.policy()
    try:
        manager.register()
    except pvm.PvmError as error:
        print(f"{program}: no machine to manage: {error}", file=sys.stderr)
        return 1
    manager.run()
    return 0


if __name__ == "__main__":
    sys.exit(run(lambda: main(sys.argv[1:], "python -m pvm3py.rm"), "python -m pvm3py.rm"))
