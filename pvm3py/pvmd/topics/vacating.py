# SPDX-License-Identifier: MIT
"""A host is given back: at PVM_VACATE_SIGNAL its tasks leave it, and then its daemon does."""

from __future__ import annotations

import asyncio

from ..core import Pvmd, Table
from ..state.hosts import Host
from . import evacuating


class _Vacation(Table):
    """The work that has begun; None: none has."""

    def __init__(self) -> None:
        self.work: asyncio.Task[None] | None = None


def vacate(pvmd: Pvmd, signum: int) -> None:
    """End the daemon when its tasks have left, as far as they can; asked again: at once.

    The master cannot leave, for the machine ends with it.
    """
    vacation = _Vacation.of(pvmd)
    goals = evacuating.goals_but(pvmd, ())
    if pvmd.hosts.is_master or not goals or vacation.work is not None:
        pvmd.stop(signum)
    else:
        vacation.work = pvmd.background(_vacate(pvmd, signum, goals))


async def _vacate(pvmd: Pvmd, signum: int, goals: list[Host]) -> None:
    try:
        await evacuating.leave(pvmd, goals)
    finally:
        pvmd.log(f"{len(pvmd.tasks)} tasks have not left")
        pvmd.stop(signum)
