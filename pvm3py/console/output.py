# SPDX-License-Identifier: MIT
"""What the console prints: lines, errors, tables in the columns of PVM 3.4.6, JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Column:
    """A column of a table.

    width  in characters; to the right of so many, or if negative to the left
    gap    what separates it from the column before it
    """

    title: str
    width: int
    gap: str = " "

    def cell(self, text: str) -> str:
        """A text at the column's width."""
        return f"{text:>{self.width}}" if self.width >= 0 else f"{text:<{-self.width}}"


HOST = Column("HOST", 24)
DTID = Column("DTID", 8)
STATUS = Column("STATUS", 0, "  ")


class Output:
    """Both standard streams. What was printed is written before an error, so the order is true."""

    def line(self, text: str = "") -> None:
        """Print a line."""
        sys.stdout.write(text + "\n")

    def lines(self, texts: Iterable[str]) -> None:
        """Print some lines."""
        for text in texts:
            self.line(text)

    def text(self, text: str) -> None:
        """Print a text that is no whole line."""
        sys.stdout.write(text)

    def table(
        self, columns: Sequence[Column], rows: Iterable[Sequence[str]], *, titles: bool = True
    ) -> None:
        """Print a table in the columns of PVM 3.4.6; without titles where that has none."""
        if titles:
            self.line(table_line(columns, [column.title for column in columns]).rstrip())
        self.lines(table_line(columns, row) for row in rows)

    def groups(
        self, title: str, columns: Sequence[Column], groups: Sequence[tuple[str, list[list[str]]]]
    ) -> None:
        """Print a table with a line above the rows of each group; what a group is: a title."""
        del title
        self.table(columns, ())
        for name, rows in groups:
            self.line(f"{name}:")
            self.table(columns, rows, titles=False)

    # Whether somebody looks on, for whom work is done in parts and a picture may change.
    live = False

    @contextmanager
    def progress(self, what: str, total: int) -> Iterator[Callable[[int], None]]:
        """Show how far something is; gives a function that says how many more are done."""
        del what, total
        yield lambda count: None

    def json(self, value: Any) -> None:
        """Print a value for programs."""
        self.line(json.dumps(value, indent=2))

    def error(self, text: str) -> None:
        """Print a line to standard error."""
        sys.stdout.flush()
        sys.stderr.write(text + "\n")
        sys.stderr.flush()

    def flush(self) -> None:
        """Write what was printed. Raises BrokenPipeError if nobody reads it any more."""
        sys.stdout.flush()


def table_line(columns: Sequence[Column], cells: Sequence[str]) -> str:
    """A line of a table with these columns."""
    pairs = list(zip(columns, cells, strict=True))
    head, text = pairs[0]
    return head.cell(text) + "".join(c.gap + c.cell(text) for c, text in pairs[1:])


def fitted(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> list[list[str]]:
    """Titles, then rows, each cell as wide as the widest of its column, for a terminal.

    Names of hosts stand to the left, where people look for them. Characters that a terminal would
    obey are replaced.
    """
    lines = [[column.title for column in columns], *(map(_printable, row) for row in rows)]
    texts = list(zip(*lines, strict=True))
    widths = [max(map(len, column)) for column in texts]
    left = [column.width <= 0 or column.title == HOST.title for column in columns]
    padded = [
        [f"{text:<{width}}" if to_left else f"{text:>{width}}" for text in column]
        for column, width, to_left in zip(texts, widths, left, strict=True)
    ]
    return [list(row) for row in zip(*padded, strict=True)]


def _printable(text: str) -> str:
    text = text.strip()
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


def host_line(name: str, tid: object, *more: object) -> str:
    """A line of a table of hosts; fields behind the tid have the widths of `conf`."""
    fields = [f"{name:>24}", f"{_hex(tid):>8}"]
    fields += [f"{field:>{width}}" for field, width in zip(more, (8, 7, 10), strict=False)]
    return " ".join(fields)


def _hex(tid: object) -> str:
    return f"{tid & 0xFFFFFFFF:x}" if isinstance(tid, int) else str(tid)


def tid_text(tid: int) -> str:
    """A tid as it is shown: t40001."""
    return f"t{tid & 0xFFFFFFFF:x}"


def size_text(value: float | None) -> str:
    """Bytes, as people read them: at most four digits and a letter."""
    if value is None:
        return "-"
    for unit in ("", "K", "M", "G"):
        if value < 1024:
            return f"{value:.{1 if unit and value < 10 else 0}f}{unit}"
        value /= 1024
    return f"{value:.0f}T"
