# SPDX-License-Identifier: MIT
"""What the console prints: lines, errors, tables in the columns of PVM 3.4.6, JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any


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


def host_line(name: str, tid: object, *more: object) -> str:
    """A line of a table of hosts; fields behind the tid have the widths of `conf`."""
    fields = [f"{name:>24}", f"{_hex(tid):>8}"]
    fields += [f"{field:>{width}}" for field, width in zip(more, (8, 7, 10), strict=False)]
    return " ".join(fields)


def status_line(name: str, status: str) -> str:
    """A line of a table of hosts with a status in words."""
    return f"{name:>24}  {status}"


def _hex(tid: object) -> str:
    return f"{tid & 0xFFFFFFFF:x}" if isinstance(tid, int) else str(tid)


def tid_text(tid: int) -> str:
    """A tid as it is shown: t40001."""
    return f"t{tid & 0xFFFFFFFF:x}"
