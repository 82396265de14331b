# SPDX-License-Identifier: MIT
"""What the command lines of `tracer` and `trcsort` have in common."""

from __future__ import annotations

import argparse


def add_common(parser: argparse.ArgumentParser) -> None:
    """The parser knows -O and -v."""
    parser.add_argument("-O", dest="copy", metavar="FILE", help="another file for tasks' output")
    parser.add_argument("-v", action="store_true", help="accepted for old scripts; says no more")
