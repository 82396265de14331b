# SPDX-License-Identifier: MIT
"""The command `trace`: what the tasks trace that are spawned by the console, and how."""

from __future__ import annotations

from collections.abc import Iterable

import pvm3py.classic as pvm
from pvm3py.classic import Option

from ..session import Session
from ..table import Given, command
from ..tracemask import OPTIONS, XPVM, changed, events_of, mask_of, mask_table


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
            session.out.lines(mask_table(events_of(pvm.gettmask(child=True))))
        case ["buf" | "buffer", *rest]:
            _buffer(session, rest)
        case ["opt" | "options", *rest]:
            _options(session, rest)
        case words:
            _change(session, words)


def _change(session: Session, words: Iterable[str]) -> None:
    """Switch events on and off."""
    on, unknown = changed(events_of(pvm.gettmask(child=True)), words, {"xpvm": XPVM})
    for word in unknown:
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
        name = next((name for name, value in OPTIONS.items() if value == number), "full")
        session.out.line(f'\nTrace Options set to "{name}"\n')
    elif words[0] in OPTIONS:
        pvm.setopt(Option.TRACE_OPTIONS, OPTIONS[words[0]])
    else:
        session.complain(f'\nError:  Unknown Trace Option "{words[0]}"\n')
