# SPDX-License-Identifier: MIT
"""`python -m pvm3py rm [POLICY]`, and the program pvmrm: run a resource manager."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import signal
import sys
from collections.abc import Callable, Mapping
from typing import TypeVar

import pvm3py.classic as pvm
from pvm3py.command import add_version, run

from .manager import ResourceManager
from .policies import POLICIES

# A family of policies of its own, which are objects of another class: a name behind a colon.
_MIST = "mist"

Found = TypeVar("Found")


def policy(name: str) -> Callable[[], ResourceManager]:
    """What makes a manager: a name of POLICIES, mist[:policy], module:Class, or file.py:Class."""
    family, _, member = name.partition(":")
    if family == _MIST:
        return _mist(member)
    return _chosen(name, POLICIES, ResourceManager, f", {_MIST}")


def _mist(name: str) -> Callable[[], ResourceManager]:
    """The same for a policy of pvm3py.mist, which is built on this package."""
    mist = importlib.import_module("pvm3py.mist")
    chosen = _chosen(name, mist.POLICIES, mist.Policy) if name else mist.OwnerFirst
    return lambda: mist.Scheduler(chosen())


def _chosen(
    name: str, known: Mapping[str, type[Found]], base: type[Found], more: str = ""
) -> type[Found]:
    """A class by its name among those known, or by module or file and its own."""
    if name in known:
        return known[name]
    place, colon, attribute = name.rpartition(":")
    if not colon:
        there = f"{', '.join(known)}{more}"
        raise argparse.ArgumentTypeError(f"no policy {name!r}; there are {there}")
    try:
        found = getattr(_module(place), attribute)
    except (ImportError, OSError, AttributeError, SyntaxError) as error:
        raise argparse.ArgumentTypeError(f"{name}: {error}") from error
    if not (isinstance(found, type) and issubclass(found, base)):
        raise argparse.ArgumentTypeError(f"{name} is no subclass of {base.__name__}")
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
        help=f"{', '.join(POLICIES)}, mist, module:Class or file.py:Class; default: round-robin. "
        "mist:balance, mist:module:Class: mist with another policy than owner-first",
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
