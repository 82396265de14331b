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
    r"|Console: | +HOST +DTID +ARCH +SPEED$| +\w+ +[48]0000 +\w+ +\d+$"
)
# Values of a trace record.
_VALUES = re.compile(r'(?<=\)" \{).*(?=\};;)')


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


def recorded_consoles(name: str) -> list[list[Command]]:
    """The commands of several consoles on terminals, without what the terminals echoed."""
    text = (VECTORS / "console" / f"{name}.txt").read_text(encoding="utf-8")
    _, *consoles = re.split(r"^--- console \d\n", text, flags=re.MULTILINE)
    blocks = [re.split(rf"^{_PROMPT}", one, flags=re.MULTILINE)[1:] for one in consoles]
    sessions = [[_command(b.splitlines()) for b in some if b.strip()] for some in blocks]
    for command in (command for session in sessions for command in session):
        assert command.printed.pop(0) == command.text
    return sessions


def trace_shape(lines: list[str]) -> list[str]:
    """Statements of traces on a terminal without values and tids, sorted.

    Several senders write at once. When the daemon's control message comes, and is traced, is a
    matter of time.
    """
    texts = [re.sub(r"^\[T\d+:t\w+\] ?", "", line) for line in lines if line.startswith("[T")]
    statements = "\n".join(_VALUES.sub("", text) for text in texts if "Date" not in text)
    return sorted(s.strip() for s in statements.split(";;") if "mhf_invoke" not in s)


def _command(lines: list[str]) -> Command:
    at = next(i for i, line in enumerate(lines) if not _BETWEEN.match(line))
    return Command(lines[at], lines[:at], lines[at + 1 :])
