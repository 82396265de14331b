# SPDX-License-Identifier: MIT
"""Check all of a checkpoint, and start nothing."""

from __future__ import annotations

import argparse

from pvm3py.command import add_version


def main(arguments: list[str] | None = None, program: str = "pvm3py verify") -> int:
    """Do what the command line says; the exit status, 1 if something is wrong."""
    parser = argparse.ArgumentParser(prog=program, description=__doc__)
    add_version(parser)
    parser.add_argument("where", metavar="DIR[@N]", help="the directory; N: not the last one")
    given = parser.parse_args(arguments)
    from pvm3py.vault import verify  # noqa: PLC0415

    lines, right = verify.report(*verify.at_number(given.where))
    print(*lines, sep="\n")
    return 0 if right else 1
