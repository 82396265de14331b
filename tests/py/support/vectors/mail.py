# SPDX-License-Identifier: MIT
"""Messages inside messages, as the mailbox stores them and gives them back."""

from typing import Self

from pvm3py.wire.codec import BYTES, WireError
from pvm3py.wire.record import I32, Record, RestBytes


class Fragments:
    """Fragments {length, bytes, padding} of an embedded message, up to `total` data bytes.

    Empty fragments occur anywhere; a message without data has one or none.
    """

    smallest = 0

    def unpack_total(self, total: int, body: bytes, at: int) -> tuple[list[bytes], int]:
        """The fragments that hold `total` bytes of data together."""
        parts: list[bytes] = []
        missing = total
        while missing > 0 or (total == 0 and not parts and at < len(body)):
            part, at = BYTES.unpack(body, at)
            missing -= len(part)
            parts.append(part)
        if missing < 0:
            raise WireError(f"fragments exceed the {total} bytes of their message")
        return parts, at

    def pack(self, parts: list[bytes]) -> bytes:
        """The fragments one after the other."""
        return b"".join(map(BYTES.pack, parts))


FRAGMENTS = Fragments()


class MessageHead(Record):
    """The words in front of an embedded message's data."""

    length: I32
    ctx: I32
    tag: I32
    wid: I32
    encoding: I32
    crc: I32
    src: I32
    dst: I32


class StoredMessage:
    """A message inside a message: its head and the data as a list of fragments."""

    smallest = MessageHead.smallest

    def __init__(self, head: MessageHead, fragments: list[bytes]) -> None:
        self.head = head
        self.fragments = fragments

    def encode(self) -> bytes:
        """The bytes that decode() reads."""
        return self.head.encode() + FRAGMENTS.pack(self.fragments)

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """The embedded message that `body` starts with. WireError: it does not."""
        return cls.unpack(body, 0)[0]

    @classmethod
    def pack(cls, value: Self) -> bytes:
        """As a codec."""
        return value.encode()

    @classmethod
    def unpack(cls, body: bytes, at: int) -> tuple[Self, int]:
        """As a codec."""
        head, at = MessageHead.unpack(body, at)
        if head.length < 0:
            raise WireError(f"embedded message of {head.length} bytes")
        fragments, at = FRAGMENTS.unpack_total(head.length, body, at)
        return cls(head, fragments), at


class MailReply(Record):
    """TM_DB reply: index or error, and for GET the stored message."""

    index: I32
    message: RestBytes = b""
