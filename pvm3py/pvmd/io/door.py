# SPDX-License-Identifier: MIT
"""What leads to a daemon: its socket, the sock file, the guard; and keeping them there."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable

from ..state import private
from ..state.config import Settings, StartError
from . import sockfile
from .guard import Guard

# Cleaners of temporary directories take what is old: seconds after which both files look new.
_FRESH_SECONDS = 3600.0


class Door:
    """The listening socket, its path, and whether the sock file tells it.

    told: False for a slave on a host that another daemon of this user has already.
    """

    def __init__(self, settings: Settings) -> None:
        """A new socket. StartError: there can be none."""
        self.listener, self.address = sockfile.listen(settings)
        self.told = False
        self._settings = settings
        self._file = settings.file("pvmd")
        self._guard = Guard()
        self._seen: tuple[int, ...] | None = None
        self._renewed = time.monotonic()

    def tell(self, log: Callable[[str], None]) -> None:
        """Write the sock file. AlreadyRuns, StartError: it cannot be."""
        try:
            self._guard.take(self._settings)
            sockfile.publish(self._settings, self.address, log)
        except StartError:
            self._guard.close()
            raise
        self.told = True

    def close(self) -> None:
        """Nothing leads here any more."""
        sockfile.withdraw(self._settings, self.address)
        self._guard.close()
        self.listener.close()

    def look_after(self, log: Callable[[str], None]) -> None:
        """Write the sock file again if it has been lost, and keep both files from looking old.

        OSError, StartError: that cannot be.
        """
        self._guard.hang_up()
        self._renew()
        if self.told and self._seen != (seen := _signature(self._file)):
            # What cannot be replaced is looked at again when it has changed.
            self._seen = seen or None
            self._restore(log)
            self._seen = _signature(self._file) or None  # it may be lost again already

    def lost_socket(self) -> socket.socket | None:
        """A socket to listen on instead if the name of the present one has been lost.

        The caller takes it with `replace`. OSError: there can be none.
        """
        if private.is_socket(self.address):
            return None
        return sockfile.listen_again(self.address)

    def replace(self, listener: socket.socket) -> None:
        """Listen on another socket from now on."""
        self.listener.close()
        self.listener = listener

    def _restore(self, log: Callable[[str], None]) -> None:
        with contextlib.suppress(FileNotFoundError):
            if sockfile.read(self._file) == self.address:
                return
        sockfile.publish(self._settings, self.address, log)
        log(f"{self._file} was lost, written again")

    def _renew(self) -> None:
        if time.monotonic() - self._renewed < _FRESH_SECONDS:
            return
        self._renewed = time.monotonic()
        for path in (self.address, self._file) if self.told else (self.address,):
            with contextlib.suppress(OSError):
                os.utime(path, follow_symlinks=False)


def _signature(path: str) -> tuple[int, ...]:
    """What changes when a file does; () without one."""
    try:
        status = os.lstat(path)
    except OSError:
        return ()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
