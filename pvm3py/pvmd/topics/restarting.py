# SPDX-License-Identifier: MIT
"""Tasks are started from a checkpoint: the part of the master's daemon, which leads.

Images have tids in them, and so have the messages of programs: the tasks keep theirs, whatever the
hosts are. First all daemons prepare for them; when all tasks can run, they do.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
from collections.abc import Coroutine
from typing import Any

from pvm3py.wire import constants as c
from pvm3py.wire.checkpoints import (
    AwaitOrder,
    RestartGo,
    RestartOrder,
    RestartReply,
    Seat,
    TaskState,
)
from pvm3py.wire.codec import WireError
from pvm3py.wire.moves import MoveReply

from ..core import Pvmd
from ..dispatch import Request, handles
from ..io import vault
from ..state.errors import HostFailed
from ..state.hosts import Host
from ..state.moves import NotMovedError, never
from ..state.plain import Plain
from . import reviving
from .checkpointing import FORMAT, check_replies, everywhere, members

# What a manifest raises that is not as it was written.
_DAMAGED = (
    *(ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError),
    WireError,
)


class Saved(Plain):
    """A checkpoint as its manifest has it. places: names of the hosts where the tasks were."""

    path: str
    number: int
    stamp: int
    machine: str
    root: int
    states: list[TaskState]
    images: dict[int, str]
    places: dict[int, str]
    queues: list[str]


# ---- requests ------------------------------------------------------------------------------


@handles(c.TM_RESTART, RestartOrder)
def restart(
    pvmd: Pvmd, _request: Request, body: RestartOrder
) -> Coroutine[None, None, RestartReply]:
    """Start tasks from a checkpoint, and answer when they run."""
    return _asked(pvmd, body)


@handles(c.DM_RESTART, RestartOrder, hosts=True, reply_tag=c.DM_RESTARTACK)
def dm_restart(
    pvmd: Pvmd, _request: Request, body: RestartOrder
) -> Coroutine[None, None, RestartReply]:
    """The same, for a task of another host."""
    return _asked(pvmd, body)


async def _asked(pvmd: Pvmd, body: RestartOrder) -> RestartReply:
    try:
        if not pvmd.hosts.is_master:
            return await pvmd.peers.request(pvmd.hosts.master, c.DM_RESTART, body, RestartReply)
        tids = await start(pvmd, read(body.directory or pvmd.settings.ckpt_dir, body.number), body)
        return RestartReply(len(tids), 0, "", tids)
    except NotMovedError as error:
        return RestartReply(error.code, error.reason, f"{error}", [])
    except vault.VaultError as error:
        why = never(c.WIRE_WHY_CHECKPOINT, f"{error}")
        return RestartReply(why.code, why.reason, f"{why}", [])
    except HostFailed as error:
        return RestartReply(c.PvmHostFail, c.WIRE_WHY_LOST, f"{error}", [])


# ---- the manifest --------------------------------------------------------------------------


def read(directory: str, number: int) -> Saved:
    """A checkpoint, 0: the last one. Raises VaultError: there is none, or it is damaged."""
    slot = vault.find(directory, number)
    path = os.path.join(slot.path, vault.MANIFEST)
    try:
        words = json.loads(vault.read_file(path))
        if words["format"] != FORMAT:
            raise vault.VaultError(f"{path}: is of format {words['format']}, not {FORMAT}")
        return _saved(slot, words)
    except _DAMAGED as error:
        raise vault.VaultError(f"{path}: is damaged: {error}") from error


def tids(directory: str, number: int) -> list[int]:
    """The tids of the tasks of a checkpoint. Raises VaultError."""
    return [state.go.tid for state in read(directory, number).states]


def _saved(slot: vault.Slot, words: dict[str, Any]) -> Saved:
    """What a manifest says. Raises what it can raise if it is damaged; VaultError."""
    states, images, places = [], {}, {}
    for task in words["tasks"]:
        tid = _tid(task["tid"])
        state = TaskState.decode(base64.b64decode(task["state"], validate=True))
        if state.go.tid != tid:
            raise vault.VaultError(f"{slot.path}: what it says of t{tid:x} is damaged")
        images[tid], places[tid] = _name(task["image"]), str(task["place"])
        _check_size(os.path.join(slot.path, images[tid]), int(task["bytes"]))
        states.append(state)
    queues = [_name(name) for name in words["queues"]]
    stamp, machine, root = int(words["stamp"]), str(words["machine"]), _tid(words["job"])
    return Saved(slot.path, slot.number, stamp, machine, root, states, images, places, queues)


def _tid(word: str) -> int:
    return int(word.removeprefix("t"), 16)


def _name(word: str) -> str:
    """A name of a file in the same directory. ValueError: it is none."""
    if not word or "/" in word or word.startswith("."):
        raise ValueError(f"{word!r} is no name of a file")
    return word


def _check_size(path: str, expected: int) -> None:
    fd = vault.open_safe(path)
    size = os.fstat(fd).st_size
    os.close(fd)
    if size != expected:
        raise vault.VaultError(f"{path}: has {size} bytes, not {expected}: it is cut off")


# ---- a restart -----------------------------------------------------------------------------


async def start(pvmd: Pvmd, saved: Saved, body: RestartOrder) -> list[int]:
    """Start the tasks of a checkpoint: their tids. Raises NotMovedError, HostFailed.

    The output of the tasks goes where the order says, or, if its tid is negative, where it went.
    """
    listed = await members(pvmd)
    tids = [state.go.tid for state in saved.states]
    alive = {one.tid for _, found in listed for one in found.members} & set(tids)
    if alive:
        raise NotMovedError(
            c.PvmAlready, c.WIRE_WHY_ALIVE, ", ".join(f"t{tid:x}" for tid in sorted(alive))
        )
    hosts = _hosts(pvmd, body.hosts)
    seats = _seats(saved, hosts)
    epoch = pvmd.hosts.places.next_epoch()
    order = AwaitOrder(epoch, saved.stamp, saved.path, saved.machine, seats, saved.queues)
    _redirect(pvmd, saved, body)
    go = RestartGo(epoch, 1, saved.number, tids, saved.states)
    try:
        await _prepare(pvmd, order)
    except (NotMovedError, HostFailed):
        go.go = 0
        with contextlib.suppress(NotMovedError, HostFailed):
            await _tell(pvmd, go)
        raise
    check_replies(await _tell(pvmd, go))
    pvmd.log(f"checkpoint {saved.path}: {len(tids)} tasks run again")
    return tids


async def _prepare(pvmd: Pvmd, order: AwaitOrder) -> None:
    own = pvmd.hosts.own.tid
    check_replies(
        await everywhere(
            pvmd,
            list(pvmd.hosts.hosts),
            c.DM_RESTART_AWAIT,
            order,
            MoveReply,
            lambda: reviving.prepare(pvmd, own, order),
        )
    )


async def _tell(pvmd: Pvmd, go: RestartGo) -> list[MoveReply]:
    return await everywhere(
        pvmd,
        list(pvmd.hosts.hosts),
        c.DM_RESTART_GO,
        go,
        MoveReply,
        lambda: reviving.go(pvmd, None, go),
    )


def _hosts(pvmd: Pvmd, names: list[str]) -> list[Host]:
    """The hosts of these names; none: all. Raises NotMovedError."""
    found = []
    for name in names:
        host = pvmd.hosts.named(name)
        if host is None:
            raise NotMovedError(c.PvmNoHost, 0, f"no host {name}")
        found.append(host)
    return found or list(pvmd.hosts.hosts)


def _seats(saved: Saved, hosts: list[Host]) -> list[Seat]:
    """Where each task is to be: where it was, if that host is meant, else where there are least."""
    load = {host.tid: 0 for host in hosts}
    named = {host.name: host.tid for host in hosts}
    seats = []
    stay = {state.go.tid: named.get(saved.places[state.go.tid]) for state in saved.states}
    for state in sorted(saved.states, key=lambda state: stay[state.go.tid] is None):
        tid = state.go.tid
        host = stay[tid] or min(load, key=lambda host: (load[host], host))
        load[host] += 1
        seats.append(Seat(tid, host, saved.images[tid], state.piped))
    return seats


def _redirect(pvmd: Pvmd, saved: Saved, body: RestartOrder) -> None:
    """What the tasks have to do with others, which may not be there, or be others by now."""
    tids = {state.go.tid for state in saved.states}
    for state in saved.states:
        record = state.go.task
        if record.ptid > 0 and record.ptid not in tids:
            record.ptid = c.PvmParentNotSet
        if record.out[0] not in tids and body.outtid >= 0:
            record.out = [body.outtid, body.outctx, body.outtag]
        if record.trc[0] not in tids:
            record.trc, record.begun = [0, 0, 0], []
        record.sched = 0
        state.go.managers = []
