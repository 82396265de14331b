# SPDX-License-Identifier: MIT
"""What the front ends on a terminal have in common: a line is read, kept, and run."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod

from ..interpreter import Interpreter
from .history import HistoryFile
from .state import TerminalState


class FrontEnd(ABC):
    """Reads commands from the terminal until it ends or a command ends the console."""

    def __init__(self, interpreter: Interpreter, history: HistoryFile) -> None:
        self.interpreter = interpreter
        self.session = interpreter.session
        self.history = history
        self.session.interrupts.take()
        self._state = TerminalState()
        self._state.restore_at_end()

    @abstractmethod
    def read(self) -> str | None:
        """The next line, "" if it was given up, None at the end of the input.

        Messages are served meanwhile.
        """

    def run(self) -> None:
        """Read and run commands."""
        while not self.session.over:
            text = self._next()
            if text is None:
                self.session.out.line("quit")
                break
            self._run(text.splitlines())

    def _next(self) -> str | None:
        """The next lines, more than one if they were pasted; none if they were given up."""
        # Those that came with the answer to a request wake nobody up.
        self.interpreter.messages()
        self.session.out.flush()
        return self.read()

    def _run(self, lines: list[str]) -> None:
        """Run lines until Ctrl-C, or one of them ends the console."""
        for line in lines:
            action = functools.partial(self.interpreter.line, line)
            finished = self.session.interrupts.run(action)
            if not finished:
                self._state.restore()
                self.session.out.line("\ninterrupted")
            if self.session.over or not finished:
                break
