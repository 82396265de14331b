# SPDX-License-Identifier: MIT
"""The front end with Python's readline, where prompt_toolkit is not installed."""

from __future__ import annotations

import contextlib
import io
import readline
import signal
import sys
from collections.abc import Iterator

from ..interpreter import Interpreter
from ..plain import PROMPT
from .completion import Candidate, complete
from .front import FrontEnd
from .history import HistoryFile

# Seconds between looks for messages while a line is edited.
_LOOK = 0.1


class LineEdit(FrontEnd):
    """Edits lines by `input`; a timer looks for messages meanwhile."""

    def __init__(self, interpreter: Interpreter, history: HistoryFile) -> None:
        super().__init__(interpreter, history)
        self._candidates: list[Candidate] = []
        self._edits = False
        readline.set_auto_history(False)
        readline.set_completer(self._complete)
        readline.set_completer_delims(" \t")
        readline.parse_and_bind("tab: complete")
        # Ctrl-D, pressed while a command runs, is kept by the terminal and reaches us as a NUL.
        readline.parse_and_bind(r'"\C-@": "\C-d"')
        for line in history.lines():
            readline.add_history(line)

    def read(self) -> str | None:
        """The next line."""
        lines: list[str] = []
        try:
            with self._looking():
                if not self.session.interrupts.run(lambda: lines.append(input(PROMPT))):
                    self.session.out.line("^C")
        except EOFError:
            return None
        line = "".join(lines)
        if self.history.wants(line):
            readline.add_history(line)
            self.history.add(line)
        return line

    def _complete(self, text: str, number: int) -> str | None:
        """The candidate of a number, None behind the last one."""
        if number == 0:
            before = readline.get_line_buffer()[: readline.get_endidx()]
            self._candidates = complete(self.session, before).candidates
        return self._candidates[number].word if number < len(self._candidates) else None

    @contextlib.contextmanager
    def _looking(self) -> Iterator[None]:
        """Serve messages meanwhile."""
        self._edits = True
        signal.signal(signal.SIGALRM, self._look)
        signal.setitimer(signal.ITIMER_REAL, _LOOK)
        try:
            yield
        finally:
            self._edits = False
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _look(self, signum: int, frame: object) -> None:
        """Take messages; what is printed stands above the line that is being typed.

        A look that takes long is not interrupted by the next one.
        """
        del signum, frame
        if not self._edits:
            return
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            self.interpreter.messages()
        if printed.getvalue():
            sys.stdout.write(f"\r\x1b[K{printed.getvalue()}{PROMPT}{readline.get_line_buffer()}")
            sys.stdout.flush()
        signal.setitimer(signal.ITIMER_REAL, _LOOK)
