# SPDX-License-Identifier: MIT
"""Where the PVM_ROOT tree is that this package belongs to."""

from __future__ import annotations

from pathlib import Path


def pvm_root() -> Path:
    """The tree: pvm3py/root of an installed package, else the tree whose lib/python this is in.

    Raises FileNotFoundError if there is none, as in a source checkout that was not built.
    """
    package = Path(__file__).resolve().parent
    for root in (package / "root", package.parents[2]):
        if (root / "lib" / "pvmgetarch").exists():
            return root
    raise FileNotFoundError(
        f"{package} is not part of a PVM_ROOT tree; run make, and Python in another directory"
    )


def launcher() -> Path:
    """The program pvmd3 of the tree."""
    found = sorted(pvm_root().glob("lib/*/pvmd3"))
    if not found:
        raise FileNotFoundError(f"{pvm_root()} has no lib/$PVM_ARCH/pvmd3; run make")
    return found[0]


def program(name: str) -> Path:
    """The command of that name: a script of the tree, or else a program for this machine."""
    for place in (pvm_root() / "lib", launcher().parent):
        if (place / name).exists():
            return place / name
    raise FileNotFoundError(f"{pvm_root()} has no program {name}")
