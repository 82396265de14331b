# SPDX-License-Identifier: MIT
"""The PVM_ROOT tree that this daemon belongs to, whatever the environment says."""

from __future__ import annotations

import os

import pvm3py

# Programs that are this tree's wherever a task asks for them by name alone.
_OWN_PROGRAMS = ("pvmgs",)


def tree() -> str:
    """The tree: pvm3py/root of an installed package, else the one whose lib/python this is in."""
    package = os.path.dirname(pvm3py.__file__)
    inside = os.path.join(package, "root")
    if os.path.exists(os.path.join(inside, "lib/pvmd")):
        return inside
    return os.path.dirname(os.path.dirname(os.path.dirname(package)))


def own_directory(arch: str) -> str:
    """Where this tree's programs for the architecture are."""
    return os.path.join(tree(), "bin", arch)


def restarter(arch: str) -> str:
    """Path of the program that makes a process of an image; for tests: what they name."""
    return os.environ.get("PVM_TEST_RESTARTER") or os.path.join(tree(), "lib", arch, "pvmrestart")


def own_program(name: str, arch: str) -> str | None:
    """Path of this tree's program for the architecture, if the name is that of one of ours.

    The group server of another PVM may lie in the search path, or none.
    """
    if name not in _OWN_PROGRAMS:
        return None
    path = os.path.join(own_directory(arch), name)
    return path if os.access(path, os.X_OK) else None
