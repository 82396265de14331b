# SPDX-License-Identifier: MIT
"""The command `trace`: what the tasks trace that are spawned by the console, and how."""

from __future__ import annotations

from collections.abc import Iterable

import pvm3py.classic as pvm
from pvm3py.classic import Option

from ..session import Session
from ..table import Given, command
from ..tracemask import XPVM, event_names, events_of, mask_of

_OPTIONS = {"full": 1, "time": 2, "count": 3}
_COLUMNS = 4


@command(
    "trace",
    "[+|-] event... | xpvm | buf [bytes] | opt [full|time|count]",
    "set or print what spawned tasks trace",
    most=None,
    raw=True,
    notes=(
        "+ (which may be left out) adds the events that follow, - removes them; * is all of them.",
        "xpvm  the events that displays need; the console begins with these",
        "buf   bytes of events that a task collects before it sends them",
        "opt   whole events, or the time spent in calls, or the number of calls",
    ),
)
def trace(session: Session, given: Given) -> None:
    """Print or set the mask, or another setting of traced tasks."""
    match given.operands:
        case []:
            session.out.lines(_table())
        case ["buf" | "buffer", *rest]:
            _buffer(session, rest)
        case ["opt" | "options", *rest]:
            _options(session, rest)
        case words:
            _change(session, words)


def _table() -> list[str]:
    """All events in columns, with a star where they are on."""
    on = events_of(pvm.gettmask(child=True))
    cells = [f" {'*' if name in on else ' '} {name:<15}" for name in event_names()]
    rows = -(-len(cells) // _COLUMNS)
    return [" ".join(cells[row::rows]) for row in range(rows)]


def _change(session: Session, words: Iterable[str]) -> None:
    """Switch events on and off."""
    on = events_of(pvm.gettmask(child=True))
    add = True
    for word in words:
        name = word.removeprefix("pvm_")
        if word in ("+", "-"):
            add = word == "+"
        elif word == "xpvm":
            on = set(XPVM)
        elif word == "*" or name in event_names():
            names = set(event_names()) if word == "*" else {name}
            on = on | names if add else on - names
        else:
            session.complain(f'no such event "{word}"')
    pvm.settmask(mask_of(on), child=True)


def _buffer(session: Session, words: list[str]) -> None:
    """Print or set the size of the buffer."""
    if not words:
        size = pvm.getopt(Option.TRACE_BUFFER)
        session.out.line(f"\nTrace Buffering set to {size} bytes\n")
    elif words[0].isdecimal():
        pvm.setopt(Option.TRACE_BUFFER, int(words[0]))
    else:
        session.complain(f"{words[0]}: no number")


def _options(session: Session, words: list[str]) -> None:
    """Print or set what events tell."""
    if not words:
        number = pvm.getopt(Option.TRACE_OPTIONS)
        name = next((name for name, value in _OPTIONS.items() if value == number), "full")
        session.out.line(f'\nTrace Options set to "{name}"\n')
    elif words[0] in _OPTIONS:
        pvm.setopt(Option.TRACE_OPTIONS, _OPTIONS[words[0]])
    else:
        session.complain(f'\nError:  Unknown Trace Option "{words[0]}"\n')
