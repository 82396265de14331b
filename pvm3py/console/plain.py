# SPDX-License-Identifier: MIT
"""The front end without an editor: lines from a descriptor, a prompt before each.

What does not come from a terminal is echoed, so that the output of a script shows its commands.
"""

from __future__ import annotations

import os
import select
from collections.abc import Iterator

from .interpreter import LINE_MAX, Interpreter, shown

PROMPT = "pvm> "
_CHUNK = 65536


class Lines:
    """Cuts what is read into lines, of which it keeps LINE_MAX + 1 characters at most."""

    def __init__(self) -> None:
        self._partial = b""

    def feed(self, data: bytes) -> Iterator[str]:
        """The lines that are complete with this."""
        *lines, rest = data.split(b"\n")
        for line in lines:
            yield self._text(self._partial + line)
            self._partial = b""
        self._partial = (self._partial + rest)[: LINE_MAX * 4 + 1]

    def rest(self) -> str:
        """What came behind the last end of a line."""
        return self._text(self._partial)

    def _text(self, line: bytes) -> str:
        return line.decode(errors="surrogateescape")[: LINE_MAX + 1]


class Plain:
    """Reads commands from a descriptor until it ends or a command ends the console."""

    def __init__(self, interpreter: Interpreter, fd: int = 0) -> None:
        self._interpreter = interpreter
        self._session = interpreter.session
        self._fd = fd
        self._echo = not os.isatty(fd)
        self._lines = Lines()
        self._ended = False
        self._session.interrupts.take()

    def run(self) -> None:
        """Read and run commands."""
        self._prompt()
        while not self._session.over and not self._ended:
            if not self._session.interrupts.run(self._turn):
                self._session.out.line()
                self._prompt()

    def _turn(self) -> None:
        """Wait for messages or lines, and serve them."""
        self._interpreter.messages()
        self._session.out.flush()
        ready, _, _ = select.select([self._fd, *self._interpreter.fds()], [], [])
        if self._fd not in ready:
            return
        data = os.read(self._fd, _CHUNK)
        if not data:
            self._end()
        for line in self._lines.feed(data):
            self._run(line)
            if self._session.over:
                break

    def _run(self, line: str) -> None:
        self._interpreter.messages()
        if self._echo:
            self._session.out.line(line if len(line) <= LINE_MAX else shown(line))
        self._interpreter.line(line)
        if not self._session.over:
            self._prompt()

    def _end(self) -> None:
        """The input has ended, maybe in the middle of a line."""
        self._ended = True
        rest = self._lines.rest()
        if rest:
            self._run(rest)
        if not self._session.over:
            self._session.out.line("quit")

    def _prompt(self) -> None:
        self._session.out.text(PROMPT)
