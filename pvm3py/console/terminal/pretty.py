# SPDX-License-Identifier: MIT
"""Output on a terminal: tables in colours and as wide as their contents, progress of long work.

Both are made by rich; without it tables are those of a pipe, and progress is a line of numbers.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..output import Column, Output
from .libraries import provide

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_STYLES = {
    "HOST": "cyan",
    "TID": "yellow",
    "DTID": "yellow",
    "PTID": "yellow",
    "FLAG 0x": "dim",
    "COMMAND": "green",
}
_GOOD, _BAD = "green", "red"
# Less work is over before anybody has read how far it is.
_LEAST_WORK = 8


class Pretty(Output):
    """Standard output is a terminal."""

    def table(self, columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
        """Print a table."""
        self.flush()
        try:
            provide()
            from rich import table  # noqa: PLC0415
        except ImportError:
            super().table(columns, rows)
            return
        grid = table.Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for one in columns:
            justify = "left" if one.width <= 0 or one.title == "HOST" else "right"
            style = _STYLES.get(one.title, "")
            grid.add_column(one.title, justify=justify, style=style, no_wrap=True, overflow="crop")  # type: ignore[arg-type]
        for row in rows:
            grid.add_row(*map(_cell, columns, row))
        _console().print(grid)

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

    colourless = bool(os.environ.get("NO_COLOR"))
    return Console(no_color=colourless, highlight=False, emoji=False, markup=False)


def _cell(column: Column, text: str) -> Text:
    """A cell; what stands in a column of states is good or bad."""
    from rich.text import Text  # noqa: PLC0415

    shown = text.strip()
    if column.title != "STATUS":
        return Text(shown)
    return Text(shown, style=_GOOD if shown in ("ok", "deleted", "run") else _BAD)


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
