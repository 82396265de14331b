# SPDX-License-Identifier: MIT
"""The mailbox: messages that tasks leave under a name for others.

If a signal's handler ends a wait for an entry (`recvinfo`), the daemon goes on waiting, up to 100
times for a task; an entry that was to be read and deleted is deleted when it comes.
"""

from __future__ import annotations

from dataclasses import dataclass

from pvm3py._task import ffi, lib
from pvm3py.binding.enums import Mbox
from pvm3py.binding.errors import check
from pvm3py.binding.strings import c_string
from pvm3py.classic.buffers import MessageInfo, bufinfo


@dataclass(frozen=True)
class Entry:
    """One entry of a class."""

    index: int
    owner: int
    flags: int


@dataclass(frozen=True)
class MailboxClass:
    """All entries of one name."""

    name: str
    entries: list[Entry]


def putinfo(name: str, bufid: int, flags: Mbox = Mbox.DEFAULT, *, index: int = 0) -> int:
    """Store a message under a name; return its index.

    index  where to put it, or with MULTI_INSTANCE where to begin the search for a free one

    Raises PvmError DENIED if another task holds the entry.
    """
    direct = index << lib.PvmMboxDirectIndexShift
    return check("putinfo", lib.pvm_putinfo(c_string(name), bufid, int(flags) | direct))


def recvinfo(name: str, index: int = 0, flags: Mbox = Mbox.DEFAULT) -> MessageInfo:
    """Take a copy of an entry as the receive buffer. Raises NotFound."""
    return bufinfo(check("recvinfo", lib.pvm_recvinfo(c_string(name), index, int(flags))))


def delinfo(name: str, index: int = 0) -> None:
    """Delete an entry. Raises NotFound, or PvmError DENIED if it is another task's."""
    check("delinfo", lib.pvm_delinfo(c_string(name), index, 0))


def getmboxinfo(pattern: str = "*") -> list[MailboxClass]:
    """Return the classes whose names match; `*` in the pattern stands for anything."""
    count = ffi.new("int *")
    table = ffi.new("struct pvmmboxinfo **")
    check("getmboxinfo", lib.pvm_getmboxinfo(c_string(pattern), count, table))
    classes = []
    for info in table[0][0 : count[0]]:
        entries = [
            Entry(info.mi_indices[i], info.mi_owners[i], info.mi_flags[i])
            for i in range(info.mi_nentries)
        ]
        classes.append(MailboxClass(ffi.string(info.mi_name).decode(), entries))
    return classes
