# SPDX-License-Identifier: MIT
"""Parallel Virtual Machine for Python.

`import pvm3py` gives the task interface: `pvm3py.mytid()`, `pvm3py.spawn(...)`,
`pvm3py.recv(...)` and so on, all from the package pvm3py.classic, which is loaded (with the C
library) when the first of its names is used. The daemon, pvm3py.pvmd, needs none of it.
"""

from __future__ import annotations

from importlib import import_module
from os.path import dirname
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pvm3py.classic import *  # noqa: F403

# The one place of the version. A plain string: setuptools reads it without running the module.
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name.startswith("_") and name != "__all__":
        raise AttributeError(f"module 'pvm3py' has no attribute {name!r}")
    return getattr(_interface(), name)


def _interface() -> ModuleType:
    """The package pvm3py.classic. ImportError: this is the source directory, which is not built."""
    try:
        return import_module("pvm3py.classic")
    except ModuleNotFoundError as error:
        raise _explained(error) from None


def _explained(error: ImportError) -> ImportError:
    """The error, or a clear one if compiled modules are missing."""
    if not (error.name or "").startswith("pvm3py._"):
        return error
    return ImportError(
        f"{dirname(__file__)} has no compiled modules: it is the source, found before a pvm3py "
        "that is built; work in another directory, or put build/pvm3/lib/python in front of it"
    )


def __dir__() -> list[str]:
    own = [name for name in globals() if name.startswith("__")]
    return sorted([*own, *_interface().__all__])
