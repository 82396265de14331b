# SPDX-License-Identifier: MIT
"""The terminal gets back its settings when a command or the console ends in the middle."""

from __future__ import annotations

import functools
import os
import signal
import termios
from collections.abc import Callable
from typing import Any

from ..interrupts import ENDING

# Leave the other screen, stop marking pasted text, show the cursor.
_RESET = b"\x1b[?1047l\x1b[?2004l\x1b[?25h\r\n"


class TerminalState:
    """The settings as they are when this is made."""

    def __init__(self) -> None:
        self._settings = termios.tcgetattr(0)

    def restore(self) -> None:
        """Put them back."""
        try:
            termios.tcsetattr(0, termios.TCSADRAIN, self._settings)
        except (OSError, termios.error):
            pass  # the terminal is gone

    def restore_at_end(self) -> None:
        """Put them back before the present handlers of signals that end the console run."""
        for signum in ENDING:
            handler = signal.getsignal(signum)
            if callable(handler):
                signal.signal(signum, functools.partial(self._terminated, handler))

    def _terminated(self, then: Callable[[int, Any], object], signum: int, frame: object) -> None:
        self.restore()
        try:
            os.write(1, _RESET)
        except OSError:
            pass
        then(signum, frame)
