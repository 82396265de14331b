# SPDX-License-Identifier: MIT
"""Checkpoints of tasks of all hosts: the part of the master's daemon, which leads.

In this order: which tasks are there; may they be stopped; they stop, all of them; what is under way
between them has come to where it is held, and is noted; they go on; their images are on the disk;
the manifest is. Whatever fails, they go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time

from pvm3py.vault import manifest, store
from pvm3py.wire import constants as c
from pvm3py.wire.checkpoints import (
    CheckpointOrder,
    Cut,
    CutOrder,
    EndOrder,
    Estate,
    FreezeOrder,
    KeptFile,
    Members,
    TaskState,
    ThawReply,
)
from pvm3py.wire.moves import MoveReply
from pvm3py.wire.task import Empty, Status

from ..core import Pvmd, Table
from ..io.aside import aside
from ..state.errors import HostFailed
from ..state.hosts import Host
from ..state.moves import NotMovedError, never, not_now
from ..state.plain import Plain
from . import cutting, estates, placing
from .everywhere import check_replies, everywhere


class Last(Plain):
    """The last checkpoint of a job, on which the next one may build.

    images: of each task its image, behind those on which that builds.
    """

    slot: store.Slot
    stamp: int
    images: dict[int, list[manifest.Base]]


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
    except store.VaultError as error:
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
    slot = await _begin(pvmd, directory, plan.root)
    try:
        last = _last(pvmd, plan, slot)
        saved = await _cut(pvmd, plan, slot, body.flags, last)
        text = manifest.encode(saved, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
        size = sum(file.size for file in saved.files)
        keep = body.keep or pvmd.settings.ckpt_keep
        await aside(pvmd.settings.disk_seconds(), _finish, slot, text, keep)
    except asyncio.CancelledError:
        pvmd.background(_give_up(pvmd, plan, slot, body.flags))
        raise
    except (NotMovedError, HostFailed, store.VaultError):
        await _give_up(pvmd, plan, slot, body.flags)
        raise
    await _end(pvmd, plan, body.flags, end=True)
    Checkpoints.of(pvmd).last[plan.root] = _last_now(saved)
    pvmd.log(f"checkpoint {slot.path}: {len(plan.tids)} tasks, {size} bytes")
    return slot.number


def _last(pvmd: Pvmd, plan: Plan, slot: store.Slot) -> Last | None:
    """The checkpoint on which this one may build."""
    last = Checkpoints.of(pvmd).last.get(plan.root)
    if last is None or (last.slot.job, last.slot.number) != (slot.job, slot.number - 1):
        return None
    return last


def _last_now(saved: manifest.Saved) -> Last:
    """This checkpoint as the next one will see it."""
    number = saved.slot.number
    images = {
        tid: [*saved.bases[tid], manifest.Base(number, file)] for tid, file in saved.images.items()
    }
    return Last(saved.slot, saved.stamp, images)


def _bases(last: Last | None, file: KeptFile) -> list[manifest.Base]:
    """What an image builds on, the oldest first. Raises NotMovedError: nobody knows."""
    if not file.base:
        return []
    if last is None or file.base != last.stamp or file.tid not in last.images:
        raise not_now(c.WIRE_WHY_WRITING, f"t{file.tid:x}: its image builds on an unknown one")
    return last.images[file.tid]


async def _begin(pvmd: Pvmd, directory: str, root: int) -> store.Slot:
    """The directory of a new checkpoint. Raises NotMovedError, VaultError."""
    job, number, needed, free = await aside(
        pvmd.settings.disk_seconds(), _make_slot, directory, root
    )
    if free < needed:
        raise not_now(c.WIRE_WHY_ROOM, f"{free} bytes are free, {needed} are wanted")
    return store.Slot(job, number)


def _make_slot(directory: str, root: int) -> tuple[str, int, int, int]:
    """Make it: that of the job, number, bytes that must be free, those that are.

    That is twice what the last checkpoint has. If they are not, nothing is left of it.
    Raises VaultError, OSError.
    """
    slot = store.begin(directory, root)
    last = max(store.numbers(slot.job), default=0)
    needed = 2 * _whole_size(store.Slot(slot.job, last)) if last else 0
    free = store.room(slot)
    if free < needed:
        store.drop(slot)
    return slot.job, slot.number, needed, free


def _whole_size(slot: store.Slot) -> int:
    """Bytes of a checkpoint, and of those on which it builds."""
    numbers = (slot.number, *manifest.needed(slot))
    return sum(store.size(store.Slot(slot.job, number)) for number in numbers)


def _finish(slot: store.Slot, text: bytes, keep: int) -> None:
    """The checkpoint is whole from now on; older ones go. Raises VaultError."""
    store.publish(slot, text)
    store.prune(slot, keep, manifest.needed)


async def _give_up(pvmd: Pvmd, plan: Plan, slot: store.Slot, flags: int) -> None:
    """Nothing comes of a checkpoint: its tasks go on, its files go, now or with the next."""
    await _end(pvmd, plan, flags, end=False)
    with contextlib.suppress(store.VaultError):
        await aside(pvmd.settings.disk_seconds(), store.drop, slot)


async def _end(pvmd: Pvmd, plan: Plan, flags: int, *, end: bool) -> None:
    """If that was wanted, end the tasks; or have them go on, as it has failed."""
    order = EndOrder(plan.stamp, int(end))
    if flags & c.WIRE_CKPT_END:
        with contextlib.suppress(NotMovedError, HostFailed):
            await everywhere(
                pvmd,
                plan.hosts,
                c.DM_CKPT_END,
                order,
                Status,
                lambda: cutting.end_tasks(pvmd, None, order),
            )


async def _cut(
    pvmd: Pvmd, plan: Plan, slot: store.Slot, flags: int, last: Last | None
) -> manifest.Saved:
    """Stop the tasks, note what is under way, have them go on: what the manifest is to say."""
    own = pvmd.hosts.own.tid
    base = (last.stamp if last else 0) if flags & c.WIRE_CKPT_INCREMENTAL else -1
    order = FreezeOrder(plan.stamp, 1, slot.part, plan.tids, flags, base)
    word = CutOrder(plan.stamp, 0)

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
        estate = await estates.gather(pvmd, plan.stamp, plan.tids)
        word.server = estate.server
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
        if not flags & c.WIRE_CKPT_END:
            with contextlib.suppress(NotMovedError, HostFailed):
                await thaw()
        raise
    pvmd.log(f"checkpoint {slot.path}: stopped for {1000 * (time.monotonic() - begun):.1f} ms")
    thawed = await thaw()
    check_replies(thawed)
    states = [state for cut in cuts for state in cut.states]
    return _saved(plan, slot, last, states, estate, thawed)


def _saved(
    plan: Plan,
    slot: store.Slot,
    last: Last | None,
    states: list[TaskState],
    estate: Estate,
    thawed: list[ThawReply],
) -> manifest.Saved:
    """What the manifest is to say. Raises NotMovedError: there is no image of a task."""
    files = [file for reply in thawed for file in reply.files]
    kept = [(file.tid, manifest.File(file.name, file.size, file.hash)) for file in files]
    images = {tid: file for tid, file in kept if tid}
    if set(images) != set(plan.tids):
        raise not_now(c.WIRE_WHY_WRITING, "a task has ended")
    return manifest.Saved(
        slot,
        plan.stamp,
        plan.machine,
        plan.root,
        states,
        images,
        {file.tid: _bases(last, file) for file in files if file.tid},
        {tid: host.name for tid, host in plan.places.items()},
        [file for tid, file in kept if not tid],
        estate,
        [one for reply in thawed for one in reply.appended],
    )
