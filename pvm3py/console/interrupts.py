# SPDX-License-Identifier: MIT
"""Ctrl-C: it ends the command that runs, and never the console. Signals that do end the console."""

from __future__ import annotations

import signal
from collections.abc import Callable

# Somebody halts the machine or kills this task; the terminal hangs up.
ENDING = (signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """What SIGINT does, once `take` was called: outside of `run` nothing, in `shield` it waits."""

    def __init__(self) -> None:
        self._armed = False
        self._shielded = False
        self._waits = False

    def take(self) -> None:
        """Take SIGINT for this process, unless that ignores it, as those in background do."""
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

    def shield(self, action: Callable[[], bool]) -> bool:
        """Do something short as a whole: Ctrl-C comes at its end, but for a second press."""
        self._shielded = True
        try:
            return action()
        finally:
            self._shielded = False
            if self._waits:
                self._waits = False
                raise KeyboardInterrupt

    def _pressed(self, signum: int, frame: object) -> None:
        del signum, frame
        if not self._armed:
            return
        if self._shielded and not self._waits:
            self._waits = True
        else:
            raise KeyboardInterrupt
