# SPDX-License-Identifier: MIT
"""Parallel Virtual Machine for Python.

    from pvm3py import Task

    with Task() as task:
        ...

`Task`, `Message`, `Group`, `VirtualMachine` and so on come from the package pvm3py.task, which is
loaded (with the C library) when the first of its names is used. The functions of C, without their
prefix, are pvm3py.classic. The daemon, pvm3py.pvmd, needs none of it.
"""

from __future__ import annotations

import warnings
from importlib import import_module
from importlib.machinery import EXTENSION_SUFFIXES
from os import listdir
from os.path import dirname
from sys import version
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pvm3py.binding.errors import *  # noqa: F403  # mypy does not see that task exports them
    from pvm3py.task import *  # noqa: F403

# The one place of the version. A plain string: setuptools reads it without running the module.
__version__ = "0.1.0"

_PLACE = dirname(__file__)


def __getattr__(name: str) -> Any:
    if name.startswith("_") and name != "__all__":
        raise AttributeError(f"module 'pvm3py' has no attribute {name!r}")
    face = _interface("pvm3py.task")
    if name == "__all__" or name in face.__all__:
        return getattr(face, name)
    return _flat(name)


def _flat(name: str) -> Any:
    """A name of pvm3py.classic, which was here in release 0.1."""
    classic = _interface("pvm3py.classic")
    if name not in classic.__all__:
        raise AttributeError(f"module 'pvm3py' has no attribute {name!r}")
    warnings.warn(
        f"pvm3py.{name} is pvm3py.classic.{name}; the short name goes with the next release",
        DeprecationWarning,
        stacklevel=3,
    )
    return getattr(classic, name)


def _interface(name: str) -> ModuleType:
    """A package of the interface. ImportError: this is the source directory, which is not built."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise _explained(error) from None


def _explained(error: ImportError) -> ImportError:
    """The error, or a clear one if compiled modules are missing, or are those of another Python."""
    missing = error.name or ""
    if not missing.startswith("pvm3py._"):
        return error
    begin = f"{missing.removeprefix('pvm3py.')}."
    kinds = [name.split(".")[1] for name in sorted(listdir(_PLACE)) if name.startswith(begin)]
    if kinds:
        own = EXTENSION_SUFFIXES[0].split(".")[1]
        return ImportError(
            f"{_PLACE} is compiled for {', '.join(kinds)}; this Python, {version.split()[0]}, "
            f"needs {own}: build pvm3py with it"
        )
    return ImportError(
        f"{_PLACE} has no compiled modules: it is the source, found before a pvm3py "
        "that is built; work in another directory, or put build/pvm3/lib/python in front of it"
    )


def __dir__() -> list[str]:
    own = [name for name in globals() if name.startswith("__")]
    return sorted([*own, *_interface("pvm3py.task").__all__])
