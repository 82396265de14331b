# SPDX-License-Identifier: MIT
"""Files of messages that were held at the cut: fragments as they go to tasks, end to end."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from .store import VaultError

# A fragment's header: dst, src, length, flags.
_FRAGMENT = struct.Struct(">iiiI")


def split(path: str, held: bytes) -> Iterator[tuple[int, bytes]]:
    """The fragments with the tids to which they go. Raises VaultError: the file is damaged."""
    at = 0
    while at < len(held):
        if at + _FRAGMENT.size > len(held):
            raise VaultError(f"{path}: is cut off")
        dst, _, length, _ = _FRAGMENT.unpack_from(held, at)
        end = at + _FRAGMENT.size + length
        if length < 0 or end > len(held):
            raise VaultError(f"{path}: is damaged")
        yield dst, held[at:end]
        at = end
