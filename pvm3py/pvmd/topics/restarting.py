# SPDX-License-Identifier: MIT
"""Tasks are started from a checkpoint: the part of the master's daemon, which leads.

Images have tids in them, and so have the messages of programs: the tasks keep theirs, whatever the
hosts are. First all daemons prepare for them; when all tasks can run, they do.
"""

from __future__ import annotations

import contextlib
from collections.abc import Coroutine

from pvm3py.vault import manifest
from pvm3py.vault.manifest import File, Saved
from pvm3py.vault.store import Slot, VaultError
from pvm3py.wire import constants as c
from pvm3py.wire.checkpoints import (
    Appended,
    AwaitOrder,
    Base,
    KeptFile,
    RestartGo,
    RestartOrder,
    RestartReply,
    Seat,
)
from pvm3py.wire.moves import MoveReply

from ..core import Pvmd
from ..dispatch import Request, handles
from ..io.aside import aside
from ..state.errors import HostFailed
from ..state.hosts import Host
from ..state.moves import NotMovedError, never
from . import estates, reviving
from .checkpointing import members
from .everywhere import check_replies, everywhere

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
        saved = await read(pvmd, body.directory or pvmd.settings.ckpt_dir, body.number)
        tids = await start(pvmd, saved, body)
        return RestartReply(len(tids), 0, "", tids)
    except NotMovedError as error:
        return RestartReply(error.code, error.reason, f"{error}", [])
    except VaultError as error:
        why = never(c.WIRE_WHY_CHECKPOINT, f"{error}")
        return RestartReply(why.code, why.reason, f"{why}", [])
    except HostFailed as error:
        return RestartReply(c.PvmHostFail, c.WIRE_WHY_LOST, f"{error}", [])


# ---- the checkpoint ------------------------------------------------------------------------


async def read(pvmd: Pvmd, directory: str, number: int) -> Saved:
    """A checkpoint, 0: the last one. Raises VaultError: there is none, or it is damaged."""
    job, found, text = await aside(pvmd.settings.disk_seconds(), _load, directory, number)
    return manifest.decode(Slot(job, found), text)


def tids(directory: str, number: int) -> list[int]:
    """The tids of the tasks of a checkpoint; the disk is waited for. Raises VaultError."""
    return [state.go.tid for state in manifest.decode(*manifest.load(directory, number)).states]


def _load(directory: str, number: int) -> tuple[str, int, bytes]:
    slot, text = manifest.load(directory, number)
    return slot.job, slot.number, text


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
    queues = [_kept(0, queue) for queue in saved.queues]
    order = AwaitOrder(epoch, saved.stamp, saved.slot.path, saved.machine, seats, queues)
    _redirect(pvmd, saved, body)
    go = RestartGo(epoch, 1, saved.slot.number, 0, tids, saved.states)
    try:
        await _prepare(pvmd, order)
        go.ended = await estates.give_back(pvmd, epoch, saved.estate, _longest(saved.appended))
    except (NotMovedError, HostFailed):
        go.go = 0
        with contextlib.suppress(NotMovedError, HostFailed):
            await _tell(pvmd, go)
        raise
    check_replies(await _tell(pvmd, go))
    pvmd.log(f"checkpoint {saved.slot.path}: {len(tids)} tasks run again")
    return tids


def _longest(appended: list[Appended]) -> list[Appended]:
    """The files with the most bytes that any task has seen, for not all stop at once."""
    most = {one.path: one for one in sorted(appended, key=lambda one: one.size)}
    return [
        Appended(one.tid, one.path, most[one.path].high, most[one.path].low) for one in appended
    ]


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
        bases = [Base(base.number, _kept(tid, base.file)) for base in saved.bases[tid]]
        seats.append(Seat(tid, host, _kept(tid, saved.images[tid]), state.piped, bases))
    return seats


def _kept(tid: int, file: File) -> KeptFile:
    return KeptFile(tid, file.name, file.size >> 31, file.size & 0x7FFFFFFF, file.hash)


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
