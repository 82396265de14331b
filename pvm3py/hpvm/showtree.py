# SPDX-License-Identifier: MIT
"""`hpvm tree`: what a kernel tree has for each host of the machine."""

from __future__ import annotations

import argparse
import os.path
import sys

from pvm3py.binding.errors import PvmError
from pvm3py.classic import config
from pvm3py.hpvm.trees import HpvmError, Traits, Tree
from pvm3py.task import Task
from pvm3py.task.private import sock_file

CLIENT = "hpvmc"


def main(arguments: list[str], program: str) -> int:
    """Print a line for each host; the exit status, 1 if the tree is bad or has nothing for one."""
    parser = argparse.ArgumentParser(
        prog=program,
        description="Show what each host of the machine gets of a kernel tree, and why. "
        "Without a machine: what this host gets.",
    )
    parser.add_argument("tree", help="directory or file that hpvm-build made")
    parser.add_argument("--list", action="store_true", help="the kernels that are in it, too")
    options = parser.parse_args(arguments)
    try:
        with Tree(options.tree) as tree:
            if options.list:
                print_kernels(tree)
            return print_hosts(tree)
    except HpvmError as error:
        print(f"{program}: {error}", file=sys.stderr)
        return 1


def print_kernels(tree: Tree) -> None:
    """A line for each file of the tree."""
    for kernel in tree:
        print(f"{kernel.hash[:12]} {kernel.size:>10,} bytes  {kernel.path}")


def print_hosts(tree: Tree) -> int:
    """A line for each host; 1 if there is one that gets nothing."""
    status = 0
    for name, traits in hosts().items():
        if isinstance(traits, str):
            print(f"{name:<20} {traits}")
            status = 1
            continue
        kernel = tree.select(traits)
        print(f"{name:<20} {kernel.path if kernel else '-':<40} {tree.why(traits)}")
        status = status if kernel else 1
    return status


def hosts() -> dict[str, Traits | str]:
    """What each host of the machine is, or why that is not known."""
    if not os.path.exists(sock_file()):
        return {"this host": Traits.here()}
    try:
        with Task() as task:
            lines: dict[str, list[str]] = {host.name: [] for host in config()}
            found = {name: _ask(task, name, said) for name, said in lines.items()}
        return {name: found[name] or _understood(said) for name, said in lines.items()}
    except PvmError:
        return {"this host": Traits.here()}


def _ask(task: Task, host: str, said: list[str]) -> str:
    """Have the client of a host print its traits; what it says comes later. Why it cannot be."""
    try:
        task.spawn(CLIENT, "traits", where=host, output=lambda _, line: said.append(line))
    except PvmError as error:
        return f"{CLIENT} cannot be started: {error}"
    return ""


def _understood(said: list[str]) -> Traits | str:
    try:
        return Traits.of_line(" ".join(said))
    except ValueError:
        return f"{CLIENT} did not say what the host is: {' '.join(said) or 'nothing'}"
