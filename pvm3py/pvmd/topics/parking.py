# SPDX-License-Identifier: MIT
"""Jobs that have no host are written to disk and end, and start again later.

The resource manager wants that; or this daemon is about to end, and there is no other host.
"""

from __future__ import annotations

from collections.abc import Coroutine

from pvm3py.wire import constants as c
from pvm3py.wire.checkpoints import CheckpointOrder, RestartOrder, RestartReply
from pvm3py.wire.moves import MoveReply

from ..core import Pvmd
from ..dispatch import Request, handles, only
from ..state.errors import HostFailed
from ..state.moves import NotMovedError
from . import checkpointing, restarting, saving
from .roles import Registry

_WHOLE = c.WIRE_CKPT_JOBS | c.WIRE_CKPT_END


@handles(c.SM_CKPT, CheckpointOrder, reply_tag=c.SM_CKPTACK, system=True)
def sm_checkpoint(
    pvmd: Pvmd, request: Request, body: CheckpointOrder
) -> Coroutine[None, None, MoveReply]:
    """Write the job of a task for the resource manager; what a user has started never ends so."""
    only(Registry.of(pvmd).sched, request)
    if body.flags & c.WIRE_CKPT_END:
        body.flags |= c.WIRE_CKPT_SPAWNED
    return saving.dm_checkpoint(pvmd, request, body)


@handles(c.SM_RESTART, RestartOrder, reply_tag=c.SM_RESTARTACK, system=True)
def sm_restart(
    pvmd: Pvmd, request: Request, body: RestartOrder
) -> Coroutine[None, None, RestartReply]:
    """Start it again."""
    only(Registry.of(pvmd).sched, request)
    return restarting.dm_restart(pvmd, request, body)


async def save_all(pvmd: Pvmd) -> None:
    """Write all jobs of the machine to the usual directory, and end them. The log tells what fails.

    This is the master's daemon.
    """
    listed = await _members(pvmd)
    for job in sorted(set(listed.values())):
        one = next(tid for tid, of in listed.items() if of == job)
        order = CheckpointOrder(pvmd.settings.ckpt_dir, _WHOLE, 0, 0, [one])
        reply = await saving.dm_checkpoint(pvmd, None, order)
        if reply.code < 0:
            pvmd.log(f"job t{job:x} is not kept: {reply.text or reply.code}")


async def _members(pvmd: Pvmd) -> dict[int, int]:
    """The job of each task; nothing if that cannot be found out."""
    try:
        listed = await checkpointing.members(pvmd)
    except (NotMovedError, HostFailed) as error:
        pvmd.log(f"no job is kept: {error}")
        return {}
    return {one.tid: one.job for _, found in listed for one in found.members}
