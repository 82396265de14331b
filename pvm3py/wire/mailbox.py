# SPDX-License-Identifier: MIT
"""Bodies of TM_DB, the mailbox; the messages in it are read by csrc/switch/routing/mailbox.c."""

from typing import Annotated

from .codec import Counted
from .record import I32, Record, RestBytes, Str


class MailRequest(Record):
    """TM_DB; `extra` depends on the operation: a message (PUT), a Codes list (RESET)."""

    op: I32
    owner: I32
    name: Str
    index: I32
    flags: I32
    extra: RestBytes = b""


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
