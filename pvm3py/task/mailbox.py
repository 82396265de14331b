# SPDX-License-Identifier: MIT
"""The mailbox of the machine: what tasks leave under a name for others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pvm3py import classic
from pvm3py.binding.enums import Mbox
from pvm3py.binding.errors import NoEntry

from .asked import Asked
from .html import table
from .members import Tid
from .message import Message, message_of

# Glob characters of a pattern that stands for many names.
_ANY = "*"


@dataclass(frozen=True)
class Entry:
    """One entry under a name.

    owner  the task that put it there
    """

    name: str
    index: int
    owner: Tid
    flags: int

    def message(self) -> Message:
        """A copy of its message. Raises NoEntry: it is gone meanwhile."""
        return _fetch(self.name, self.index, Mbox.DEFAULT)

    def object(self) -> Any:
        """Its object. Raises NotAnObject if it holds something else."""
        return self.message().object()


class Mailbox(Asked[str, list[Entry]]):
    """The entries by name. Each access asks the daemon."""

    def snapshot(self) -> dict[str, list[Entry]]:
        """All of them as they are now."""
        return _entries(_ANY)

    def put(
        self, name: str, content: object, *, index: int = 0, several: bool = False,
        persistent: bool = False, overwritable: bool = False,
    ) -> int:  # fmt: skip
        """Leave a Message, or an object, under a name; return its index.

        index         where; with `several` the first one to be tried
        several       beside the entries that are there
        persistent    it stays when this task ends
        overwritable  other tasks may replace or delete it

        Raises Exists, or Denied: another task's entry is there.
        """
        message = content if isinstance(content, Message) else Message().pack_object(content)
        flags = Mbox.MULTI_INSTANCE if several else Mbox.DEFAULT
        flags |= Mbox.PERSISTENT if persistent else Mbox.DEFAULT
        flags |= Mbox.OVER_WRITABLE if overwritable else Mbox.DEFAULT
        return classic.putinfo(name, message.id, flags, index=index)

    def get(self, name: str, default: Any = None) -> Any:
        """The entries of a name, or the default."""
        return _entries(name).get(name) or default

    def message(self, name: str, *, wait: bool = False, take: bool = False) -> Message:
        """A copy of the first message under a name.

        wait  until there is one
        take  and delete it

        Raises NoEntry: there is none.
        """
        flags = Mbox.FIRST_AVAIL
        flags |= Mbox.WAIT_FOR_INFO if wait else Mbox.DEFAULT
        flags |= Mbox.READ_AND_DELETE if take else Mbox.DEFAULT
        return _fetch(name, 0, flags)

    def __getitem__(self, name: str) -> list[Entry]:
        return _entries(name)[name]

    def __delitem__(self, name: str) -> None:
        for entry in self[name]:
            try:
                classic.delinfo(name, entry.index)
            except NoEntry:
                pass  # somebody else did

    def __len__(self) -> int:
        return len(classic.getmboxinfo(_ANY))

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in _entries(name)

    def __repr__(self) -> str:
        return f"<Mailbox {', '.join(self)}>"

    def _repr_html_(self) -> str:
        entries = [entry for found in self.snapshot().values() for entry in found]
        rows = [(entry.name, entry.index, entry.owner) for entry in entries]
        return table("Mailbox", ("name", "index", "owner"), rows)


def _entries(pattern: str) -> dict[str, list[Entry]]:
    return {
        found.name: [
            Entry(found.name, entry.index, Tid(entry.owner), entry.flags) for entry in found.entries
        ]
        for found in classic.getmboxinfo(pattern)
    }


def _fetch(name: str, index: int, flags: Mbox) -> Message:
    before = classic.setrbuf(0)
    try:
        return message_of(classic.recvinfo(name, index, flags).bufid)
    finally:
        classic.setrbuf(before)
