# SPDX-License-Identifier: MIT
"""Values of trace items: their types, their bytes in messages, their text in files."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pvm3py.wire import constants as c
from pvm3py.wire.codec import BYTES, INT, STRING, Counted, WireError

# A complex number is a pair; bytes are text, undecodable ones as surrogates.
Value = Any


def to_bytes(text: str) -> bytes:
    """The bytes of a text as messages and files have them."""
    return text.encode("utf-8", "surrogateescape")


def to_text(data: bytes) -> str:
    """The text of bytes, whatever they are."""
    return data.decode("utf-8", "surrogateescape")


class _Packed:
    """A value of fixed size."""

    def __init__(self, form: str) -> None:
        self._struct = struct.Struct(form)
        self.smallest = self._struct.size

    def pack(self, value: Value) -> bytes:
        try:
            return self._struct.pack(*value) if isinstance(value, tuple) else self._one(value)
        except struct.error as error:
            raise WireError(f"{value!r}: {error}") from error

    def _one(self, value: Value) -> bytes:
        return self._struct.pack(value)

    def unpack(self, body: bytes, at: int) -> tuple[Value, int]:
        try:
            values = self._struct.unpack_from(body, at)
        except struct.error as error:
            raise WireError(f"body ends in a value at {at}") from error
        return values if len(values) > 1 else values[0], at + self._struct.size


class _Byte:
    """One byte, padded."""

    smallest = 4

    def pack(self, value: str) -> bytes:
        return to_bytes(value)[:1].ljust(4, b"\0")

    def unpack(self, body: bytes, at: int) -> tuple[str, int]:
        if at + 4 > len(body):
            raise WireError(f"body ends in a byte at {at}")
        return to_text(body[at : at + 1]), at + 4


class _ByteArray:
    """Length and bytes, padded once."""

    smallest = 4

    def pack(self, value: str) -> bytes:
        return BYTES.pack(to_bytes(value))

    def unpack(self, body: bytes, at: int) -> tuple[str, int]:
        data, at = BYTES.unpack(body, at)
        return to_text(data), at


@dataclass(frozen=True)
class Type:
    """A type of items.

    name    in trace files
    codec   of one value in messages
    text    of one value in files
    parse   of that text
    """

    name: str
    codec: Any
    text: Callable[[Value], str] = str
    parse: Callable[[str], Value] = int


def _float(value: float) -> str:
    return f"{value:f}"


_INT = Type("int", INT)
# Addresses are unsigned, and 3.4.6 shows them so.
_UINT = Type("int", _Packed(">I"))

TYPES: dict[int, Type] = {
    c.TEV_DATA_BYTE: Type("char", _Byte()),
    c.TEV_DATA_CPLX: Type("float", _Packed(">2f"), _float, float),
    c.TEV_DATA_DCPLX: Type("double", _Packed(">2d"), _float, float),
    c.TEV_DATA_DOUBLE: Type("double", _Packed(">d"), _float, float),
    c.TEV_DATA_FLOAT: Type("float", _Packed(">f"), _float, float),
    c.TEV_DATA_INT: _INT,
    c.TEV_DATA_UINT: _UINT,
    c.TEV_DATA_LONG: _UINT,
    c.TEV_DATA_ULONG: _UINT,
    c.TEV_DATA_SHORT: _INT,
    c.TEV_DATA_USHORT: _INT,
    c.TEV_DATA_STRING: Type("char", STRING),
}

_COMPLEX = (c.TEV_DATA_CPLX, c.TEV_DATA_DCPLX)


def codec(kind: int) -> Any:
    """Codec of a type code; WireError: it is none."""
    base = kind & ~c.TEV_DATA_ARRAY
    if base not in TYPES:
        raise WireError(f"trace item of type {kind}")
    if not kind & c.TEV_DATA_ARRAY:
        return TYPES[base].codec
    return _ByteArray() if base == c.TEV_DATA_BYTE else Counted(TYPES[base].codec)


def _size(word: str) -> int:
    return len(to_bytes(word)) + 1


def declaration(kind: int, name: str) -> str:
    """The item's declaration in a trace file's descriptor."""
    base = kind & ~c.TEV_DATA_ARRAY
    dimensions = (base == c.TEV_DATA_STRING) + bool(kind & c.TEV_DATA_ARRAY)
    return f'{TYPES[base].name} "{name}"{"[]" * dimensions};'


def text(kind: int, value: Value) -> str:
    """The value as a trace file shows it."""
    base = kind & ~c.TEV_DATA_ARRAY
    if base == c.TEV_DATA_STRING and kind & c.TEV_DATA_ARRAY:
        if not value:
            return "[0]  }"
        listed = ", ".join(f'"{word}"' for word in value)
        return f"[{len(value)}] [{max(map(_size, value))}] {{ {listed} }}"
    if base == c.TEV_DATA_STRING or kind == c.TEV_DATA_BYTE | c.TEV_DATA_ARRAY:
        return f'[{_size(value)}] {{ "{value}" }}'
    show = TYPES[base].text
    if not kind & c.TEV_DATA_ARRAY:
        return ", ".join(map(show, value)) if base in _COMPLEX else show(value)
    flat = [part for pair in value for part in pair] if base in _COMPLEX else value
    return f"[{len(flat)}] {{ {', '.join(map(show, flat))} }}"


# ---- reading files --------------------------------------------------------------

_DIMENSION = re.compile(r"\s*\[(\d+)\]")
_SPACE = re.compile(r"\s*")
_WORD = re.compile(r"[^,}\s][^,}]*?(?=\s*[,}])")


def _from_file(word: str) -> str:
    return to_text(word.encode("latin-1"))


class Scanner:
    """Reads values, one after the other, from the text of a file that was decoded as Latin-1.

    ValueError: what is there has not the form that is asked for.
    """

    def __init__(self, text: str, at: int = 0) -> None:
        self.source = text
        self.at = at

    def fail(self, wanted: str) -> ValueError:
        """What to raise when something else is there."""
        line = self.source.count("\n", 0, self.at) + 1
        return ValueError(f"line {line}: {wanted} expected at {self.source[self.at :][:20]!r}")

    def skip(self, token: str) -> bool:
        """Step over a token and the space before it; False: something else is there."""
        match = _SPACE.match(self.source, self.at)
        start = match.end() if match else self.at
        found = self.source.startswith(token, start)
        if found:
            self.at = start + len(token)
        return found

    def at_end(self) -> bool:
        """Whether nothing but space is left."""
        self.skip("")
        return self.at >= len(self.source)

    def expect(self, token: str) -> None:
        """Step over a token that must be there."""
        if not self.skip(token):
            raise self.fail(repr(token))

    def value(self, kind: str, dimensions: int) -> Value:
        """A value of a declared type: `kind` char, int, float or double."""
        if kind == "char":
            return self._strings() if dimensions == 2 else self._char(dimensions)
        parse = int if kind == "int" else float
        return self._array(parse) if dimensions else parse(self._scalar())

    def _count(self) -> int:
        match = _DIMENSION.match(self.source, self.at)
        if match is None:
            raise self.fail("'['")
        self.at = match.end()
        return int(match[1])

    def _scalar(self) -> str:
        self.skip("")
        match = _WORD.match(self.source, self.at)
        if match is None:
            raise self.fail("a value")
        self.at = match.end()
        return match[0]

    def _char(self, dimensions: int) -> str:
        if not dimensions:
            self.at += 2  # a space is in front of it, and it may be one itself
            return _from_file(self.source[self.at - 1 : self.at])
        size = self._count()
        self.expect("{")
        word = self._quoted(size - 1)
        self.expect("}")
        return word

    def _quoted(self, size: int | None) -> str:
        """Text between quotes: `size` characters whatever they are, or up to the next quote."""
        self.expect('"')
        end = self.source.find('"', self.at) if size is None else self.at + size
        if end < 0 or self.source[end : end + 1] != '"':
            raise self.fail("'\"'")
        word = self.source[self.at : end]
        self.at = end + 1
        return _from_file(word)

    def _strings(self) -> list[str]:
        count = self._count()
        if count == 0:
            self.expect("}")
            return []
        self._count()
        self.expect("{")
        words = []
        for i in range(count):
            if i:
                self.expect(",")
            words.append(self._quoted(None))
        self.expect("}")
        return words

    def _array(self, parse: Callable[[str], Value]) -> list[Value]:
        count = self._count()
        self.expect("{")
        values = []
        for i in range(count):
            if i:
                self.expect(",")
            values.append(parse(self._scalar()))
        self.expect("}")
        return values
