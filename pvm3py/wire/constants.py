# SPDX-License-Identifier: MIT
"""Every number of the protocol headers as an int attribute, read from C.

Wire words are signed here, as everywhere in Python: a value with bit 31 set is negative.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvm3py._wire import lib


def signed(word: int) -> int:
    """The signed value of a 32-bit word; higher bits are cut off."""
    return ((word & 0xFFFFFFFF) ^ 0x80000000) - 0x80000000


_values = {name: getattr(lib, name) for name in dir(lib)}
globals().update({name: signed(word) for name, word in _values.items() if isinstance(word, int)})

if TYPE_CHECKING:

    def __getattr__(name: str) -> int: ...
