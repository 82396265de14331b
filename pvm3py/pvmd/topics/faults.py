# SPDX-License-Identifier: MIT
"""Faults of moves, for tests: PVM_TEST_MOVEFAULT=PHASE:N:ACTION.

When this daemon comes to the phase for the Nth time, it ends without a word (die), or stands still
until it gets SIGCONT (stop). All that it has sent before is on its way then.

    origin  reserve round hold freeze frozen flushed ready commit placed gone
    goal    reserved image brought restarted told go
    others  held
"""

from __future__ import annotations

import os
import signal

from ..core import Pvmd, Table

_ACTIONS = {"die": signal.SIGKILL, "stop": signal.SIGSTOP}


class _Fault(Table):
    """What is to happen: phase, how many times it is yet to be reached, and the signal."""

    def __init__(self) -> None:
        self.phase, _, rest = os.environ.get("PVM_TEST_MOVEFAULT", "").partition(":")
        left, _, action = rest.partition(":")
        self.left, self.signal = int(left or "0"), _ACTIONS.get(action, signal.SIGCONT)


def at(pvmd: Pvmd, phase: str) -> None:
    """A move has come to this phase."""
    fault = _Fault.of(pvmd)
    if phase != fault.phase:
        return
    fault.left -= 1
    if fault.left == 0:
        pvmd.switch.flush()
        os.kill(os.getpid(), fault.signal)
