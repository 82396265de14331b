# SPDX-License-Identifier: MIT
"""Calls as objects, and what becomes of an exception on its way home."""

from __future__ import annotations

import functools
import pickle
import traceback
from collections.abc import Callable
from typing import Any

from pvm3py.binding import objects
from pvm3py.child import run_main
from pvm3py.task.spawning import MAIN, Main, dump_call

from .errors import RemoteTraceback

Call = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]


def pack_call(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Any) -> list[Any]:
    """A call as the parts of an object, which is (function, arguments).

    TypeError: it cannot travel; or what pickling raises.
    """
    parts, _ = dump_call(functools.partial(function, **kwargs) if kwargs else function, args)
    return parts


def pack_whole(function: Callable[..., Any], args: tuple[Any, ...]) -> bytes:
    """The same as one piece, buffers and all."""
    parts = pack_call(function, args, {})
    if len(parts) > 1:
        parts = objects.dump((_call_pickled, (pickle.dumps((function, args)),)))
    return bytes(parts[0])


def _call_pickled(data: bytes) -> Any:
    function, args = pickle.loads(data)
    return function(*args)


def name_of(function: object) -> str:
    """A function in words."""
    name = getattr(function, "__qualname__", None)
    return f"{getattr(function, '__module__', '?')}.{name}" if name else repr(function)


def describe(function: object, parts: list[Any]) -> str:
    """A packed call in words, for a message about it."""
    try:
        function, args = objects.load_small(parts[0])
    except Exception:  # large, or whatever unpickling may raise
        return name_of(function)
    keywords = getattr(function, "keywords", {}) if isinstance(function, functools.partial) else {}
    words = [*map(repr, args), *(f"{key}={value!r}" for key, value in keywords.items())]
    function = function.func if isinstance(function, functools.partial) else function
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


class MainLoader:
    """Runs the program's main module, as a child does, when a call first refers to it.

    As with multiprocessing, what a script does itself belongs under `if __name__ == "__main__":`.
    """

    def __init__(self, main: Main | None) -> None:
        self._main = main

    def prepare(self, data: bytes | None) -> None:
        """Have `__main__` there if a packed call refers to it (None: it may)."""
        if self._main is None:
            return
        if data is None or b"__main__" in data or MAIN.encode() in data:
            main, self._main = self._main, None
            run_main(main)
