# SPDX-License-Identifier: MIT
"""Where the console's libraries are, which it can do without.

A program of the tree runs without site directories. On a terminal those of its interpreter are
added, behind the libraries that `make` has put into the tree.
"""

from __future__ import annotations

import site
import sys
from pathlib import Path

# Beside the package pvm3py in a tree that `make` has built.
_OURS = "console-libraries"


def provide() -> None:
    """Let imports find the libraries, wherever they are."""
    modules = Path(__file__).resolve().parents[3]
    for directory in [str(modules / _OURS), *site.getsitepackages()]:
        if directory not in sys.path:
            sys.path.append(directory)
