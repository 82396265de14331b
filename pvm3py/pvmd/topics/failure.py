# SPDX-License-Identifier: MIT
"""The loss of a host; deleting hosts; the end of the whole machine.

A host is lost when its daemon says that it leaves, when it has been silent for too long, or when
the master tells of it. Then every daemon of the machine does the steps of HOST_LOST in their order
(occasions.py), takes the host out of its table and closes the link.

A slave that has lost the master ends its tasks and itself.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine

from pvm3py.places import birth_host
from pvm3py.wire import constants as c
from pvm3py.wire.daemon import RestBody
from pvm3py.wire.hosts import TableDelete
from pvm3py.wire.moves import Evacuate, MoveWord
from pvm3py.wire.record import Record
from pvm3py.wire.task import Codes, Empty, HostNames, Status

from ..core import Pvmd
from ..dispatch import Request, handles
from ..io.switch import HOST_CLOSED, HOST_LEFT
from ..occasions import HOST_LOST, Step, on
from ..state.errors import HostFailed, Refused
from ..state.events import HostEvent
from ..state.hosts import HOSTS_MAX, Host
from . import placing

# Behind the name of a host that is to be deleted: its tasks are moved away before. Programs do not
# expect that, as they may delete a host to end its tasks.
_MOVE_AWAY = " -m"
# Seconds that a host has to say whether any of its tasks can be moved.
_EVACUATE_SECONDS = 5.0
# Seconds that the host has to pass on the answer to a task that has left it, and has it deleted.
_ANSWER_SECONDS = 2.0


def host_event(pvmd: Pvmd, event: HostEvent) -> None:
    """The link to a host has ended."""
    tid = birth_host(event.tid)
    hosts = pvmd.hosts
    if tid == hosts.master:
        _master_lost(pvmd, event)
    elif hosts.get(tid) is not None:
        host_failed(pvmd, tid, event.text)
    else:
        hosts.pending.pop(tid, None)
        pvmd.switch.forget_host(c.TIDPVMD | tid)


def _master_lost(pvmd: Pvmd, event: HostEvent) -> None:
    """Without a master there is no machine."""
    halted = event.reason in (HOST_LEFT, HOST_CLOSED)
    why = "the master has halted or deleted this host" if halted else f"master lost: {event.text}"
    pvmd.log(f"{why}; ending all tasks and this daemon")
    pvmd.stop(0 if halted else 1)


def host_failed(pvmd: Pvmd, tid: int, why: str, *, closing: bool = False) -> None:
    """A host is out of the machine; tid is the host's, and it is in the table.

    closing: its link ends by itself, because this daemon is just closing it.
    """
    hosts = pvmd.hosts
    host = hosts.get(tid)
    assert host is not None and host is not hosts.own
    pvmd.log(f"host {host.name} ({host.address}) is gone: {why}")
    HOST_LOST.tell(pvmd, tid)
    hosts.remove(tid)
    if not closing:
        pvmd.switch.forget_host(c.TIDPVMD | tid)


@on(HOST_LOST, Step.ANSWERS)
def fail_requests(pvmd: Pvmd, host: int) -> None:
    """Requests to the host fail, and what is being done for it ends."""
    pvmd.peers.host_lost(host)


@on(HOST_LOST, Step.PEERS)
def tell_others(pvmd: Pvmd, host: int) -> None:
    """The master tells the daemons that are left."""
    if not pvmd.hosts.is_master:
        return
    news = TableDelete(pvmd.hosts.serial, [host]).encode()
    for other in pvmd.hosts.others():
        if other.tid != host:
            pvmd.peers.send(other.tid, c.DM_HTDEL, news)


# ---- deleting hosts ------------------------------------------------------------------------


def _delete(
    pvmd: Pvmd, names: list[str], asker: Host | None = None
) -> Codes | Coroutine[None, None, Codes]:
    """Delete hosts: the master's part. One code for each name. asker: the other host that asks."""
    if not 1 <= len(names) <= HOSTS_MAX:
        raise Refused(c.PvmBadParam, f"{len(names)} hosts")
    hosts = pvmd.hosts
    bare = [name.removesuffix(_MOVE_AWAY) for name in names]
    chosen = [hosts.named(name) for name in bare]
    codes = []
    for position, host in enumerate(chosen):
        if host is None:
            codes.append(c.PvmNoHost)
        elif bare[position] in bare[:position]:
            codes.append(c.PvmDupHost)
        elif host is hosts.own:
            codes.append(c.PvmBadParam)
        else:
            codes.append(c.PvmOk)
    going = [host for host, code in zip(chosen, codes, strict=True) if host and code == c.PvmOk]
    moved = {host.tid for host, name in zip(chosen, names, strict=True) if host and " " in name}
    full = [host for host in going if host.tid in moved and placing.can_move(pvmd, host.tid)]
    goals = [host for host in hosts.hosts if host not in going and placing.can_move(pvmd, host.tid)]
    if full and goals:
        return _delete_empty(pvmd, full, going, asker, codes)
    _take_out_soon(pvmd, going)
    return Codes(codes)


async def _delete_empty(
    pvmd: Pvmd, full: list[Host], going: list[Host], asker: Host | None, codes: list[int]
) -> Codes:
    """Delete hosts when tasks that can move have left those that are full."""
    order = Evacuate([host.tid for host in going])
    await asyncio.gather(*(_evacuate(pvmd, host, order) for host in full))
    _take_out_soon(pvmd, [host for host in going if host is not asker])
    if asker in going:
        pvmd.background(_take_out_asker(pvmd, asker))
    return Codes(codes)


async def _take_out_asker(pvmd: Pvmd, host: Host) -> None:
    """Take out a host that has asked for it, for a task that may have left: that is answered."""
    with contextlib.suppress(HostFailed, Refused, TimeoutError):
        async with asyncio.timeout(_ANSWER_SECONDS):
            await pvmd.peers.request(host.tid, c.DM_MOVE_WAITS, MoveWord(0, 0), Status)
    take_out(pvmd, host.tid, "deleted")


async def _evacuate(pvmd: Pvmd, host: Host, order: Evacuate) -> None:
    """Have a host move its tasks away, unless it does not say soon whether it has any to move."""
    with contextlib.suppress(HostFailed, Refused, TimeoutError):
        async with asyncio.timeout(_EVACUATE_SECONDS):
            count = (await pvmd.peers.request(host.tid, c.DM_EVACUATE, order, Status)).code
        if count > 0:
            pvmd.log(f"{count} tasks leave {host.name} before it is deleted")
            await pvmd.peers.request(host.tid, c.DM_EVACUATED, b"", Status)


def _take_out_soon(pvmd: Pvmd, hosts: list[Host]) -> None:
    """Take hosts out when who has asked for that has been answered."""
    for host in hosts:
        if pvmd.hosts.get(host.tid) is host:
            pvmd.loop.call_soon(take_out, pvmd, host.tid, "deleted")


def take_out(pvmd: Pvmd, tid: int, why: str) -> None:
    """Take another host out and tell it; its answer, if it asked itself, goes before."""
    if pvmd.hosts.get(tid) is not None:
        pvmd.switch.close_host(c.TIDPVMD | tid)
        host_failed(pvmd, tid, why, closing=True)


@handles(c.TM_DELHOST, HostNames, kept=True)
def delete_hosts(
    pvmd: Pvmd, _request: Request, body: HostNames
) -> Record | Coroutine[None, None, Record]:
    """Delete hosts for a task."""
    if pvmd.hosts.is_master:
        return _delete(pvmd, body.names)
    own = pvmd.hosts.own.name
    names = [own + name[1:] if name in (".", "." + _MOVE_AWAY) else name for name in body.names]
    relayed = HostNames(names)
    return pvmd.peers.request(pvmd.hosts.master, c.DM_DELHOST, relayed, RestBody)


@handles(c.DM_DELHOST, HostNames, hosts=True, reply_tag=c.DM_DELHOSTACK)
def delete_hosts_here(
    pvmd: Pvmd, request: Request, body: HostNames
) -> Codes | Coroutine[None, None, Codes]:
    """Delete hosts for a task of another host."""
    return _delete(pvmd, body.names, request.host)


# ---- halt ----------------------------------------------------------------------------------


@handles(c.TM_HALT, reply=False)
def halt(pvmd: Pvmd, request: Request, _body: Empty) -> None:
    """End the virtual machine."""
    pvmd.log(f"t{request.src:x} halts the machine")
    if pvmd.hosts.is_master:
        pvmd.stop(0)
    else:
        pvmd.peers.send(pvmd.hosts.master, c.DM_HALT, b"")


@handles(c.DM_HALT, hosts=True, reply=False)
def halt_here(pvmd: Pvmd, request: Request, _body: Empty) -> None:
    """A task of another host ends the virtual machine."""
    assert request.host is not None
    if pvmd.hosts.is_master:
        pvmd.log(f"halt from {request.host.name}")
        pvmd.stop(0)
    else:
        pvmd.log(f"halt from {request.host.name} ignored: this is not the master")
