# SPDX-License-Identifier: MIT
"""The events of a run of the switch, as objects."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from pvm3py._switch import ffi, lib

from ..state.events import (
    AnsweredEvent,
    ChildEvent,
    CloseEvent,
    DrainedEvent,
    EnrolledEvent,
    Event,
    HeldEvent,
    HostEvent,
    LogEvent,
    MessageEvent,
    NoProgramEvent,
    OpenEvent,
    ReadableEvent,
    SpokeEvent,
)

_EVENT = struct.Struct("QIIiiiiiiIIIP")
"""struct sw_event."""
_TIMES = struct.Struct("QQ")
"""struct sw_times."""
_SEEN = struct.Struct("Q")
"""What comes before the name in SW_ENROLLED."""
_MESSAGE: int = lib.SW_MESSAGE
_TOO_LONG: int = lib.SW_TOO_LONG
_ANSWERED: int = lib.SW_ANSWERED
_OF_TASK: dict[int, Callable[[int], Event]] = {lib.SW_DRAINED: DrainedEvent, lib.SW_HELD: HeldEvent}
"""Kinds that tell of a task, and nothing but its tid."""
_COUNT = ffi.new("uint32_t *")
_SIZE = ffi.new("size_t *")

assert _EVENT.size == ffi.sizeof("struct sw_event")


def events_of_run(sw: Any) -> list[Event]:
    """The events of the last sw_run of a `struct sw`, copied out of its memory."""
    first = lib.sw_events(sw, _COUNT)
    raw = ffi.buffer(first, _COUNT[0] * _EVENT.size)
    base = lib.sw_arena(sw, _SIZE)
    size = _SIZE[0]
    arena = ffi.buffer(base, size)[:] if size else b""
    start = int(ffi.cast("uintptr_t", base))
    events: list[Event] = []
    for words in _EVENT.iter_unpack(raw):
        conn, kind, reason, dst, src, enc, tag, ctx, wid, pid, uid, length, data = words
        offset = data - start
        if 0 <= offset <= size - length:
            body = arena[offset : offset + length]
        else:
            body = _copied(data, length)
        if kind == _MESSAGE:
            too_long = reason == _TOO_LONG or len(body) < length
            made = AnsweredEvent if reason == _ANSWERED else MessageEvent
            events.append(made(conn, dst, src, enc, tag, ctx, wid, body, too_long))
        elif kind == lib.SW_NO_PROGRAM:
            file = body.decode("utf-8", "surrogateescape")
            answered = reason == _ANSWERED
            events.append(NoProgramEvent(conn, src, ctx, wid, enc, file, answered))
        elif kind == lib.SW_SPOKE:
            events.append(SpokeEvent(dst, src, tag, ctx, wid, body))
        elif kind == lib.SW_OPEN:
            events.append(OpenEvent(conn, pid, uid, reason == lib.SW_PROVEN))
        elif kind in _OF_TASK:
            events.append(_OF_TASK[kind](dst))
        elif kind == lib.SW_READABLE:
            events.append(ReadableEvent(dst, reason == lib.SW_EOF))
        elif kind == lib.SW_CHILD:
            user, system = _TIMES.unpack(body)
            events.append(ChildEvent(pid, reason, user / 1e6, system / 1e6))
        elif kind == lib.SW_ENROLLED:
            (seen,) = _SEEN.unpack_from(body)
            name = body[_SEEN.size :].decode("utf-8", "surrogateescape")
            events.append(EnrolledEvent(conn, src, pid, seen, name))
        else:
            events.append(_text_event(kind, conn, reason, dst, body.decode("ascii", "replace")))
    return events


def _text_event(kind: int, conn: int, reason: int, dst: int, text: str) -> Event:
    """An event with a text for the log."""
    if kind == lib.SW_CLOSE:
        return CloseEvent(conn, reason, text)
    if kind == lib.SW_HOST:
        return HostEvent(dst, reason, text)
    return LogEvent(conn, text)


def _copied(address: int, length: int) -> bytes:
    """So many bytes of the switch's memory, or none if there is no memory for them."""
    try:
        return bytes(ffi.buffer(ffi.cast("char *", address), length)) if length else b""
    except MemoryError:
        return b""
