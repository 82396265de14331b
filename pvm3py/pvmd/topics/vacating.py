# SPDX-License-Identifier: MIT
"""A host is given back: at PVM_VACATE_SIGNAL its tasks leave it, and then its daemon does.

The machine ends with its master, so that one has all jobs written to disk first if it knows where.
"""

from __future__ import annotations

import asyncio

from ..core import Pvmd, Table
from ..state.hosts import Host
from . import evacuating, parking


class _Vacation(Table):
    """The work that has begun; None: none has."""

    def __init__(self) -> None:
        self.work: asyncio.Task[None] | None = None


def vacate(pvmd: Pvmd, signum: int) -> None:
    """End the daemon when its tasks have left, or are kept; asked again: at once."""
    vacation = _Vacation.of(pvmd)
    goals = [] if pvmd.hosts.is_master else evacuating.goals_but(pvmd, ())
    if vacation.work is not None:
        pvmd.stop(signum)
    elif goals:
        vacation.work = pvmd.background(_vacate(pvmd, signum, goals))
    elif pvmd.hosts.is_master and pvmd.settings.ckpt_dir:
        vacation.work = pvmd.background(_keep(pvmd, signum))
    else:
        pvmd.stop(signum)


async def _vacate(pvmd: Pvmd, signum: int, goals: list[Host]) -> None:
    try:
        await evacuating.leave(pvmd, goals)
    finally:
        pvmd.log(f"{len(pvmd.tasks)} tasks have not left")
        pvmd.stop(signum)


async def _keep(pvmd: Pvmd, signum: int) -> None:
    try:
        await parking.save_all(pvmd)
    finally:
        pvmd.stop(signum)
