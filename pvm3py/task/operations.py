# SPDX-License-Identifier: MIT
"""What members' values are combined with: by name, or by a function of two values."""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable
from typing import Any, Literal

from pvm3py._task import ffi, lib
from pvm3py.binding.groups import Items

Named = Literal["sum", "product", "max", "min"]
Operation = Named | Callable[[Any, Any], Any]

_IN_C = {"sum": "PvmSum", "product": "PvmProduct", "max": "PvmMax", "min": "PvmMin"}


def combining(operation: Operation) -> Callable[[Any, Any], Any]:
    """The function of two objects."""
    if callable(operation):
        return operation
    function: Callable[[Any, Any], Any] = _named(operation, _ON_OBJECTS)
    return function


def _named(operation: str, table: dict[str, Any]) -> Any:
    if operation not in table:
        raise ValueError(f"operation {operation!r}: there are {', '.join(table)}, and functions")
    return table[operation]


def _is_array(value: object) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.ndarray)


def _larger(a: Any, b: Any) -> Any:
    return sys.modules["numpy"].maximum(a, b) if _is_array(a) else max(a, b)


def _smaller(a: Any, b: Any) -> Any:
    return sys.modules["numpy"].minimum(a, b) if _is_array(a) else min(a, b)


_ON_OBJECTS = {"sum": operator.add, "product": operator.mul, "max": _larger, "min": _smaller}


class OnBuffers:
    """An operation as C function on the items of buffers.

    A function of Python gets two arrays, of numpy if the buffer is one, else memoryviews. It
    returns what becomes the first one, or None: it has changed that. What it raises ends the call.
    """

    def __init__(self, operation: Operation, buffer: Any, items: Items) -> None:
        self.failures: list[BaseException] = []
        self._buffer = buffer
        self._bytes = items.count * items.item.size
        if callable(operation):
            self._function = operation
            self.pointer = ffi.callback("void(int *, void *, void *, int *, int *)", self._combine)
        else:
            self.pointer = ffi.addressof(lib, _named(operation, _IN_C))

    def _combine(self, _type: Any, x: Any, y: Any, _count: Any, info: Any) -> None:
        info[0] = 0
        try:
            target = memoryview(ffi.buffer(x, self._bytes))
            result = self._function(self._array(x), self._array(y))
            if result is not None:
                target[:] = memoryview(result).cast("B")
        except BaseException as error:
            self.failures.append(error)
            info[0] = lib.PvmSysErr

    def _array(self, pointer: Any) -> Any:
        """Memory of the library's as an array like the buffer."""
        memory = memoryview(ffi.buffer(pointer, self._bytes))
        if _is_array(self._buffer):
            array = sys.modules["numpy"].frombuffer(memory, self._buffer.dtype)
            return array.reshape(self._buffer.shape)
        form: Any = memoryview(self._buffer).format.lstrip("@=")
        return memory.cast(form)
