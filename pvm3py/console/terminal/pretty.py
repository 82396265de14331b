# SPDX-License-Identifier: MIT
"""Output on a terminal: tables in colours and as wide as their contents, progress of long work.

A bar shows progress if rich is there, else a line of numbers. Tables are not made by rich: it takes
a second for a thousand tasks, and 0.15 s to load.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..output import Column, Output, fitted
from .libraries import provide

if TYPE_CHECKING:
    from rich.console import Console

# Parameters of the sequence that sets a style.
_BOLD, _DIM, _RED, _GREEN, _YELLOW, _CYAN = "1", "2", "31", "32", "33", "36"
_TITLES, _GOOD, _BAD, _STATE = _BOLD, _GREEN, _RED, "state"
_STYLES = {
    "HOST": _CYAN,
    "TID": _YELLOW,
    "DTID": _YELLOW,
    "PTID": _YELLOW,
    "FLAG 0x": _DIM,
    "COMMAND": _GREEN,
    "STATUS": _STATE,
}
_GAP = "  "
# Less work is over before anybody has read how far it is.
_LEAST_WORK = 8


class Pretty(Output):
    """Standard output is a terminal."""

    def table(
        self, columns: Sequence[Column], rows: Iterable[Sequence[str]], *, titles: bool = True
    ) -> None:
        """Print a table, which has titles in any case."""
        del titles
        head, *cells = fitted(columns, rows)
        self.line(_styled(_TITLES, _GAP.join(head).rstrip()))
        styles = [_STYLES.get(column.title, "") for column in columns]
        for row in cells:
            self.line(_GAP.join(map(_cell, styles, row)).rstrip())

    def groups(
        self, title: str, columns: Sequence[Column], groups: Sequence[tuple[str, list[list[str]]]]
    ) -> None:
        """Print a table with a column for the groups; one without rows has a row of its own."""
        empty = ["-"] * len(columns)
        rows = [[name, *row] for name, some in groups for row in some or [empty]]
        self.table([Column(title, len(title)), *columns], rows)

    live = True

    @contextmanager
    def progress(self, what: str, total: int) -> Iterator[Callable[[int], None]]:
        """Show a bar, which goes away when the work is over."""
        self.flush()
        if total < _LEAST_WORK:
            yield lambda count: None
            return
        try:
            provide()
            from rich import progress  # noqa: PLC0415
        except ImportError:
            yield from _numbers(what, total)
            return
        columns = (
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TimeElapsedColumn(),
        )
        with progress.Progress(*columns, console=_console(), transient=True) as bar:
            task = bar.add_task(what, total=total)
            yield lambda count: bar.advance(task, count)


def _console() -> Console:
    """Rich's idea of the terminal, with its size of now."""
    from rich.console import Console  # noqa: PLC0415

    return Console(no_color=_colourless(), highlight=False, emoji=False, markup=False)


def _colourless() -> bool:
    return bool(os.environ.get("NO_COLOR"))


def _cell(style: str, text: str) -> str:
    """A cell; what stands in a column of states is good or bad."""
    if style == _STATE:
        style = _GOOD if text.strip() in ("ok", "deleted", "moved", "run") else _BAD
    return _styled(style, text)


def _styled(style: str, text: str) -> str:
    return f"\x1b[{style}m{text}\x1b[m" if style and not _colourless() else text


def _numbers(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Progress as numbers on one line."""
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        sys.stdout.write(f"\r{what} {done}/{total}")
        sys.stdout.flush()

    advance(0)
    try:
        yield advance
    finally:
        sys.stdout.write("\r" + " " * os.get_terminal_size().columns + "\r")
