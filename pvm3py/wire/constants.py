# SPDX-License-Identifier: MIT
"""Every number of the protocol headers as an int attribute, read from C.

Wire words are signed here, as everywhere in Python: a value with bit 31 set is negative. For
logs there are the names back from numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvm3py._wire import lib


def signed(word: int) -> int:
    """The signed value of a 32-bit word; higher bits are cut off."""
    return ((word & 0xFFFFFFFF) ^ 0x80000000) - 0x80000000


_words = {name: getattr(lib, name) for name in dir(lib)}
_numbers = {name: signed(word) for name, word in _words.items() if isinstance(word, int)}
globals().update(_numbers)


def message_name(tag: int) -> str:
    """The name of a control message, like TM_SPAWN; the tag in hexadecimal if it is none."""
    return _negative(tag, ("TM_", "DM_", "SM_", "TC_")) or f"{tag & 0xFFFFFFFF:x}"


def error_name(code: int) -> str:
    """The name of an error, like PvmNoTask; the code itself if it is none."""
    return _negative(code, ("Pvm",)) or str(code)


def _negative(value: int, prefixes: tuple[str, ...]) -> str:
    """The first name of a negative number that begins in one of these ways, or nothing."""
    limits = ("_FIRST", "_LAST")
    for name, number in _numbers.items():
        if number == value < 0 and name.startswith(prefixes) and not name.endswith(limits):
            return name
    return ""


if TYPE_CHECKING:

    def __getattr__(name: str) -> int: ...
