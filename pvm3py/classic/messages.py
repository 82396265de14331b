# SPDX-License-Identifier: MIT
"""Sending and receiving. A tid or tag of -1 (ANY) stands for any sender or tag.

A task sends and receives in the message context of `setcontext`. Waiting for a message lets other
threads run, and handlers of signals. What these raise, as Ctrl-C does, ends the call; what was
waited for is not lost.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from pvm3py._task import ffi, lib
from pvm3py.binding.errors import check
from pvm3py.binding.items import in_memory
from pvm3py.classic.buffers import MessageInfo, bufinfo

if TYPE_CHECKING:
    from typing_extensions import Buffer

ANY = -1

# Seconds: a longer wait has no end.
_LONGEST = 1e9


class Received(NamedTuple):
    """What precv took: bytes of the whole message, its tag, and who sent it."""

    length: int
    tag: int
    tid: int


def send(tid: int, tag: int) -> None:
    """Send the message in the send buffer; it stays there and can be sent again."""
    check("send", lib.pvm_send(tid, tag))


def mcast(tids: Iterable[int], tag: int) -> None:
    """Send the message in the send buffer to each of `tids`, never to the caller."""
    table = ffi.new("int[]", list(tids))
    check("mcast", lib.pvm_mcast(table, len(table), tag))


def psend(tid: int, tag: int, array: Buffer) -> None:
    """Send the items of a buffer without copying them; the receiver needs precv or raw data."""
    item, items, number = in_memory(array)
    check("psend", lib.pvm_psend(tid, tag, items, number, item.code))


def precv(array: Buffer, tid: int = ANY, tag: int = ANY) -> Received:
    """Receive into a writable buffer; what does not fit is lost, as `length` tells."""
    item, items, number = in_memory(array, writable=True)
    out = ffi.new("int[3]")
    check("precv", lib.pvm_precv(tid, tag, items, number, item.code, out, out + 1, out + 2))
    return Received(length=out[2], tag=out[1], tid=out[0])


def recv(tid: int = ANY, tag: int = ANY) -> MessageInfo:
    """Wait for a message, which becomes the receive buffer. Raises ConnectionLost."""
    return bufinfo(check("recv", lib.pvm_recv(tid, tag)))


def nrecv(tid: int = ANY, tag: int = ANY) -> MessageInfo | None:
    """Take a message if one is there; None otherwise."""
    bufid = check("nrecv", lib.pvm_nrecv(tid, tag))
    return bufinfo(bufid) if bufid else None


def trecv(tid: int = ANY, tag: int = ANY, timeout: float | None = None) -> MessageInfo | None:
    """Wait for a message for `timeout` seconds (None: for ever); None if none came."""
    if timeout is None:
        return recv(tid, tag)
    if timeout <= 0:
        return nrecv(tid, tag)
    fraction, seconds = math.modf(min(timeout, _LONGEST))
    wait = ffi.new("struct timeval *", {"tv_sec": int(seconds), "tv_usec": int(fraction * 1e6)})
    bufid = check("trecv", lib.pvm_trecv(tid, tag, wait))
    return bufinfo(bufid) if bufid else None


def probe(tid: int = ANY, tag: int = ANY) -> MessageInfo | None:
    """Describe a message that is there and leave it; None if there is none."""
    bufid = check("probe", lib.pvm_probe(tid, tag))
    return bufinfo(bufid) if bufid else None


def getfds() -> list[int]:
    """Return the descriptors to wait on for messages; the daemon's is the first."""
    fds = ffi.new("int **")
    count = check("getfds", lib.pvm_getfds(fds))
    return list(fds[0][0:count])
