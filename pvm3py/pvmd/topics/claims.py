# SPDX-License-Identifier: MIT
"""Whose is a task when the two daemons of its move have lost each other: the master decides.

An origin that has told the goal to go on alone, and a goal that has been told, both ask before the
task runs. So it runs at one of them, whoever of the two is lost, and to whom.
"""

from __future__ import annotations

from pvm3py.wire import constants as c
from pvm3py.wire.moves import MoveWord, Placed

from ..core import Pvmd, Table
from ..dispatch import Request, handles
from ..occasions import TASK_GONE, on
from ..state.errors import HostFailed
from ..state.task import Task


class Claims(Table):
    """Of each task that was asked for: the number of the move, and the host that has it."""

    def __init__(self) -> None:
        self._given: dict[int, tuple[int, int]] = {}

    def decide(self, tid: int, epoch: int, host: int) -> int:
        """The host that has the task: in each move the first that asks."""
        if self._given.get(tid, (0, 0))[0] < epoch:
            self._given[tid] = epoch, host
        return self._given[tid][1]

    def forget(self, tid: int) -> None:
        """A task has ended."""
        self._given.pop(tid, None)


async def claim(pvmd: Pvmd, tid: int, epoch: int) -> bool:
    """Whether this host has the task. Without a master nobody has it."""
    own, master = pvmd.hosts.own.tid, pvmd.hosts.master
    if pvmd.hosts.is_master:
        return Claims.of(pvmd).decide(tid, epoch, own) == own
    try:
        word = MoveWord(tid, epoch)
        return (await pvmd.peers.request(master, c.DM_MOVE_CLAIM, word, Placed)).host == own
    except HostFailed:
        return False


@handles(c.DM_MOVE_CLAIM, MoveWord, hosts=True, reply_tag=c.DM_MOVE_CLAIMACK)
def dm_claim(pvmd: Pvmd, request: Request, body: MoveWord) -> Placed:
    """A host asks for a task."""
    assert request.host is not None
    host = Claims.of(pvmd).decide(body.tid, body.epoch, request.host.tid)
    pvmd.log(f"t{body.tid:x} is given to host {host:x}: hosts have lost each other in its move")
    return Placed(body.tid, body.epoch, host)


@on(TASK_GONE)
def task_gone(pvmd: Pvmd, tid: int, _task: Task | None) -> None:
    """A task has ended: its tid may be another's."""
    Claims.of(pvmd).forget(tid)
