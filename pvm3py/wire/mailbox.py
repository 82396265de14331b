# SPDX-License-Identifier: MIT
"""Bodies of TM_DB, the mailbox."""

from typing import Annotated, Self

from .codec import FRAGMENTS, Counted, WireError
from .record import I32, Record, RestBytes, Str


class MailRequest(Record):
    """TM_DB; `extra` depends on the operation: a StoredMessage (PUT), a Codes list (RESET)."""

    op: I32
    owner: I32
    name: Str
    index: I32
    flags: I32
    extra: RestBytes = b""


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


class MailEntry(Record):
    """One entry of a mailbox class."""

    index: I32
    owner: I32
    flags: I32


class MailClass(Record):
    """One class in the reply to NAMES."""

    name: Str
    entries: Annotated[list[MailEntry], Counted(MailEntry)]


class NamesReply(Record):
    """TM_DB reply to NAMES."""

    status: I32
    classes: Annotated[list[MailClass], Counted(MailClass)]
