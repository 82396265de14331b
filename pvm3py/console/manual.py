# SPDX-License-Identifier: MIT
"""The manual page of the console, made of its table and its command line."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .commands import COMMANDS
from .table import Command


def troff() -> Iterator[str]:
    """The lines of the section COMMANDS for a manual page."""
    yield ".SH COMMANDS"
    for _, row in sorted(COMMANDS.items()):
        if row.summary:
            yield from _entry(row)


def _entry(row: Command) -> Iterator[str]:
    """A command with its options and notes."""
    yield ".TP"
    yield f".B {escaped(row.synopsis)}"
    yield escaped(f"{row.summary[:1].upper()}{row.summary[1:]}.")
    for option in row.options:
        yield ".RS"
        yield ".TP"
        yield f".BI {escaped(option.flag)} {escaped(option.value)}".rstrip()
        yield escaped(option.help)
        yield ".RE"
    if row.notes:
        yield ".RS"
        yield ".nf"
        yield from map(escaped, row.notes)
        yield ".fi"
        yield ".RE"


def escaped(text: str) -> str:
    """A line of text as troff takes it literally."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^[.']", r"\\&\g<0>", text)
