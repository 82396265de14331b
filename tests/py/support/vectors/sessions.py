# SPDX-License-Identifier: MIT
"""Sessions of the console of 3.4.6 as they were recorded: commands, and what each printed."""

from __future__ import annotations

import re
from dataclasses import dataclass

from support.system import VECTORS

_PROMPT = "pvm> "
# What may come between a prompt and the command: output of jobs, and errors, which were not
# buffered as the rest was.
_BETWEEN = re.compile(
    r"\[T?\d+(:t\w+)?\] |\[\d+\] finished|libpvm \[|/\S+: |tidless$|$|Error Opening File"
)


@dataclass
class Command:
    """A command: the lines that came between the prompt and it, and those that it printed."""

    text: str
    before: list[str]
    printed: list[str]

    @property
    def lines(self) -> list[str]:
        """All lines with the errors behind the command, where a terminal has them."""
        return [self.text, *self.before, *self.printed]


def recorded_session(name: str) -> list[Command]:
    """The commands of a recording, without its first lines and the end."""
    text = (VECTORS / "console" / f"{name}.txt").read_text(encoding="utf-8")
    _, *blocks = re.split(rf"^{_PROMPT}", text, flags=re.MULTILINE)
    return [_command(block.splitlines()) for block in blocks]


def _command(lines: list[str]) -> Command:
    at = next(i for i, line in enumerate(lines) if not _BETWEEN.match(line))
    return Command(lines[at], lines[:at], lines[at + 1 :])
