# SPDX-License-Identifier: MIT
"""Bodies of trace messages: events with and without description, as tasks and daemons send them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from pvm3py.wire import constants as c
from pvm3py.wire.codec import INT, STRING, WireError

from . import values
from .names import ITEMS, event_word, split_word


class Mark(Enum):
    """Begin and end of a buffer of many events."""

    BEGIN = c.TEV_MARK_EVENT_BUFFER
    END = c.TEV_MARK_EVENT_BUFFER_END


@dataclass(frozen=True)
class Item:
    """An item of an event: its name (TS, TID, CC, ...), type code and value."""

    name: str
    kind: int
    value: values.Value


@dataclass(frozen=True)
class Event:
    """An event.

    half       "entry" or "exit" of a call, "" for an event at one point in time
    described  its message says the names and types of its items
    """

    name: str
    half: str
    items: tuple[Item, ...]
    described: bool = False

    def __getitem__(self, name: str) -> values.Value:
        """Value of an item; KeyError: there is none of this name."""
        for item in self.items:
            if item.name == name:
                return item.value
        raise KeyError(name)

    def get(self, name: str, otherwise: values.Value = None) -> values.Value:
        """Value of an item, or `otherwise`."""
        return next((item.value for item in self.items if item.name == name), otherwise)

    @property
    def tid(self) -> int:
        """The task that the event is about."""
        return int(self["TID"])

    @property
    def time(self) -> int:
        """When it was, in microseconds since 1970."""
        return int(self["TS"]) * 1000000 + int(self["TU"])


@dataclass(frozen=True)
class ItemTable:
    """Name and description of each kind of item; daemons send it before their first event."""

    items: tuple[tuple[str, str], ...] = field(default=ITEMS)


Part = Event | ItemTable | Mark

_USER = "user_defined"


class Decoder:
    """Decodes the trace messages of one sender, whose descriptions it remembers."""

    def __init__(self) -> None:
        self._forms: dict[int, list[tuple[str, int]]] = {}

    def decode(self, body: bytes, source: int = 0) -> list[Part]:
        """Parts of a message; `source` is its sender. WireError: it does not follow the form."""
        return list(self._parts(body, source))

    def _parts(self, body: bytes, source: int) -> Iterator[Part]:
        at = 0
        while at < len(body):
            mark, at = INT.unpack(body, at)
            part: Part
            match mark:
                case c.TEV_MARK_EVENT_BUFFER | c.TEV_MARK_EVENT_BUFFER_END:
                    part = Mark(mark)
                case c.TEV_MARK_EVENT_DESC:
                    part, at = self._described(body, at)
                case c.TEV_MARK_EVENT_RECORD:
                    part, at = self._record(body, at)
                case c.TEV_MARK_USER_EVENT_RECORD:
                    part, at = _user_event(body, at, source)
                case c.TEV_MARK_DATA_ID:
                    part, at = _table(body, at)
                case _:
                    raise WireError(f"trace mark {mark} at {at - 4}")
            yield part

    def _described(self, body: bytes, at: int) -> tuple[Event, int]:
        word, at = INT.unpack(body, at)
        _, at = STRING.unpack(body, at)
        items = []
        while True:
            did, at = INT.unpack(body, at)
            if did == c.TEV_MARK_EVENT_DESC_END:
                break
            if not 0 <= did < len(ITEMS):
                raise WireError(f"trace item {did}")
            kind, at = INT.unpack(body, at)
            value, at = values.codec(kind).unpack(body, at)
            items.append(Item(ITEMS[did][0], kind, value))
        self._forms[word] = [(item.name, item.kind) for item in items]
        return Event(*_names(word), tuple(items), described=True), at

    def _record(self, body: bytes, at: int) -> tuple[Event, int]:
        word, at = INT.unpack(body, at)
        if word not in self._forms:
            raise WireError(f"trace event {word:#x} was never described")
        items = []
        for name, kind in self._forms[word]:
            value, at = values.codec(kind).unpack(body, at)
            items.append(Item(name, kind, value))
        end, at = INT.unpack(body, at)
        if end != c.TEV_MARK_EVENT_RECORD_END:
            raise WireError(f"trace mark {end} in place of the end of a record")
        return Event(*_names(word), tuple(items)), at


def _names(word: int) -> tuple[str, str]:
    try:
        return split_word(word)
    except ValueError as error:
        raise WireError(str(error)) from error


def _user_event(body: bytes, at: int, source: int) -> tuple[Event, int]:
    """A program's own event: its items carry types, but no names."""
    _, at = INT.unpack(body, at)
    _, at = STRING.unpack(body, at)
    seconds, at = INT.unpack(body, at)
    micro, at = INT.unpack(body, at)
    head = zip(("TID", "TS", "TU"), (source, seconds, micro), strict=True)
    items = [Item(name, c.TEV_DATA_INT, value) for name, value in head]
    while True:
        kind, at = INT.unpack(body, at)
        if kind == c.TEV_MARK_USER_EVENT_RECORD_END:
            return Event(_USER, "", tuple(items), described=True), at
        value, at = values.codec(kind).unpack(body, at)
        items.append(Item(f"USR{len(items) - 3}", kind, value))


def _table(body: bytes, at: int) -> tuple[ItemTable, int]:
    items: list[tuple[str, str]] = []
    while True:
        did, at = INT.unpack(body, at)
        if did == c.TEV_MARK_DATA_ID_END:
            return ItemTable(tuple(items)), at
        if did != len(items):
            raise WireError(f"item {did} in place of {len(items)} in a table of trace items")
        name, at = STRING.unpack(body, at)
        description, at = STRING.unpack(body, at)
        items.append((name, description))


# ---- encoding ---------------------------------------------------------------------

_DIDS = {name: did for did, (name, _) in enumerate(ITEMS)}


def encode(parts: Iterable[Part]) -> bytes:
    """The body of a message with these parts. WireError: a value does not fit its type."""
    return b"".join(map(_encode, parts))


def _encode(part: Part) -> bytes:
    match part:
        case Mark():
            return INT.pack(part.value)
        case ItemTable():
            return _ints_and_words(
                c.TEV_MARK_DATA_ID,
                *(word for did, names in enumerate(part.items) for word in (did, *names)),
                c.TEV_MARK_DATA_ID_END,
            )
        case Event(name=name) if name == _USER:
            return _encode_user(part)
        case Event(described=True):
            return _encode_described(part)
    return (
        _ints_and_words(c.TEV_MARK_EVENT_RECORD, event_word(part.name, part.half))
        + b"".join(values.codec(item.kind).pack(item.value) for item in part.items)
        + INT.pack(c.TEV_MARK_EVENT_RECORD_END)
    )


def _encode_described(event: Event) -> bytes:
    head = (c.TEV_MARK_EVENT_DESC, event_word(event.name, event.half), event.name)
    return (
        _ints_and_words(*head)
        + b"".join(
            _ints_and_words(_DIDS[item.name], item.kind) + values.codec(item.kind).pack(item.value)
            for item in event.items
        )
        + INT.pack(c.TEV_MARK_EVENT_DESC_END)
    )


def _encode_user(event: Event) -> bytes:
    head = (c.TEV_MARK_USER_EVENT_RECORD, event_word(_USER, ""), _USER, event["TS"], event["TU"])
    return (
        _ints_and_words(*head)
        + b"".join(
            INT.pack(item.kind) + values.codec(item.kind).pack(item.value)
            for item in event.items[3:]
        )
        + INT.pack(c.TEV_MARK_USER_EVENT_RECORD_END)
    )


def _ints_and_words(*parts: Any) -> bytes:
    return b"".join(STRING.pack(p) if isinstance(p, str) else INT.pack(p) for p in parts)
