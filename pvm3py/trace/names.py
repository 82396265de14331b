# SPDX-License-Identifier: MIT
"""Names of trace events and of their items, and the numbers that trace files give to events."""

from __future__ import annotations

from pvm3py._wire import ffi, lib
from pvm3py.wire import constants as c


def _text(pointer: object) -> str:
    return str(ffi.string(pointer).decode("ascii"))


# Name of each kind of event.
EVENTS: tuple[str, ...] = tuple(_text(lib.pvmtevinfo[kind].name) for kind in range(c.TEV_MAX + 1))
# Name and description of each kind of item.
ITEMS: tuple[tuple[str, str], ...] = tuple(
    (_text(entry.did), _text(entry.desc))
    for entry in (lib.pvmtevdidlist[did] for did in range(c.TEV_DID_MAX + 1))
)
DESCRIPTIONS = dict(ITEMS)

# Events that only files have: the tracer makes them of other messages.
FILE_EVENTS = {"host_add": 401, "host_del": 402, "host_sync": 403, "output": 404}
_KINDS = {name: kind for kind, name in enumerate(EVENTS)} | FILE_EVENTS

_HALVES = {c.TEV_EVENT_ENTRY: "entry", c.TEV_EVENT_EXIT: "exit", 0: ""}


def split_word(word: int) -> tuple[str, str]:
    """Name of an event word, and "entry", "exit" or ""; ValueError: there is no such event."""
    kind, half = word & 0x3FFF, word & (c.TEV_EVENT_ENTRY | c.TEV_EVENT_EXIT)
    if kind >= len(EVENTS) or half not in _HALVES or word & ~0xFFFF:
        raise ValueError(f"no event {word:#x}")
    return EVENTS[kind], _HALVES[half]


def event_word(name: str, half: str) -> int:
    """The word of an event in messages; ValueError: there is no such event."""
    if name not in EVENTS:
        raise ValueError(f"no event {name!r}")
    bits = next(bits for bits, text in _HALVES.items() if text == half)
    return EVENTS.index(name) + bits


def file_number(name: str, half: str, variant: int) -> int:
    """The number behind # of an event's descriptor in a trace file."""
    return 1000 * (variant + 1) + 2 * _KINDS.get(name, 0) + (half == "exit")
