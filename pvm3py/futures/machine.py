# SPDX-License-Identifier: MIT
"""The machine that a pool works in: that of the process, or a private one for all pools."""

from __future__ import annotations

import os
import threading

from pvm3py import classic
from pvm3py.task import Task, VirtualMachine


class Shared:
    """The private machine that all pools of this process use, as long as there is one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._machine: VirtualMachine | None = None

    def join(self) -> bool:
        """Make this process a task. True: of a private machine, which `leave` gives back."""
        with self._lock:
            if self._machine is None and not _has_machine():
                self._machine = VirtualMachine()
            classic.mytid()
            if self._machine is None:
                return False
            self._users += 1
            return True

    def leave(self, private: bool) -> None:
        """Use it no more; `private` is what join has returned."""
        if not private:
            return
        with self._lock:
            self._users -= 1
            if self._users == 0 and self._machine is not None:
                machine, self._machine = self._machine, None
                machine.close()


def _has_machine() -> bool:
    """Whether this process is in a machine, has made one, or was spawned by one."""
    return Task().enrolled or VirtualMachine.present() is not None or "PVMEPID" in os.environ


shared = Shared()
