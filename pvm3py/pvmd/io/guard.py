# SPDX-License-Identifier: MIT
"""A name that keeps a second daemon from starting while the sock file is lost.

It is an abstract socket, so no cleaner of PVM_TMP can remove it, and it ends with its process. Any
user may take such a name: it stops a daemon only if a process of the same user has it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import time

from ..state.config import Settings
from .sockfile import AlreadyRuns, answers, peer_is_own, read

_NAME_MAX = 107
# Seconds that a second daemon gives the first one to write its sock file again.
_PATIENCE = 5.0
_PAUSE = 0.1


class Guard:
    """The name of this daemon's user, directory and PVM_VMID, once it is taken."""

    def __init__(self) -> None:
        self._sock: socket.socket | None = None

    def take(self, settings: Settings) -> None:
        """Take the name; nothing is done if another user has it.

        AlreadyRuns: a daemon of this user has it, and still has when it has had time to end.
        """
        name = _name(settings)
        if name is None:
            return
        deadline = time.monotonic() + _PATIENCE
        while not self._bind(name):
            own = _is_own(name)
            if own is False or (own is None and time.monotonic() > deadline):
                return
            _find_first(settings)
            if time.monotonic() > deadline:
                raise AlreadyRuns("an unknown address", settings.file("pvmd"))
            time.sleep(_PAUSE)

    def _bind(self, name: bytes) -> bool:
        """False: somebody has the name."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            sock.bind(name)
            sock.listen(socket.SOMAXCONN)
        except OSError as error:
            sock.close()
            return error.errno != errno.EADDRINUSE
        self._sock = sock
        return True

    def hang_up(self) -> None:
        """Close the connections of those who asked whose name this is."""
        if self._sock is None:
            return
        with contextlib.suppress(OSError):
            for _ in range(socket.SOMAXCONN):
                self._sock.accept()[0].close()

    def close(self) -> None:
        """Give the name back."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None


def _name(settings: Settings) -> bytes | None:
    """The same for all paths of a directory; None: PVM_VMID is too long for it."""
    status = os.stat(settings.tmp)
    place = f"{os.geteuid()} {status.st_dev:x} {status.st_ino:x}"
    vmid = "" if settings.vmid is None else f" {settings.vmid}"
    name = b"\0pvmd " + os.fsencode(place + vmid)
    return name if len(name) <= _NAME_MAX else None


def _is_own(name: bytes) -> bool | None:
    """Whether a process of this user has the name; None: it has ended, or does not listen yet."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as sock:
        try:
            sock.connect(name)
        except ConnectionRefusedError:
            return None
        except OSError:
            return False
        return peer_is_own(sock)


def _find_first(settings: Settings) -> None:
    """AlreadyRuns: the sock file tells where another daemon is."""
    path = settings.file("pvmd")
    try:
        address = read(path)
    except OSError:
        return
    if answers(address):
        raise AlreadyRuns(address, path)
