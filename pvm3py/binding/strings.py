# SPDX-License-Identifier: MIT
"""Strings as C has them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pvm3py._task import ffi


def c_string(text: str | bytes) -> Any:
    """The string, in UTF-8 unless it is bytes.

    ValueError: a NUL in it would end it early. TypeError: it is none.
    """
    if not isinstance(text, (str, bytes)):
        raise TypeError(f"a string is wanted, not {type(text).__name__}")
    data = text if isinstance(text, bytes) else text.encode()
    if b"\0" in data:
        raise ValueError("a PVM string cannot contain NUL")
    return ffi.new("char[]", data)


def c_strings(texts: Iterable[str | bytes]) -> tuple[Any, list[Any]]:
    """A NULL-ended array of C strings, and the strings, which must live as long."""
    strings = [c_string(text) for text in texts]
    return ffi.new("char *[]", [*strings, ffi.NULL]), strings
