# SPDX-License-Identifier: MIT
"""Codecs of message fields: XDR ints and strings, lists, and what the protocol builds of them.

A codec packs a value to bytes and unpacks it from a position in a body. Everything that does not
fit, a body that ends early, a string length of 0 or less, a negative count, is a WireError.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Protocol

_INT = struct.Struct(">i")
_PADDING = (b"", b"\0\0\0", b"\0\0", b"\0")


class WireError(ValueError):
    """A body does not follow its declaration, or a value cannot be packed."""


class Codec(Protocol):
    """Packs and unpacks one field."""

    @property
    def smallest(self) -> int:
        """Least number of bytes that a value takes; bounds the counts that are believed."""

    def pack(self, value: Any) -> bytes:
        """The bytes of `value`."""

    def unpack(self, body: bytes, at: int) -> tuple[Any, int]:
        """The value at offset `at`, and the offset behind it."""


class Int:
    """Signed 32-bit big-endian integer."""

    smallest = 4

    def pack(self, value: int) -> bytes:
        try:
            return _INT.pack(value)
        except struct.error as error:
            raise WireError(f"{value!r} is not a 32-bit integer") from error

    def unpack(self, body: bytes, at: int) -> tuple[int, int]:
        try:
            return _INT.unpack_from(body, at)[0], at + 4
        except struct.error as error:
            raise WireError(f"body ends in an integer at {at}") from error


class String:
    """Length counting the NUL, text, NUL, padding to a multiple of 4."""

    smallest = 8

    def pack(self, value: str) -> bytes:
        text = value.encode("utf-8", "surrogateescape")
        if b"\0" in text:
            raise WireError("a string cannot contain NUL")
        size = len(text) + 1
        return _INT.pack(size) + text + b"\0" + _PADDING[size % 4]

    def unpack(self, body: bytes, at: int) -> tuple[str, int]:
        size, at = INT.unpack(body, at)
        end = at + (size + 3 & ~3)
        if size <= 0 or end > len(body):
            raise WireError(f"string of {size} bytes at {at} in a body of {len(body)}")
        text = body[at : at + size - 1]
        if b"\0" in text:
            text = text[: text.index(b"\0")]
        return text.decode("utf-8", "surrogateescape"), end


class Bytes:
    """Length, that many bytes, padding to a multiple of 4."""

    smallest = 4

    def pack(self, value: bytes) -> bytes:
        return _INT.pack(len(value)) + value + _PADDING[len(value) % 4]

    def unpack(self, body: bytes, at: int) -> tuple[bytes, int]:
        size, at = INT.unpack(body, at)
        end = at + (size + 3 & ~3)
        if size < 0 or end > len(body):
            raise WireError(f"{size} bytes at {at} in a body of {len(body)}")
        return body[at : at + size], end


class Rest:
    """All bytes to the end of the body, undecoded."""

    smallest = 0

    def pack(self, value: bytes) -> bytes:
        return value

    def unpack(self, body: bytes, at: int) -> tuple[bytes, int]:
        return body[at:], len(body)


def _pack_items(item: Codec, values: list[Any]) -> bytes:
    if item is INT:
        try:
            return struct.pack(f">{len(values)}i", *values)
        except struct.error as error:
            raise WireError(f"not all 32-bit integers: {error}") from error
    return b"".join(map(item.pack, values))


def _unpack_items(item: Codec, count: int, body: bytes, at: int) -> tuple[list[Any], int]:
    if count < 0 or count * item.smallest > len(body) - at:
        raise WireError(f"{count} items at {at} in a body of {len(body)}")
    if item is INT:
        return list(struct.unpack_from(f">{count}i", body, at)), at + 4 * count
    values = []
    for _ in range(count):
        value, at = item.unpack(body, at)
        values.append(value)
    return values, at


class Counted:
    """A count, then that many items."""

    smallest = 4

    def __init__(self, item: Codec) -> None:
        self.item = item

    def pack(self, value: list[Any]) -> bytes:
        return _INT.pack(len(value)) + _pack_items(self.item, value)

    def unpack(self, body: bytes, at: int) -> tuple[list[Any], int]:
        count, at = INT.unpack(body, at)
        return _unpack_items(self.item, count, body, at)


class CountedAround:
    """A count, one integer that follows from the items, then the items.

    The value is the list alone; the integer is computed when packing and not looked at otherwise.
    """

    smallest = 8

    def __init__(self, item: Codec, between: Callable[[list[Any]], int]) -> None:
        self.item = item
        self.between = between

    def pack(self, value: list[Any]) -> bytes:
        head = _INT.pack(len(value)) + _INT.pack(self.between(value))
        return head + _pack_items(self.item, value)

    def unpack(self, body: bytes, at: int) -> tuple[list[Any], int]:
        count, at = INT.unpack(body, at)
        _, at = INT.unpack(body, at)
        return _unpack_items(self.item, count, body, at)


class ToEnd:
    """Items up to the end of the body."""

    smallest = 0

    def __init__(self, item: Codec) -> None:
        self.item = item

    def pack(self, value: list[Any]) -> bytes:
        return _pack_items(self.item, value)

    def unpack(self, body: bytes, at: int) -> tuple[list[Any], int]:
        if self.item is INT and not (len(body) - at) % INT.smallest:
            return _unpack_items(self.item, (len(body) - at) // INT.smallest, body, at)
        values = []
        while at < len(body):
            value, at = self.item.unpack(body, at)
            values.append(value)
        return values, at


class Trailing:
    """A last field that older parties do not send: None when absent or not decodable."""

    smallest = 0

    def __init__(self, item: Codec) -> None:
        self.item = item

    def pack(self, value: Any) -> bytes:
        return b"" if value is None else self.item.pack(value)

    def unpack(self, body: bytes, at: int) -> tuple[Any, int]:
        try:
            return self.item.unpack(body, at)
        except WireError:
            return None, at


INT = Int()
STRING = String()
BYTES = Bytes()
REST = Rest()
