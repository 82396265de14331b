# SPDX-License-Identifier: MIT
"""Packing and unpacking by formats, as pvm_packf and pvm_unpackf read them.

An item is % [count] [. stride] [modifiers] kind. Count and stride are digits, or * to be taken
from the arguments. The kinds are c bytes, d integer, f float, x complex, s string; the modifiers
h short, l long (or double), u unsigned. Other text is skipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from pvm3py._task import ffi, lib
from pvm3py.binding.enums import Code, Encoding
from pvm3py.binding.errors import check
from pvm3py.binding.strings import c_string
from pvm3py.classic.buffers import initsend, upkbytes, upkstr

_SPEC = re.compile(r"%(\*|\d+)?(?:\.(\*|\d+)?)?([hlu]*)(.?)", re.DOTALL)
# PVM's and C's name of a kind with its modifiers; where both are given l wins over h.
_INTEGERS = {
    "": ("int", "int"),
    "u": ("uint", "unsigned int"),
    "h": ("short", "short"),
    "hu": ("ushort", "unsigned short"),
    "l": ("long", "long"),
    "lu": ("ulong", "unsigned long"),
}
_FLOATS = {"": ("float", "float"), "l": ("double", "double")}
_COMPLEX = {"": ("cplx", "float"), "l": ("dcplx", "double")}


class _Spec(NamedTuple):
    """One item of a format. number: None if a single value is meant."""

    number: int | None
    stride: int
    kind: str
    modifiers: str

    def names(self) -> tuple[str, str]:
        """PVM's and C's name of its type; only of numbers."""
        size = "l" if "l" in self.modifiers else "h" if "h" in self.modifiers else ""
        if self.kind == "d":
            return _INTEGERS[size + "u" * ("u" in self.modifiers)]
        return (_FLOATS if self.kind == "f" else _COMPLEX)[size.strip("h")]


def packf(format: str, *values: Any) -> None:
    """Pack items as the format says, one of `values` for each.

    With a count or stride it is an iterable, of which every stride-th item is taken, `count` in
    all; else one number. %c takes bytes, %s a string. A * takes a number from `values` before. A
    format that begins with %+ takes an encoding from `values` and begins a new message. Raises
    PvmError NO_BUF, and BAD_PARAM for an unknown kind; what was packed before stays.
    """
    arguments = iter(values)
    if format.startswith("%+"):
        format = format[2:]
        initsend(Encoding(_next(arguments)))
    check("packf", lib.pvm_getsbuf() or Code.NO_BUF)
    for spec in _specs("packf", format, arguments):
        check("packf", _pack(spec, _next(arguments)))
    _require_end(arguments)


def unpackf(format: str, *numbers: int) -> tuple[Any, ...]:
    """Unpack items as the format says, and return them.

    With a count an item is a list, else one number; %c gives bytes, %s a string. Each * takes one
    of `numbers`. A stride, which tells C where to put the items, has no effect. Raises PvmError
    NO_BUF, NoData at the end of the message, and BAD_PARAM for an unknown kind.
    """
    arguments = iter(numbers)
    check("unpackf", lib.pvm_getrbuf() or Code.NO_BUF)
    items = tuple(_unpack(spec) for spec in _specs("unpackf", format, arguments))
    _require_end(arguments)
    return items


def _specs(function: str, format: str, arguments: Iterator[Any]) -> Iterator[_Spec]:
    """The items of a format, each read when the one before is done."""
    for match in _SPEC.finditer(format):
        count, stride, modifiers, kind = match.groups()
        numbers = [
            int(_next(arguments)) if text == "*" else int(text) if text else None
            for text in (count, stride)
        ]
        known = kind and kind in "cdfxs" and (numbers[0] or 0) >= 0
        if not known:
            check(function, Code.BAD_PARAM)
        if numbers[1] is not None and numbers[1] < 1:
            raise ValueError(f"stride {numbers[1]}")
        single = None if numbers == [None, None] else 1
        yield _Spec(numbers[0] if count else single, numbers[1] or 1, kind, modifiers)


def _next(arguments: Iterator[Any]) -> Any:
    """The next argument, which the format asks for."""
    for argument in arguments:
        return argument
    raise TypeError("the format asks for more arguments")


def _require_end(arguments: Iterator[Any]) -> None:
    """All arguments have been used."""
    if list(arguments):
        raise TypeError("the format asks for fewer arguments")


def _pack(spec: _Spec, value: Any) -> int:
    """Pack one item; the library's code."""
    if spec.kind == "s":
        return int(lib.pvm_pkstr(c_string(str(value))))
    if spec.kind == "c":
        data = _chosen(spec, memoryview(value).tobytes())
        return int(lib.pvm_pkbyte(ffi.from_buffer("char[]", bytes(data)), len(data), 1))
    name, ctype = spec.names()
    numbers = [value] if spec.number is None else _chosen(spec, list(value))
    if spec.kind == "x":
        numbers = [half for number in numbers for half in (number.real, number.imag)]
    count = len(numbers) // 2 if spec.kind == "x" else len(numbers)
    if not count:
        return 0
    return int(getattr(lib, f"pvm_pk{name}")(ffi.new(f"{ctype}[]", numbers), count, 1))


def _chosen(spec: _Spec, items: Any) -> Any:
    """The items that count and stride mean."""
    count = 1 if spec.number is None else spec.number
    chosen = items[:: spec.stride][:count]
    if len(chosen) < count:
        raise ValueError(f"{len(items)} items, and {count} are wanted at a stride of {spec.stride}")
    return chosen


def _unpack(spec: _Spec) -> Any:
    """Unpack one item."""
    count = 1 if spec.number is None else spec.number
    if spec.kind == "s":
        return upkstr()
    if spec.kind == "c":
        return upkbytes(count)
    name, ctype = spec.names()
    parts = 2 if spec.kind == "x" else 1
    room = ffi.new(f"{ctype}[]", parts * count)
    if count:
        check("unpackf", getattr(lib, f"pvm_upk{name}")(room, count, 1))
    items: Iterable[Any] = room
    if spec.kind == "x":
        items = (complex(room[2 * i], room[2 * i + 1]) for i in range(count))
    return next(iter(items)) if spec.number is None else list(items)
