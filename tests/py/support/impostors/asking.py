# SPDX-License-Identifier: MIT
"""Requests of a task to its daemon, in few words: notices, mailbox, and leaving."""

from __future__ import annotations

from pvm3py.wire import constants as c
from support.impostors.rawtask import Message, RawTask, code, ints, message, string
from support.vectors.mail import MessageHead, StoredMessage

# Tid of the only host.
HOST = 0x40000


def wait_message(task: RawTask, tag: int) -> Message:
    """The next message with this tag."""
    while (found := task.receive()).tag != tag:
        pass
    return found


def leave(task: RawTask) -> None:
    """TM_EXIT, and wait for the end of the connection."""
    task.request(c.TM_EXIT)
    task.wait_closed()


def notify(task: RawTask, what: int, tag: int, tids: list[int], wid: int = 0) -> None:
    """Send TM_NOTIFY in context 0."""
    body = ints(what, 5, tag, len(tids), *tids)
    task.send(message(c.TM_NOTIFY, body, src=task.tid, ctx=0, wid=wid))


def stored(text: bytes) -> bytes:
    """An embedded message."""
    head = MessageHead(len(text), 0, 7, 0, c.WIRE_ENC_XDR, 0, 1, 0)
    return StoredMessage(head, [text] if text else []).encode()


def mail(task: RawTask, op: int, name: bytes, index: int, flags: int, extra: bytes = b"") -> bytes:
    """Body of a TM_DB request of a task."""
    return ints(op, task.tid) + string(name) + ints(index, flags) + extra


def put(task: RawTask, name: bytes, flags: int, text: bytes = b"data", index: int = -1) -> int:
    """Store; index or error."""
    return code(task, c.TM_DB, mail(task, c.TMDB_PUT, name, index, flags, stored(text)))
