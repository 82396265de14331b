# SPDX-License-Identifier: MIT
"""Who asks for a move of a task, and whether it can be moved: the daemon of its host does it."""

from __future__ import annotations

from collections.abc import Coroutine

from pvm3py.wire import constants as c
from pvm3py.wire.moves import CanMoveReply, MoveOrder, MoveQuestion, MoveReply, Reserve

from ..core import Pvmd
from ..dispatch import Request, handles, only
from ..state.errors import HostFailed
from ..state.hosts import Host
from ..state.moves import NotMovedError, never
from ..state.task import is_task
from . import managing, migration, movable, placing
from .roles import Registry


@handles(c.TM_MIGRATE, MoveOrder)
async def migrate(pvmd: Pvmd, request: Request, body: MoveOrder) -> MoveReply:
    """Have the resource manager move a task of any host; if there is none that does, move it."""
    answer = await managing.ask(pvmd, request.src, body)
    return answer or await _migrate(pvmd, body)


async def _migrate(pvmd: Pvmd, body: MoveOrder) -> MoveReply:
    """Move a task of any host, and answer when it runs there."""
    try:
        if (host := _keeper(pvmd, body.tid)) is not None:
            name = pvmd.hosts.own.name if body.host == "." else body.host
            order = MoveOrder(body.tid, name, body.flags)
            return await pvmd.peers.request(host.tid, c.DM_MIGRATE, order, MoveReply)
        task = await movable.enrolled(pvmd, body.tid)
        host = movable.goal(pvmd, body.host)
        if host is not pvmd.hosts.own:
            await migration.move(pvmd, task, host, live=bool(body.flags & c.WIRE_MIGRATE_LIVE))
        return MoveReply(0)
    except NotMovedError as error:
        return MoveReply(error.code, error.reason, f"{error}")
    except HostFailed as error:
        return MoveReply(c.PvmHostFail, c.WIRE_WHY_LOST, f"{error}")


@handles(c.DM_MIGRATE, MoveOrder, hosts=True, reply_tag=c.DM_MIGRATEACK)
def dm_migrate(pvmd: Pvmd, _request: Request, body: MoveOrder) -> Coroutine[None, None, MoveReply]:
    """The same, asked for by a task of another host; a resource manager does not want to know."""
    return _migrate(pvmd, body)


@handles(c.SM_MIGRATE, MoveOrder, reply_tag=c.SM_MIGRATEACK, system=True)
def sm_migrate(pvmd: Pvmd, request: Request, body: MoveOrder) -> Coroutine[None, None, MoveReply]:
    """The same, for the resource manager."""
    only(Registry.of(pvmd).sched, request)
    return _migrate(pvmd, body)


@handles(c.TM_CANMIGRATE, MoveQuestion)
async def can_migrate(pvmd: Pvmd, _request: Request, body: MoveQuestion) -> CanMoveReply:
    """Whether a task of any host could be moved; nothing is done to it."""
    try:
        if (host := _keeper(pvmd, body.tid)) is not None:
            name = pvmd.hosts.own.name if body.host == "." else body.host
            question = MoveQuestion(body.tid, name)
            return await pvmd.peers.request(host.tid, c.DM_CANMIGRATE, question, CanMoveReply)
        task = await movable.enrolled(pvmd, body.tid)
        host = movable.goal(pvmd, body.host)
        movable.check(pvmd, task)
        movable.check_goal(pvmd, host)
        if host is not pvmd.hosts.own:
            await migration.reserve(pvmd, host, Reserve(task.tid, 0, 1, 0, migration.traits(pvmd)))
        size = movable.size(task)
        return CanMoveReply(0, 0, "", size >> 31 & 0x7FFFFFFF, size & 0x7FFFFFFF)
    except NotMovedError as error:
        return CanMoveReply(error.code, error.reason, f"{error}")
    except HostFailed as error:
        return CanMoveReply(c.PvmHostFail, c.WIRE_WHY_LOST, f"{error}")


@handles(c.DM_CANMIGRATE, MoveQuestion, hosts=True, reply_tag=c.DM_CANMIGRATEACK)
def dm_can_migrate(
    pvmd: Pvmd, request: Request, body: MoveQuestion
) -> Coroutine[None, None, CanMoveReply]:
    """The same, asked for by a task of another host."""
    return can_migrate(pvmd, request, body)


def _keeper(pvmd: Pvmd, tid: int) -> Host | None:
    """The other host whose daemon moves a task; None: this one does. Raises NotMovedError."""
    if not is_task(tid):
        raise NotMovedError(c.PvmBadParam, 0, "that is no task")
    if tid in pvmd.tasks.coming:
        raise NotMovedError(c.PvmAlready, 0, "it is being moved")
    if pvmd.owns(tid):
        return None
    host = pvmd.hosts.get(tid)
    if host is None:
        raise NotMovedError(c.PvmNoTask, 0, "there is no such task")
    if not placing.can_move(pvmd, host.tid):
        raise never(c.WIRE_WHY_OLD_HOST)
    return host
