# SPDX-License-Identifier: MIT
"""Objects and memory as messages: one call of the library for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pvm3py._task import ffi, lib
from pvm3py.binding.errors import check

from . import objects

# Bytes of a message that are read in the call that receives it.
HEAD = 4096


def send_object(tids: Sequence[int], tag: int, obj: object) -> None:
    """Send an object to each of these tasks. It may be changed when this returns."""
    if len(tids) == 1:
        send_to_one(tids[0], tag, obj)
    else:
        send_parts(tids, tag, objects.dump(obj))


def send_to_one(tid: int, tag: int, obj: object) -> None:
    """Send an object to a task. It may be changed when this returns."""
    parts = objects.dump(obj)
    number = len(parts)
    if number == 1:
        send_bytes(tid, tag, parts[0])
    elif number == 2:
        _send_pair(tid, tag, parts[0], ffi.from_buffer(parts[1]))
    else:
        send_parts((tid,), tag, parts)


def _send_pair(tid: int, tag: int, head: bytes, memory: Any) -> None:
    """Send bytes, and memory at a multiple of objects.ALIGN."""
    code = lib.pvmsendpair(tid, tag, head, len(head), memory, len(memory))
    if code < 0:
        check("send", code, ("to t%x (tag %d)", tid, tag))


def send_bytes(tid: int, tag: int, data: Any) -> None:
    """Send bytes, or a C array of char, as they are to a task."""
    code = lib.pvmsendbytes(tid, tag, data, len(data))
    if code < 0:
        check("send", code, ("to t%x (tag %d)", tid, tag))


def send_parts(tids: Sequence[int], tag: int, parts: Sequence[Any]) -> None:
    """Send contiguous buffers as one message, each begun at a multiple of objects.ALIGN.

    Of several receivers the caller may be one.
    """
    memory = [ffi.from_buffer(part) for part in parts]
    table = ffi.new("struct pvmpart[]", [(piece, len(piece)) for piece in memory])
    code = lib.pvmsendparts(tids, len(tids), tag, table, len(parts))
    check("send", code, None if code == 0 else f"{_named(tids)} (tag {tag})")
    if len(tids) > 1 and lib.pvmmytid in tids:
        # A multicast leaves it out.
        send_parts((lib.pvmmytid,), tag, parts)


def _named(tids: Sequence[int]) -> str:
    """Receivers in words."""
    return f"to {', '.join(f't{tid:x}' for tid in tids[:3])}{', ...' * (len(tids) > 3)}"


def read_into(bufid: int, offset: int, memory: Any, length: int | None = None) -> None:
    """Fill memory with a received body's bytes: an array of char, or so many bytes elsewhere."""
    size = len(memory) if length is None else length
    check("upkbyte", lib.pvmread(bufid, offset, memory, size))
