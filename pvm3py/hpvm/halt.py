# SPDX-License-Identifier: MIT
"""`hpvm halt`: end the machine."""

from __future__ import annotations

import argparse
import sys

from pvm3py.hpvm.hosts import halt


def main(arguments: list[str], program: str) -> int:
    """End all tasks and daemons of the machine there is; the exit status."""
    parser = argparse.ArgumentParser(
        prog=program, description="End the machine: all its tasks and daemons."
    )
    parser.parse_args(arguments)
    if not halt():
        print(f"{program}: no machine is running", file=sys.stderr)
        return 1
    return 0
