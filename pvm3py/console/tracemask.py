# SPDX-License-Identifier: MIT
"""Trace masks as sets of events."""

from __future__ import annotations

from collections.abc import Iterable
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
