# SPDX-License-Identifier: MIT
"""Messages recorded between PVM 3.4.6's tasks and daemons: tests/vectors/task."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from pvm3py.wire import codec
from pvm3py.wire import constants as c
from pvm3py.wire.record import Record
from support.system import VECTORS
from support.vectors.mail import StoredMessage

_DIRECTORY = VECTORS / "task"


class Fragment(NamedTuple):
    """A fragment of a message: header words and data, the message header cut off."""

    dst: int
    src: int
    flags: int
    data: bytes


class Vector:
    """A recorded message: its bytes, their parts, and the fields of its body."""

    def __init__(self, name: str) -> None:
        recording = json.loads((_DIRECTORY / f"{name}.json").read_text())
        self.name = name
        self.stream = bytes.fromhex(recording["hex"])
        self.fields: Any = recording["fields"]["body"]
        self.described: Any = recording["fields"]["fragments"]
        self.fragments, header = split(self.stream)
        self.enc, self.tag, self.ctx, self.wid, self.crc = header
        self.dst, self.src = self.fragments[0][:2]

    @staticmethod
    def names(pattern: str = "*") -> list[str]:
        """Names of all vectors that match a shell pattern."""
        return sorted(path.stem for path in _DIRECTORY.glob(f"{pattern}.json"))

    @property
    def body(self) -> bytes:
        """Data bytes of all fragments."""
        return b"".join(fragment.data for fragment in self.fragments)

    def answering(self, wid: int) -> bytes:
        """The recorded bytes with another number of the request."""
        at = c.TDFRAGHDR + c.WIRE_MSG_WID
        return self.stream[:at] + struct.pack("!i", wid) + self.stream[at + 4 :]


def split(stream: bytes) -> tuple[list[Fragment], tuple[int, int, int, int, int]]:
    """The fragments of one message, and encoding, tag, context, wid, crc of its header."""
    fragments, header, at = [], (0, 0, 0, 0, 0), 0
    while at < len(stream):
        dst, src, length, flags = struct.unpack_from("!iiiB", stream, at)
        data = stream[at + c.TDFRAGHDR : at + c.TDFRAGHDR + length]
        assert len(data) == length, "fragment is cut"
        at += c.TDFRAGHDR + length
        if flags & c.FFSOM:
            header, data = struct.unpack_from("!iii4xii", data), data[c.MSGHDRLEN :]
        fragments.append(Fragment(dst, src, flags, data))
    return fragments, header


def check_decoding(kind: type[Record], body: bytes, fields: Any, counts: frozenset[str]) -> None:
    """A recorded body decodes to the recorded fields; `counts` are words that a record implies."""
    record = kind.decode(body)
    assert list(leaves(record)) == list(values(fields, counts - vars(record).keys()))


def check_encoding(kind: type[Record], body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is decoded from a recorded body encodes to the same bytes, padding aside."""
    record = kind.decode(body)
    zero_padded = record.encode()
    monkeypatch.setattr(codec, "_PADDING", (b"", b"\xff" * 3, b"\xff" * 2, b"\xff"))
    padding = [one != two for one, two in zip(zero_padded, record.encode(), strict=True)]
    assert len(zero_padded) == len(body)
    for at, pad in enumerate(padding):
        assert pad or zero_padded[at] == body[at], f"byte {at}"


def leaves(item: Any) -> Iterator[Any]:
    """The values in a record in order, as recordings show them."""
    if isinstance(item, StoredMessage):
        yield from leaves(item.head)
        yield from (part.hex() for part in item.fragments)
    elif isinstance(item, Record):
        for name, value in vars(item).items():
            if name in ("extra", "message"):
                yield from leaves(StoredMessage.decode(value)) if value else ()
            else:
                yield from leaves(value)
    elif isinstance(item, list | tuple):
        for value in item:
            yield from leaves(value)
    elif isinstance(item, bytes):
        yield from (len(item), item.decode())
    elif item is not None:
        yield item


def values(fields: Any, skip: frozenset[str] = frozenset()) -> Iterator[Any]:
    """The values in recorded fields in order, without those named; hexadecimal ones signed."""
    if isinstance(fields, dict):
        for name, value in fields.items():
            if name not in skip:
                yield from values(value, skip)
    elif isinstance(fields, list):
        for value in fields:
            yield from values(value, skip)
    elif isinstance(fields, str) and fields.startswith("0x"):
        yield c.signed(int(fields, 16))
    else:
        yield fields
