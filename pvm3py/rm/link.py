# SPDX-License-Identifier: MIT
"""System messages through the task interface: bodies as bytes, with wait ids."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pvm3py.classic as pvm
from pvm3py.wire import constants as c

# Tags of this task's own: notices that it asks for, and output of tasks that work for it. The
# sign bit keeps programs from using them.
HOST_ADDED = c.SM_FIRST + 0x100
HOST_LOST = c.SM_FIRST + 0x101
TASK_ENDED = c.SM_FIRST + 0x102
OUTPUT = c.SM_FIRST + 0x103


class Received(NamedTuple):
    """A message."""

    src: int
    tag: int
    wid: int
    body: bytes


def enrol() -> int:
    """Become a task that may use system tags; its tid."""
    tid = pvm.mytid()
    pvm.setopt(pvm.Option.RESV_TIDS, 1)
    return tid


def receive(seconds: float | None = None) -> Received | None:
    """Wait for the next message, at most so long; None: none has come.

    Raises ConnectionLost when the daemon has gone.
    """
    message = pvm.trecv(timeout=seconds)
    if message is None:
        return None
    header = pvm.getminfo(message.bufid)
    try:
        body = pvm.upkbytes(message.length) if message.length else b""
    except pvm.ConnectionLost:
        raise
    except pvm.PvmError:
        body = b""  # of another architecture's own encoding: no system message
    return Received(message.tid, message.tag, header.wid, body)


def post(dst: int, tag: int, body: bytes, *, wid: int = 0, ctx: int = c.BASECONTEXT) -> None:
    """Send a message to a task or a daemon; one that has gone is no error."""
    buffer = pvm.initsend()
    if body:
        pvm.pkbytes(body)
    if wid:
        pvm.setminfo(buffer, pvm.getminfo(buffer)._replace(wid=wid))
    before = pvm.setcontext(ctx)
    try:
        pvm.send(dst, tag)
    finally:
        pvm.setcontext(before)


def watch(event: pvm.Event, tag: int, tids: Iterable[int] = ()) -> None:
    """Ask for the notices of this task."""
    pvm.notify(event, tag, tids)
