# SPDX-License-Identifier: MIT
"""Being a slave: joining the master, and the messages with which it keeps the table."""

from __future__ import annotations

import os
import socket

from pvm3py.places import birth_host, host_tid
from pvm3py.wire import constants as c
from pvm3py.wire.codec import WireError
from pvm3py.wire.hosts import (
    SlaveSettings,
    TableDelete,
    TableEntry,
    TableUpdate,
    TraceTargets,
    UpdateReply,
    parse_address,
)
from pvm3py.wire.task import Empty

from ..core import Pvmd
from ..dispatch import Request, handles
from ..occasions import HOSTS_ADDED, HOSTS_ANNOUNCED
from ..state.config import SlaveStart, expand
from ..state.errors import Refused
from ..state.hooks import parse_owner
from ..state.hosts import HOSTS_MAX, Host
from ..state.task import is_task
from . import failure, network
from .roles import Registry


def join(pvmd: Pvmd, start: SlaveStart, sock: socket.socket) -> None:
    """Be a host of the master's machine; it has some time to send the table."""
    network.attach(pvmd, sock)
    master = Host(
        host_tid(start.master),
        "?",
        "",
        start.master_address,
        0,
        0,
        start.master_port,
        start.master_mtu,
    )
    hosts = pvmd.hosts
    hosts.add(master)
    hosts.master = master.tid
    network.link(pvmd, master)

    patience = pvmd.settings.join_patience

    def expired() -> None:
        own = hosts.own
        pvmd.log(
            f"no host table from the master within {patience:g} s, ending: does a firewall keep "
            f"UDP from {master.address} port {master.port} to {own.address} port {own.port}?"
        )
        pvmd.stop(1)

    hosts.join_timer = pvmd.loop.call_later(patience, expired)
    pvmd.log.note(
        f"waiting at most {patience:g} s for the host table of the master, {master.address} port "
        f"{master.port}"
    )


# ---- the table -----------------------------------------------------------------------------


@handles(c.DM_HTUPD, TableUpdate, hosts=True, reply_tag=c.DM_HTUPDACK, context=True)
def update_table(pvmd: Pvmd, request: Request, body: TableUpdate) -> UpdateReply | None:
    """The master announces hosts: talk to them, but take nothing of them before the commit."""
    hosts = pvmd.hosts
    if not _from_master(pvmd, request):
        return None
    bits = body.bits()
    entries = [_checked(entry, bits.get(entry.index, 0)) for entry in body.hosts]
    if hosts.join_timer is not None:
        hosts.join_timer.cancel()
        hosts.join_timer = None
    hosts.pending_serial = body.serial
    HOSTS_ANNOUNCED.tell(pvmd)
    for host in entries:
        known = hosts.get(host.tid)
        if known is None:
            hosts.pending[host.tid] = host
            network.link(pvmd, host, pending=True)
        else:
            _change(pvmd, known, host)
    return UpdateReply()


def _from_master(pvmd: Pvmd, request: Request) -> bool:
    if request.host is not None and request.host.tid == pvmd.hosts.master:
        return True
    who, name = request.src & 0xFFFFFFFF, c.message_name(request.tag)
    pvmd.log(f"{name} of t{who:x}, which is not the master, ignored")
    return False


def _checked(entry: TableEntry, capabilities: int) -> Host:
    """A host of the table. Refused, and the table with it: it cannot be one."""
    try:
        address, port = parse_address(entry.address)
        network.check_host(port, entry.mtu)
        if not 0 < entry.index <= HOSTS_MAX:
            raise WireError(f"index {entry.index}")
    except WireError as error:
        why = f"host table of the master refused: host {entry.name}: {error}"
        raise Refused(c.PvmBadParam, why) from error
    return Host(
        host_tid(entry.index),
        entry.name,
        entry.arch,
        address,
        entry.speed,
        entry.signature,
        port,
        entry.mtu,
        capabilities,
    )


def _change(pvmd: Pvmd, known: Host, host: Host) -> None:
    """What the table says of a host that is known already, the master and this one included."""
    known.name, known.arch = host.name, host.arch
    known.speed, known.signature = host.speed, host.signature
    moved = (known.address, known.port, known.mtu) != (host.address, host.port, host.mtu)
    if known is pvmd.hosts.own:
        return
    changed = moved or known.capabilities != host.capabilities
    known.capabilities = host.capabilities
    if changed:
        known.address, known.port, known.mtu = host.address, host.port, host.mtu
        network.link(pvmd, known)


@handles(c.DM_HTCOMMIT, hosts=True, reply=False)
def commit_table(pvmd: Pvmd, request: Request, _body: Empty) -> None:
    """All hosts know the announced ones: they are in the machine now."""
    hosts = pvmd.hosts
    if not _from_master(pvmd, request):
        return
    pvmd.trim_later()
    hosts.serial = max(hosts.serial, hosts.pending_serial)
    pending, hosts.pending = hosts.pending, {}
    added = sorted(pending.values(), key=lambda host: host.tid)
    for host in added:
        hosts.add(host)
        network.link(pvmd, host)
    HOSTS_ADDED.tell(pvmd, added)


@handles(c.DM_HTDEL, TableDelete, hosts=True, reply=False)
def delete_from_table(pvmd: Pvmd, request: Request, body: TableDelete) -> None:
    """Hosts have failed or were deleted. As with 3.4.6 the news must fit the present table.

    The announced one does as well: a master may count it before the commit.
    """
    hosts = pvmd.hosts
    if not _from_master(pvmd, request):
        return
    if body.serial not in (hosts.serial, hosts.pending_serial):
        return
    for word in body.hosts:
        tid = birth_host(word)
        if tid in hosts.pending:
            del hosts.pending[tid]
            pvmd.switch.forget_host(c.TIDPVMD | tid)
        elif tid not in (hosts.own.tid, hosts.master) and hosts.get(tid) is not None:
            failure.host_failed(pvmd, tid, "the master says so")


# ---- settings ------------------------------------------------------------------------------


@handles(c.DM_SLCONF, SlaveSettings, hosts=True, reply=False)
def configure(pvmd: Pvmd, request: Request, body: SlaveSettings) -> None:
    """Settings of the host file, and who is resource manager and tracer."""
    for field, text in body.items:
        if field == c.DM_SLCONF_EP:
            pvmd.settings.search_path = expand(text).split(":")
        elif field == c.DM_SLCONF_BP:
            pvmd.settings.debugger = expand(text)
        elif field == c.DM_SLCONF_WD:
            _change_directory(pvmd, expand(text))
        elif field == c.WIRE_SLCONF_OWNER:
            _set_owner(pvmd, text)
        elif field == c.DM_SLCONF_SCHED:
            _set_sched(pvmd, request, text)
        elif field == c.DM_SLCONF_TRACE:
            Registry.of(pvmd).set_tracer(TraceTargets.parse(text))
        else:
            pvmd.log(f"setting {field} of the master is unknown: {text}")


def _change_directory(pvmd: Pvmd, path: str) -> None:
    try:
        os.chdir(path)
    except (OSError, ValueError) as error:
        pvmd.log(f"working directory {path}: {error}")


def _set_owner(pvmd: Pvmd, text: str) -> None:
    try:
        parse_owner(text)
    except ValueError as error:
        pvmd.log(f"ow= of the master: {error}")
    else:
        pvmd.settings.owner = text


def _set_sched(pvmd: Pvmd, request: Request, text: str) -> None:
    try:
        tid = int(text, 16)
    except ValueError:
        tid = -1
    if tid and not (0 < tid < 1 << 32 and is_task(tid)):
        pvmd.log(f"resource manager {text[:20]!r} of the master is no tid")
    else:
        Registry.of(pvmd).managers.announced(pvmd, c.signed(tid), request.src)


@handles(c.DM_NULL, hosts=True, reply=False)
def keep_alive(_pvmd: Pvmd, _request: Request, _body: Empty) -> None:
    """A host looks whether this one answers; the link has done that."""
