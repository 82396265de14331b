# SPDX-License-Identifier: MIT
"""The terminal gets back its settings when a command or the console ends in the middle."""

from __future__ import annotations

import os
import signal
import termios
from typing import Any

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
        """Put them back before the present handler of SIGTERM runs."""
        handler: Any = signal.getsignal(signal.SIGTERM)

        def terminated(signum: int, frame: object) -> None:
            self.restore()
            try:
                os.write(1, _RESET)
            except OSError:
                pass
            handler(signum, frame)

        signal.signal(signal.SIGTERM, terminated)
