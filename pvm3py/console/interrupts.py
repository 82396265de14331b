# SPDX-License-Identifier: MIT
"""Ctrl-C: it ends the command that runs, and never the console."""

from __future__ import annotations

import signal
from collections.abc import Callable


class Interrupts:
    """Takes SIGINT for this process, unless that ignores it, as those in background do.

    Outside of `run` the signal does nothing.
    """

    def __init__(self) -> None:
        self._armed = False
        if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
            signal.signal(signal.SIGINT, self._pressed)

    def run(self, action: Callable[[], object]) -> bool:
        """Do something that Ctrl-C ends; false: it did, as often as the user pressed it.

        One press interrupts the action, another one what it does to clean up.
        """
        finished = False
        try:
            try:
                self._armed = True
                action()
                finished = True
            finally:
                # Signals are looked at where functions are called: not within this line.
                self._armed = False
        except KeyboardInterrupt:
            return False
        return finished

    def _pressed(self, signum: int, frame: object) -> None:
        del signum, frame
        if self._armed:
            raise KeyboardInterrupt
