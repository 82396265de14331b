# SPDX-License-Identifier: MIT
"""Images as bytes: their records, and images made wrong on purpose (csrc/wire/image.h)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace

HEADER_BYTES = 152
RECORD = struct.Struct("=IIQII")
MUST = 1

PROCESS, AUXV, LIMIT, SIGACTION, TIMER, PENDING, CWD, FILE, VMA, FD = range(1, 11)
PVM, STASH = 32, 33
DATA, RUN, KEPT, WIPED, END = 200, 201, 202, 240, 255

_TABLE = []
for _byte in range(256):
    _crc = _byte
    for _ in range(8):
        _crc = _crc >> 1 ^ (0x82F63B78 if _crc & 1 else 0)
    _TABLE.append(_crc)


def crc32c(data: bytes) -> int:
    """CRC-32C of bytes."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


@dataclass(frozen=True)
class Record:
    """A record of an image.

    at     its first byte in the image
    crc    the checksum that it has; None: the right one
    """

    type: int
    flags: int
    content: bytes
    at: int = 0
    crc: int | None = None

    def encoded(self) -> bytes:
        """Its bytes."""
        crc = self.crc
        if crc is None:
            head = RECORD.pack(self.type, self.flags, len(self.content), 0, 0)
            crc = crc32c(head + self.content)
        return RECORD.pack(self.type, self.flags, len(self.content), crc, 0) + self.content


def records(image: bytes) -> Iterator[Record]:
    """The records of an image."""
    at = HEADER_BYTES
    while at < len(image):
        kind, flags, length, crc, _ = RECORD.unpack_from(image, at)
        begin = at + RECORD.size
        yield Record(kind, flags, image[begin : begin + length], at, crc)
        at = begin + length


def assembled(header: bytes, parts: list[Record]) -> bytes:
    """An image of these records, the last of which says how many they are."""
    body = header + b"".join(part.encoded() for part in parts[:-1])
    end = replace(parts[-1], content=struct.pack("=QQ", len(parts), len(body)), crc=None)
    return body + end.encoded()
