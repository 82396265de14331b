# SPDX-License-Identifier: MIT
"""Checkpoints of tasks of all hosts: the part of the master's daemon, which leads.

In this order: which tasks are there; may they be stopped; they stop, all of them; what is under way
between them has come to where it is held, and is noted; they go on; their images are on the disk;
the manifest is. Whatever fails, they go on.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from pvm3py.wire import constants as c
from pvm3py.wire.checkpoints import (
    CheckpointOrder,
    Cut,
    CutOrder,
    FreezeOrder,
    Members,
    ThawReply,
)
from pvm3py.wire.moves import MoveReply
from pvm3py.wire.record import Record
from pvm3py.wire.task import Empty

from ..core import Pvmd, Table
from ..io import vault
from ..state.errors import HostFailed, Refused
from ..state.hosts import Host
from ..state.moves import NotMovedError, never, not_now
from ..state.plain import Plain
from . import cutting, migration, placing

Reply = TypeVar("Reply", bound=Record)

# Form of the manifest.
FORMAT = 1


class Last(Plain):
    """The last checkpoint of a job, on which the next one may build."""

    slot: vault.Slot
    stamp: int
    images: dict[int, vault.Image]


class Checkpoints(Table):
    """What is being written, and what was written last, by the roots of the jobs."""

    def __init__(self) -> None:
        self.going: set[int] = set()
        self.last: dict[int, Last] = {}


class Plan(Plain):
    """A checkpoint that is to be: of these tasks; hosts: those that have some; machine: traits."""

    root: int
    tids: list[int]
    hosts: list[Host]
    places: dict[int, Host]
    machine: str
    stamp: int


# ---- all hosts -----------------------------------------------------------------------------


async def everywhere(
    pvmd: Pvmd,
    hosts: list[Host],
    tag: int,
    body: Record,
    reply: type[Reply],
    own: Callable[[], Any],
) -> list[Reply]:
    """The answers of daemons to a request; own: how this one serves it. Raises HostFailed."""
    works: list[Any] = [
        None if host is pvmd.hosts.own else pvmd.peers.request(host.tid, tag, body, reply)
        for host in hosts
    ]
    if None in works:
        works[works.index(None)] = own()
    waits = [pvmd.background(work) for work in works if isinstance(work, Coroutine)]
    if waits:
        await asyncio.wait(waits)
    answers = iter(waits)
    try:
        return [next(answers).result() if isinstance(work, Coroutine) else work for work in works]
    except Refused as refused:
        raise NotMovedError(refused.code, 0, f"{refused}") from refused


def check_replies(replies: list[Any]) -> None:
    """Raises NotMovedError for the first answer that is a refusal."""
    for reply in replies:
        if reply.code < 0:
            raise migration.told(reply.code, reply.reason, reply.text)


async def members(pvmd: Pvmd) -> list[tuple[Host, Members]]:
    """The tasks of all hosts. Raises NotMovedError, HostFailed."""
    hosts = list(pvmd.hosts.hosts)
    for host in hosts:
        if not placing.can_move(pvmd, host.tid):
            raise never(c.WIRE_WHY_OLD_HOST, host.name)
    found = await everywhere(
        pvmd,
        hosts,
        c.DM_CKPT_LIST,
        Empty(),
        Members,
        lambda: cutting.list_members(pvmd, None, Empty()),
    )
    return list(zip(hosts, found, strict=True))


# ---- a checkpoint --------------------------------------------------------------------------


async def write(pvmd: Pvmd, body: CheckpointOrder) -> tuple[int, Plan]:
    """Write a checkpoint: its number, and of what it is. Raises NotMovedError, HostFailed."""
    plan = await _plan(pvmd, body)
    going = Checkpoints.of(pvmd).going
    if plan.root in going:
        raise not_now(c.WIRE_WHY_SLOW, "the last checkpoint is still being written")
    going.add(plan.root)
    try:
        return await _write(pvmd, plan, body), plan
    except vault.VaultError as error:
        raise never(c.WIRE_WHY_DIRECTORY, f"{error}") from error
    finally:
        going.discard(plan.root)


async def _plan(pvmd: Pvmd, body: CheckpointOrder) -> Plan:
    """Which tasks are meant, and where they are. Raises NotMovedError, HostFailed."""
    listed = await members(pvmd)
    jobs = {one.tid: one.job for _, found in listed for one in found.members}
    for tid in body.tids:
        if tid not in jobs:
            raise NotMovedError(c.PvmNoTask, 0, f"t{tid & 0xFFFFFFFF:x}: there is no such task")
    wanted = set(body.tids)
    if body.flags & c.WIRE_CKPT_JOBS:
        meant = {jobs[tid] for tid in body.tids}
        wanted = {tid for tid, job in jobs.items() if job in meant}
    places = {one.tid: host for host, found in listed for one in found.members if one.tid in wanted}
    hosts = [host for host, _ in listed if host in places.values()]
    machines = {found.machine for host, found in listed if host in hosts}
    if len(machines) > 1:
        raise never(c.WIRE_WHY_MACHINE, "tasks of unlike machines have no common checkpoint")
    root = jobs[body.tids[0]] if body.flags & c.WIRE_CKPT_JOBS else body.tids[0]
    stamp = int.from_bytes(os.urandom(4), "big") >> 1
    return Plan(root, sorted(wanted), hosts, places, machines.pop(), stamp)


async def _write(pvmd: Pvmd, plan: Plan, body: CheckpointOrder) -> int:
    directory = body.directory or pvmd.settings.ckpt_dir
    if not directory.startswith("/"):
        raise NotMovedError(c.PvmBadParam, c.WIRE_WHY_DIRECTORY, directory or "none is named")
    slot = vault.begin(directory, plan.root)
    try:
        _check_room(slot)
        last = _last(pvmd, plan, slot)
        base = (last.stamp if last else 0) if body.flags & c.WIRE_CKPT_INCREMENTAL else -1
        cuts, thawed = await _cut(pvmd, plan, slot, base)
        images = _images(plan, last, thawed)
        vault.publish(slot, _manifest(plan, slot, cuts, images))
    except BaseException:
        vault.drop(slot)
        raise
    Checkpoints.of(pvmd).last[plan.root] = Last(slot, plan.stamp, images)
    vault.prune(slot, body.keep or pvmd.settings.ckpt_keep)
    size = sum(image.size for image in images.values())
    pvmd.log(f"checkpoint {slot.path}: {len(plan.tids)} tasks, {size} bytes")
    return slot.number


def _last(pvmd: Pvmd, plan: Plan, slot: vault.Slot) -> Last | None:
    """The checkpoint on which this one may build."""
    last = Checkpoints.of(pvmd).last.get(plan.root)
    if last is None or last.slot.job != slot.job or not os.path.isdir(last.slot.path):
        return None
    return last


def _check_room(slot: vault.Slot) -> None:
    """Raises NotMovedError unless twice what the last checkpoint has is free."""
    last = max(vault.numbers(slot.job), default=0)
    if last:
        needed, free = 2 * vault.size(vault.Slot(slot.job, last)), vault.room(slot)
        if free < needed:
            raise not_now(c.WIRE_WHY_ROOM, f"{free} bytes are free, {needed} are wanted")


async def _cut(
    pvmd: Pvmd, plan: Plan, slot: vault.Slot, base: int
) -> tuple[list[Cut], list[ThawReply]]:
    """Stop the tasks, note what is under way, have them go on: what is noted, and their images."""
    own = pvmd.hosts.own.tid
    order = FreezeOrder(plan.stamp, 1, slot.part, plan.tids, base)
    word = CutOrder(plan.stamp)

    async def freeze() -> None:
        check_replies(
            await everywhere(
                pvmd,
                plan.hosts,
                c.DM_CKPT_FREEZE,
                order,
                MoveReply,
                lambda: cutting.freeze(pvmd, own, order),
            )
        )

    async def thaw() -> list[ThawReply]:
        return await everywhere(
            pvmd,
            plan.hosts,
            c.DM_CKPT_THAW,
            word,
            ThawReply,
            lambda: cutting.thaw(pvmd, None, word),
        )

    await freeze()
    order.only_asked = 0
    try:
        begun = time.monotonic()
        await freeze()
        cuts = await everywhere(
            pvmd,
            plan.hosts,
            c.DM_CKPT_CUT,
            word,
            Cut,
            lambda: cutting.cut(pvmd, None, word),
        )
        check_replies(cuts)
    except BaseException:
        with contextlib.suppress(NotMovedError, HostFailed):
            await thaw()
        raise
    pvmd.log(f"checkpoint {slot.path}: stopped for {1000 * (time.monotonic() - begun):.1f} ms")
    thawed = await thaw()
    check_replies(thawed)
    return cuts, thawed


def _images(plan: Plan, last: Last | None, thawed: list[ThawReply]) -> dict[int, vault.Image]:
    """The images that were written. Raises NotMovedError: not of all."""
    images = {}
    for one in (one for reply in thawed for one in reply.images):
        bases = []
        if one.base and last is not None and one.base == last.stamp:
            before = last.images[one.tid]
            bases = [*before.bases, (last.slot.number, before.size)]
        elif one.base:
            raise not_now(c.WIRE_WHY_WRITING, f"t{one.tid:x}: it builds on another checkpoint")
        images[one.tid] = vault.Image(one.high << 31 | one.low, bases)
    if set(images) != set(plan.tids):
        raise not_now(c.WIRE_WHY_WRITING, "a task has ended")
    return images


def _manifest(
    plan: Plan, slot: vault.Slot, cuts: list[Cut], images: dict[int, vault.Image]
) -> dict[str, Any]:
    """What restarting.py reads."""
    return {
        "format": FORMAT,
        "job": f"t{plan.root:x}",
        "number": slot.number,
        "stamp": plan.stamp,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": plan.machine,
        "tasks": [
            {
                "tid": f"t{state.go.tid:x}",
                "parent": f"t{state.go.task.ptid:x}",
                "name": state.go.task.name,
                "place": plan.places[state.go.tid].name,
                "image": f"t{state.go.tid:x}.img",
                "bytes": images[state.go.tid].size,
                "bases": images[state.go.tid].bases,
                "state": base64.b64encode(state.encode()).decode(),
            }
            for cut in cuts
            for state in cut.states
        ],
        "queues": [cut.queue for cut in cuts if cut.queue],
    }
