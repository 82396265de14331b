# SPDX-License-Identifier: MIT
"""Parallel Virtual Machine for Python.

`import pvm3py` gives the task interface: `pvm3py.mytid()`, `pvm3py.spawn(...)`,
`pvm3py.recv(...)` and so on, all from the package pvm3py.task, which is loaded (with the C
library) when the first of its names is used. The daemon, pvm3py.pvmd, needs none of it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pvm3py.task import *  # noqa: F403

# The one place of the version. A plain string: setuptools reads it without running the module.
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name.startswith("_") and name != "__all__":
        raise AttributeError(f"module 'pvm3py' has no attribute {name!r}")
    return getattr(import_module("pvm3py.task"), name)


def __dir__() -> list[str]:
    own = [name for name in globals() if name.startswith("__")]
    return sorted([*own, *import_module("pvm3py.task").__all__])
