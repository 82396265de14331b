# SPDX-License-Identifier: MIT
"""The mailbox: messages that tasks leave under a class name and an index; the master keeps it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pvm3py.wire import constants as c
from pvm3py.wire.codec import BYTES, INT
from pvm3py.wire.daemon import RestBody
from pvm3py.wire.mailbox import (
    MailClass,
    MailEntry,
    MailReply,
    MailRequest,
    NamesReply,
    StoredMessage,
)
from pvm3py.wire.record import Record
from pvm3py.wire.task import Codes, Status

from .dispatch import Refused, Request, handles
from .tasks import is_task

if TYPE_CHECKING:
    from .daemon import Pvmd

# Bytes that all entries together may take, and what each takes besides message and class name.
ROOM = 256 << 20
ENTRY_SIZE = 200
_NO_DATA = INT.pack(0)


@dataclass(slots=True)
class Entry:
    """One stored message; owner 0 is gone. doomed: even if persistent it goes with its owner."""

    owner: int
    flags: int
    message: bytes
    doomed: bool = False


class Mailbox:
    """Classes in order of creation, each with entries by index."""

    def __init__(self, room: int = ROOM) -> None:
        self._classes: dict[str, dict[int, Entry]] = {}
        self._room = room
        self._waiting: dict[str, dict[asyncio.Future[None], int]] = {}

    def put(self, owner: int, name: str, index: int, flags: int, message: bytes) -> int:
        """Store a message; its index, or an error."""
        entries = self._classes.get(name, {})
        at = index
        if index < 0:
            at = (flags & 0x7FFFFFFF) >> c.PvmMboxDirectIndexShift
        old = entries.get(at)
        if old is not None and flags & c.PvmMboxMultiInstance:
            if index >= 0:
                return c.PvmDenied
            while at in entries:
                at += 1
            old = None
        if old is not None and not _may_change(old, owner):
            return c.PvmDenied
        if _size(name, message) > self._room + (_size(name, old.message) if old else 0):
            return c.PvmOutOfRes
        if old is not None:
            self._room += _size(name, old.message)
        self._room -= _size(name, message)
        self._classes.setdefault(name, {})[at] = Entry(owner, flags, message)
        self._wake(name)
        return at

    def remove(self, owner: int, name: str, index: int) -> int:
        """Delete an entry; its index, or an error."""
        entry = self._classes.get(name, {}).get(index)
        if entry is None:
            return c.PvmNotFound
        if not _may_change(entry, owner):
            return c.PvmDenied
        self._delete(name, index)
        return index

    def get(self, owner: int, name: str, index: int, flags: int) -> tuple[int, bytes]:
        """Index and message of an entry, or an error and nothing."""
        entries = self._classes.get(name, {})
        if flags & c.PvmMboxFirstAvail:
            index = min((at for at in entries if at >= index), default=-1)
        entry = entries.get(index)
        if entry is None:
            return c.PvmNotFound, b""
        if flags & c.PvmMboxReadAndDelete:
            if not _may_change(entry, owner):
                return c.PvmDenied, b""
            self._delete(name, index)
        return index, entry.message

    async def arrival(self, name: str, waiter: int) -> None:
        """Wait until something is stored in a class. Refused: the waiter, a task, ends before."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(name, {})[future] = waiter
        try:
            await future
        finally:
            waiting = self._waiting.get(name, {})
            waiting.pop(future, None)
            if not waiting:
                self._waiting.pop(name, None)

    def _wake(self, name: str) -> None:
        for future in self._waiting.pop(name, ()):
            if not future.done():
                future.set_result(None)

    def names(self, pattern: str) -> list[MailClass]:
        """The classes whose names match, with their entries."""
        return [
            MailClass(name, [MailEntry(at, entries[at].owner, entries[at].flags)
                             for at in sorted(entries)])
            for name, entries in self._classes.items()
            if matches(pattern, name)
        ]

    def reset(self, name: str, index: int, kill: bool, keep: set[int]) -> None:
        """Delete persistent entries without an owner; others when their owners, not kept, end."""
        for at_name, entries in list(self._classes.items()):
            for at, entry in list(entries.items()):
                if name not in ("", at_name) or index not in (-1, at):
                    continue
                if not entry.flags & c.PvmMboxPersistent:
                    continue
                if entry.owner == 0:
                    self._delete(at_name, at)
                elif kill and entry.owner not in keep:
                    entry.doomed = True

    def owner_ended(self, owner: int) -> None:
        """A task is gone: so are its entries, but persistent ones stay without an owner."""
        for waiting in self._waiting.values():
            for future, waiter in waiting.items():
                if waiter == owner and not future.done():
                    future.set_exception(Refused(c.PvmNotFound))
        for name, entries in list(self._classes.items()):
            for at, entry in list(entries.items()):
                if entry.owner != owner:
                    continue
                if entry.flags & c.PvmMboxPersistent and not entry.doomed:
                    entry.owner = 0
                else:
                    self._delete(name, at)

    def _delete(self, name: str, index: int) -> None:
        entries = self._classes[name]
        self._room += _size(name, entries.pop(index).message)
        if not entries:
            del self._classes[name]


def _size(name: str, message: bytes) -> int:
    return len(name) + len(message) + ENTRY_SIZE


def _may_change(entry: Entry, task: int) -> bool:
    return entry.owner == task or bool(entry.flags & c.PvmMboxOverWritable)


def matches(pattern: str, name: str) -> bool:
    r"""Whether a class name contains the pattern; * stands for any run, \* for a star."""
    pattern = pattern.lstrip("*")
    if pattern.startswith("\\*"):
        return False
    pieces = pattern.replace("\\*", "\0").split("*")
    at = 0
    for piece in pieces:
        at = name.find(piece.replace("\0", "*"), at)
        if at < 0:
            return False
        at += len(piece)
    return True


def _stored(body: bytes) -> bytes:
    """An embedded message as it is given back: an empty fragment, then all data in one."""
    message = StoredMessage.decode(body)
    data = b"".join(message.fragments)
    return message.head.encode() + _NO_DATA + (BYTES.pack(data) if data else b"")


async def _wait_for(box: Mailbox, body: MailRequest) -> MailReply:
    """GET that waits until there is something to get."""
    while True:
        # Look first: something may have come between the request and the start of this task.
        index, message = box.get(body.owner, body.name, body.index, body.flags)
        if index != c.PvmNotFound:
            return MailReply(index, message)
        await box.arrival(body.name, body.owner)


@handles(c.TM_DB, MailRequest)
def mail(
    pvmd: Pvmd, request: Request, body: MailRequest
) -> Record | Coroutine[None, None, Record]:
    """Put, get, remove, list, reset, in the mailbox of the master."""
    if pvmd.hosts.is_master:
        return dm_db(pvmd, request, body)
    return pvmd.peers.request(pvmd.hosts.master, c.DM_DB, request.body, RestBody)


@handles(c.DM_DB, MailRequest, hosts=True, reply_tag=c.DM_DBACK)
def dm_db(
    pvmd: Pvmd, _request: Request, body: MailRequest
) -> Record | Coroutine[None, None, Record]:
    """The same, asked for by a task of any host."""
    box = pvmd.mailbox
    if body.op == c.TMDB_PUT:
        index = box.put(body.owner, body.name, body.index, body.flags, _stored(body.extra))
        _watch(pvmd, body.owner)
        return Status(index)
    if body.op == c.TMDB_REMOVE:
        return Status(box.remove(body.owner, body.name, body.index))
    if body.op == c.TMDB_GET:
        index, message = box.get(body.owner, body.name, body.index, body.flags)
        if index == c.PvmNotFound and body.flags & c.PvmMboxWaitForInfo:
            _watch(pvmd, body.owner)
            return _wait_for(box, body)
        return MailReply(index, message)
    if body.op == c.TMDB_NAMES:
        return NamesReply(0, box.names(body.name))
    if body.op == c.TMDB_RESET:
        # Owners on other hosts are watched, so their ends are learnt without DM_RESET.
        keep = set(Codes.decode(body.extra).values)
        box.reset(body.name, body.index, bool(body.flags), keep)
        return Status(0)
    raise Refused(c.PvmBadParam)


def _watch(pvmd: Pvmd, owner: int) -> None:
    """See to it that owner_ended() is called, for a task of any host, even one that is gone."""
    if is_task(owner) and not pvmd.owns(owner) and pvmd.hosts.get(owner) is not None:
        pvmd.notices.watch(pvmd, owner)
    elif pvmd.tasks.get(owner) is None:
        pvmd.mailbox.owner_ended(owner)
