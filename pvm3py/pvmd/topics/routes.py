# SPDX-License-Identifier: MIT
"""Direct routes of a task that stops: those over a network are left with the other task's help.

The task asks for that when it has stopped (TM_UNROUTE). The daemon of the other task has that write
nothing more to the route (TM_LEAVE), wherever it computes. One that has ended, or moved meanwhile,
has left it.
"""

from __future__ import annotations

import contextlib
import os

from pvm3py.wire import constants as c
from pvm3py.wire.moves import Leave, MoveLeave, Unroute

from ..core import Pvmd
from ..dispatch import Request, handles
from ..io.switch import frame
from .placing import can_move


@handles(c.TM_UNROUTE, Unroute, reply=False)
def unroute(pvmd: Pvmd, request: Request, body: Unroute) -> None:
    """A task that stops wants another one to leave the route between them."""
    task, host = request.task, pvmd.hosts.get(body.tid)
    if task is None or task.frozen is None:
        return
    if pvmd.owns(body.tid):
        _have_left(pvmd, body.tid, task.tid)
    elif host is not None and can_move(pvmd, host.tid):
        pvmd.peers.send(host.tid, c.DM_MOVE_LEAVE, MoveLeave(task.tid, body.epoch, body.tid))


@handles(c.DM_MOVE_LEAVE, MoveLeave, hosts=True, reply=False)
def leave(pvmd: Pvmd, _request: Request, body: MoveLeave) -> None:
    """The same of a task of this host."""
    _have_left(pvmd, body.peer, body.tid)


def _have_left(pvmd: Pvmd, tid: int, mover: int) -> None:
    """Tell a task, if it is here; the signal comes first, unless it stops by now."""
    task = pvmd.tasks.get(tid)
    if task is None or task.conn is None:
        return
    if task.frozen is None and task.announced is not None and task.announced.signal:
        with contextlib.suppress(ProcessLookupError):
            os.kill(task.pid, task.announced.signal)
    message = frame(tid, c.TIDPVMD, c.TM_LEAVE, c.SYSCTX_TM, 0, Leave(mover).encode())
    pvmd.switch.send_conn(task.conn, message)
