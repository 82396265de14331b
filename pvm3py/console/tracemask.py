# SPDX-License-Identifier: MIT
"""Trace masks as sets of events, as people see and change them, and the forms of events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

from pvm3py.trace.names import EVENTS

# What displays of running programs need; the tasks of a console begin with it.
XPVM = frozenset(
    {"addmhf", "barrier", "bcast", "delmhf", "exit", "joingroup", "kill", "lvgroup", "mcast"}
    | {"mhf_invoke", "mytid", "nrecv", "parent", "precv", "probe", "psend", "recv", "recvf"}
    | {"send", "sendsig", "siblings", "spawn", "trecv", "user_defined"}
)
# These are traced whatever the mask is.
_ALWAYS = {"newtask", "endtask", "spntask", "timing", "profiling"}
_LENGTH = 35
_NONE = ord("@")
_COLUMNS = 4

# What events tell; value of Option.TRACE_OPTIONS.
OPTIONS = {"full": 1, "time": 2, "count": 3}


@cache
def event_names() -> tuple[str, ...]:
    """Events that can be switched, sorted."""
    return tuple(sorted(set(EVENTS) - _ALWAYS))


def events_of(mask: str) -> set[str]:
    """The events of a mask."""
    return {name for k, name in enumerate(EVENTS) if ord(mask[k // 4]) >> k % 4 & 1}


def mask_of(events: Iterable[str]) -> str:
    """The mask of some events."""
    letters = [_NONE] * _LENGTH
    for name in events:
        k = EVENTS.index(name)
        letters[k // 4] |= 1 << k % 4
    return "".join(map(chr, letters))


def mask_table(on: set[str]) -> list[str]:
    """Lines with all events in columns, and a star where they are on."""
    cells = [f" {'*' if name in on else ' '} {name:<15}" for name in event_names()]
    rows = -(-len(cells) // _COLUMNS)
    return [" ".join(cells[row::rows]) for row in range(rows)]


def changed(
    on: set[str], words: Iterable[str], sets: Mapping[str, Iterable[str]]
) -> tuple[set[str], list[str]]:
    """The events after what somebody has typed, and the words that are none.

    Events are added, but behind a "-" removed; "*" is all of them, and a name of `sets`
    replaces what there was. As in 3.4.6 those that are always traced are no unknown words.
    """
    unknown = []
    add = True
    for word in words:
        name = word.removeprefix("pvm_")
        if word in ("+", "-"):
            add = word == "+"
        elif word in sets:
            on = set(sets[word])
        elif word == "*" or name in EVENTS:
            names = set(event_names()) if word == "*" else {name}
            on = on | names if add else on - names
        else:
            unknown.append(word)
    return on, unknown
