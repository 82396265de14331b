# SPDX-License-Identifier: MIT
"""Calls as objects, and what becomes of an exception on its way home."""

from __future__ import annotations

import pickle
import sys
import traceback
from collections.abc import Callable
from types import ModuleType
from typing import Any

from pvm3py.binding import objects

from .errors import RemoteTraceback

Call = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]


def pack_call(call: Call) -> list[Any]:
    """A call as parts of a message.

    Functions travel as module and name. Others, as lambdas and those of a notebook, need
    cloudpickle. Raises what pickle raises.
    """
    try:
        parts = objects.dump(call)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        return _by_value(call, error)
    if b"__main__" in parts[0] and main_module()[0] is None:
        return _by_value(call, pickle.PicklingError("__main__ is no file that workers could run"))
    return parts


def pack_whole(call: Call) -> bytes:
    """A call as one piece, buffers and all."""
    parts = pack_call(call)
    if len(parts) == 1:
        return bytes(parts[0])
    return bytes(objects.dump((_call_pickled, (pickle.dumps(call),), {}))[0])


def _by_value(call: Call, error: Exception) -> list[Any]:
    """The same with the functions' code."""
    try:
        import cloudpickle  # noqa: PLC0415
    except ImportError:
        error.add_note(
            f"{name_of(call[0])}: workers import functions by module and name; others need "
            "cloudpickle: pip install cloudpickle"
        )
        raise error from None
    return objects.dump((_call_pickled, (cloudpickle.dumps(call),), {}))


def _call_pickled(data: bytes) -> Any:
    """Run a call that was packed by value."""
    function, args, kwargs = pickle.loads(data)
    return function(*args, **kwargs)


def name_of(function: object) -> str:
    """A function in words."""
    name = getattr(function, "__qualname__", None)
    return f"{getattr(function, '__module__', '?')}.{name}" if name else repr(function)


def describe(function: object, parts: list[Any]) -> str:
    """A packed call in words, for a message about it."""
    try:
        _, args, kwargs = objects.load_small(parts[0])
    except Exception:  # large, or whatever unpickling may raise
        return name_of(function)
    words = [*map(repr, args), *(f"{key}={value!r}" for key, value in kwargs.items())]
    text = f"{name_of(function)}({', '.join(words)})"
    return text if len(text) <= 200 else f"{text[:200]}..."


# ---- exceptions ---------------------------------------------------------------------


def traceback_text(error: BaseException) -> str:
    """The traceback of an exception, with its causes."""
    return "".join(traceback.format_exception(error))


def chained(error: BaseException, text: str) -> BaseException:
    """An exception from a worker; its traceback there is its cause."""
    error.__cause__ = RemoteTraceback(text)
    return error


# ---- the program's main module ----------------------------------------------------------


def main_module() -> tuple[str | None, bool]:
    """Where a worker finds this program's `__main__`: a file, or (True) a module's name."""
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        return spec.name, True
    return getattr(main, "__file__", None), False


class MainLoader:
    """Runs the program's main module, under the name `__pvm_main__`, when a call first needs it.

    As with multiprocessing, what a script does itself belongs under `if __name__ == "__main__":`.
    """

    def __init__(self, main: str | None, module: bool) -> None:
        self._main = main
        self._module = module

    def prepare(self, data: bytes | memoryview) -> None:
        """Have `__main__` there if a packed object speaks of it."""
        if self._main is not None and b"__main__" in bytes(data):
            main, self._main = self._main, None
            self._run(main)

    def _run(self, main: str) -> None:
        import runpy  # noqa: PLC0415

        run = runpy.run_module if self._module else runpy.run_path
        names = run(main, run_name="__pvm_main__")
        module = ModuleType("__pvm_main__")
        module.__dict__.update(names)
        sys.modules["__main__"] = sys.modules["__pvm_main__"] = module
