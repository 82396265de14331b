# SPDX-License-Identifier: MIT
"""The terminal gets back its settings when the console is ended by SIGTERM in the middle."""

from __future__ import annotations

import os
import signal
import termios
from typing import Any

# Leave the other screen, stop marking pasted text, show the cursor.
_RESET = b"\x1b[?1047l\x1b[?2004l\x1b[?25h\r\n"


def restore_at_end() -> None:
    """Restore the settings of now before the present handler of SIGTERM runs."""
    settings = termios.tcgetattr(0)
    handler: Any = signal.getsignal(signal.SIGTERM)

    def terminated(signum: int, frame: object) -> None:
        try:
            termios.tcsetattr(0, termios.TCSADRAIN, settings)
            os.write(1, _RESET)
        except (OSError, termios.error):
            pass  # the terminal is gone
        handler(signum, frame)

    signal.signal(signal.SIGTERM, terminated)
