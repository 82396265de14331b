# SPDX-License-Identifier: MIT
"""A machine that ends with the process that started it, and leaves nothing behind.

Both hold an end of a stream socket. The daemon ends when the other end is closed, however that
process has ended; that process knows by its own end when the daemon has.
"""

from __future__ import annotations

import contextlib
import os

from ..core import Pvmd
from ..occasions import BEGIN, on
from ..state.config import Settings


@on(BEGIN)
def begin(pvmd: Pvmd) -> None:
    """Watch the descriptor, if there is one."""
    fd = pvmd.settings.lifeline
    if fd >= 0:
        os.set_blocking(fd, False)
        pvmd.loop.add_reader(fd, _look, pvmd, fd)


def _look(pvmd: Pvmd, fd: int) -> None:
    """Something has come, which means nothing, or the end."""
    try:
        if os.read(fd, 1):
            return
    except BlockingIOError:
        return
    except OSError:
        pass
    pvmd.loop.remove_reader(fd)
    pvmd.log("the process that started this daemon has ended, or wants it to end")
    pvmd.stop(0)


def clean_up(settings: Settings) -> None:
    """Remove the log, and the directory if nothing else is in it."""
    if settings.lifeline >= 0:
        with contextlib.suppress(OSError):
            os.unlink(settings.file("pvml"))
            os.rmdir(settings.tmp)
