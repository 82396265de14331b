# SPDX-License-Identifier: MIT
"""Staying reachable though a cleaner of PVM_TMP removes the socket, the sock file or the log.

A look every two seconds costs four system calls. To be told instead, the daemon would need a
watch on a directory in which others may change files all the time.
"""

from __future__ import annotations

from ..core import Pvmd
from ..io.door import Door
from ..state.config import StartError

_SECONDS = 2.0


def keep(pvmd: Pvmd, door: Door) -> None:
    """Look after the door for as long as the daemon serves."""
    Keeper(pvmd, door).look()


class Keeper:
    """What looks after the door of a daemon; it says once what goes wrong."""

    def __init__(self, pvmd: Pvmd, door: Door) -> None:
        self._pvmd = pvmd
        self._door = door
        self._problem = ""

    def look(self) -> None:
        """Put right what has been lost, and look again later."""
        self._pvmd.loop.call_later(_SECONDS, self.look)
        self._pvmd.log.look_after()
        problem = ""
        try:
            self._listen()
            self._door.look_after(self._pvmd.log)
        except (OSError, StartError) as error:
            problem = f"tasks that are started by hand may not find this daemon: {error}"
        if problem not in ("", self._problem):
            self._pvmd.log(problem)
        self._problem = problem

    def _listen(self) -> None:
        listener = self._door.lost_socket()
        if listener is None:
            return
        self._pvmd.switch.listen(listener.fileno())
        self._door.replace(listener)
        self._pvmd.log(f"socket {self._door.address} was lost, made again")
