# SPDX-License-Identifier: MIT
"""Adding hosts: the master finds and starts them, then all daemons change their tables together.

First every daemon learns of the new hosts (DM_HTUPD) and says so; when all have, they are told to
use the new table (DM_HTCOMMIT). One addition runs at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import re

from pvm3py.places import host_number, host_tid
from pvm3py.wire import constants as c
from pvm3py.wire.codec import WireError
from pvm3py.wire.daemon import RestBody
from pvm3py.wire.hosts import (
    Greeting,
    SlaveSettings,
    Start,
    StartReply,
    StartRequest,
    TableDelete,
    TableUpdate,
    UpdateReply,
    capability_list,
    is_host_address,
)
from pvm3py.wire.record import Record
from pvm3py.wire.task import AddHostReply, HostEntry, HostNames

from ..core import Pvmd, Table
from ..dispatch import Request, handles, only
from ..io.shell_output import find_greeting
from ..occasions import HOST_LOST, HOSTS_ADDED, HOSTS_ANNOUNCED, ROLE_FREE, Step, on
from ..state.config import ANSWER_FACTOR, speed_of
from ..state.errors import HostFailed, Refused
from ..state.hostfile import HostFile, HostLine
from ..state.hosts import HOSTS_MAX, Host
from ..state.plain import Plain
from ..state.tree import tree
from . import failure, network, placing
from .hoster import Outcome, start_all
from .roles import Registry

# Seconds of waiting for the answer to a first table after which the log says so.
_ANSWER_HINT = 5.0
_PLAIN = r"[\w.:@%+,-]+"


class _Order(Plain):
    """What a registered hoster was asked: who, under which wait id, and its answer."""

    hoster: int
    wid: int
    answer: asyncio.Future[StartReply]


class Addition(Table):
    """The state of additions on a master.

    index: the last one given to a host; lost: hosts that are gone since the new table was
    announced, None while none is; order: what the hoster is doing.
    """

    def __init__(self) -> None:
        self.host_file = HostFile()
        self.busy = False
        self.index = 1
        self.lost: list[int] | None = None
        self.order: _Order | None = None


class _Candidate(Plain):
    """A host to be added. code: the error that keeps it out, 0 so far."""

    text: str
    line: HostLine | None
    code: int = 0
    address: str = ""
    tid: int = 0
    host: Host | None = None

    @property
    def name(self) -> str:
        """What the log calls it."""
        return self.line.name if self.line else self.text

    @property
    def contact(self) -> str:
        """The name or address under which it is reached."""
        assert self.line is not None
        return self.line.options.get("ip", self.line.name)


# ---- requests ------------------------------------------------------------------------------


@handles(c.TM_ADDHOST, HostNames)
async def add_hosts(pvmd: Pvmd, _request: Request, body: HostNames) -> Record:
    """Add hosts for a task."""
    if pvmd.hosts.is_master:
        return await _add(pvmd, body.names)
    return await pvmd.peers.request(pvmd.hosts.master, c.DM_ADD, body, RestBody)


@handles(c.DM_ADD, HostNames, hosts=True, reply_tag=c.DM_ADDACK, context=True)
async def add_hosts_here(pvmd: Pvmd, _request: Request, body: HostNames) -> AddHostReply:
    """Add hosts for a task of another host."""
    return await _add(pvmd, body.names)


@handles(c.SM_ADD, HostNames, reply_tag=c.SM_ADDACK, system=True)
async def add_hosts_for_manager(pvmd: Pvmd, request: Request, body: HostNames) -> Record:
    """Add hosts for the resource manager."""
    only(Registry.of(pvmd).sched, request)
    return await add_hosts(pvmd, request, body)


def add_from_file(pvmd: Pvmd, host_file: HostFile) -> None:
    """Begin to start the hosts of the master's host file; it holds for later additions, too."""
    Addition.of(pvmd).host_file = host_file
    lines = [line for line in host_file.hosts if line.start]

    async def add() -> None:
        # Nobody waits for the answer, and the log has it.
        with contextlib.suppress(Refused):
            await _add_candidates(pvmd, [_Candidate(line.name, line) for line in lines])

    if lines:
        Addition.of(pvmd).busy = True
        pvmd.background(add())


async def _add(pvmd: Pvmd, names: list[str]) -> AddHostReply:
    """Add hosts; it goes on to its end even if whoever asked is gone before."""
    if not pvmd.hosts.is_master:
        raise Refused(c.PvmDSysErr, "this is not the master")
    if not 1 <= len(names) <= HOSTS_MAX:
        raise Refused(c.PvmBadParam, f"{len(names)} hosts")
    if Addition.of(pvmd).busy:
        raise Refused(c.PvmAlready, "another addition is running")
    Addition.of(pvmd).busy = True
    candidates = [_parse(pvmd, name) for name in names]
    return await asyncio.shield(pvmd.background(_add_candidates(pvmd, candidates)))


def _parse(pvmd: Pvmd, text: str) -> _Candidate:
    try:
        return _Candidate(text, Addition.of(pvmd).host_file.parse(text))
    except ValueError as error:
        pvmd.log(f"add host {text!r}: {error}")
        return _Candidate(text, None, c.PvmBadParam)


# ---- the whole addition --------------------------------------------------------------------


async def _add_candidates(pvmd: Pvmd, candidates: list[_Candidate]) -> AddHostReply:
    """Find, start and announce hosts; what became of each, in their order."""
    try:
        await _find(pvmd, candidates)
        chosen = [candidate for candidate in candidates if not candidate.code]
        if chosen:
            _give_indexes(pvmd, chosen)
            await _start(pvmd, chosen)
        new = [candidate.host for candidate in candidates if candidate.host is not None]
        if new:
            await _announce(pvmd, candidates)
            pvmd.trim_later()
        return AddHostReply([_entry(candidate) for candidate in candidates])
    finally:
        Addition.of(pvmd).busy = False
        Addition.of(pvmd).lost = None


def _entry(candidate: _Candidate) -> HostEntry:
    if candidate.host is not None and not candidate.code:
        return candidate.host.entry()
    return HostEntry(candidate.code or c.PvmCantStart, "", "", 0, 0)


def _refuse(pvmd: Pvmd, candidate: _Candidate, code: int, why: str) -> None:
    candidate.code = code
    pvmd.log(f"cannot add host {candidate.name}: {why}")


# ---- finding -------------------------------------------------------------------------------


async def _find(pvmd: Pvmd, candidates: list[_Candidate]) -> None:
    """The address of each host, and whether it may be added."""
    valid = [candidate for candidate in candidates if not candidate.code]
    known = {pvmd.hosts.own.name} if network.is_settled(pvmd) else set()
    unknown = [one.contact for one in valid if one.contact not in known]
    addresses = await network.resolve_all(pvmd.loop, unknown)
    network.settle_address(pvmd, [address for address in addresses.values() if address])
    # The name of this host may be known here with an address for this machine alone.
    addresses[pvmd.hosts.own.name] = pvmd.hosts.own.address
    taken = {host.address for host in pvmd.hosts.hosts}
    for one in valid:
        address = addresses.get(one.contact)
        assert one.line is not None
        if address is None:
            _refuse(pvmd, one, c.PvmNoHost, f"no address of {one.contact} is known")
            continue
        if not is_host_address(address):
            _refuse(pvmd, one, c.PvmNoHost, f"address {address} is not that of a host")
            continue
        if not _reaches(pvmd, one, address):
            continue
        if address in taken and not one.line.overload:
            one.code = c.PvmDupHost
            # pvm_start_pvmd asks for the daemon's own host, to learn when an addition is over.
            if one.name != pvmd.hosts.own.name:
                _refuse(pvmd, one, one.code, f"there is a host with address {address}")
            continue
        taken.add(address)
        one.address = address
    if any(not one.code for one in valid):
        try:
            network.open_network(pvmd)
        except OSError as error:
            why = f"no UDP socket on {pvmd.hosts.own.address}: {error.strerror or error}"
            if error.errno == errno.EADDRNOTAVAIL:
                why += f"; {network.address_advice(pvmd.hosts.own.name, pvmd.hosts.own.address)}"
            for one in valid:
                if not one.code:
                    _refuse(pvmd, one, c.PvmCantStart, why)


def _reaches(pvmd: Pvmd, candidate: _Candidate, address: str) -> bool:
    """Whether this daemon and one at that address can talk to each other."""
    own = pvmd.hosts.own
    if own.address == "127.0.0.1" or (
        network.is_loopback(own.address) != network.is_loopback(address)
    ):
        if network.is_loopback(own.address):
            why = network.loopback_advice(pvmd, address)
        else:
            why = f"its address {address} is for its own machine only: give another with ip="
        _refuse(pvmd, candidate, c.PvmIPLoopback, why)
        return False
    way = None if network.is_loopback(address) else network.address_towards(address)
    if way not in (None, own.address):
        pvmd.log(
            f"packets to {candidate.name} ({address}) leave with address {way}, but this host is "
            f"known as {own.address}: if that is not reached, start the master with -n{way}"
        )
    return True


def _give_indexes(pvmd: Pvmd, chosen: list[_Candidate]) -> None:
    """Indexes from a counter that goes around and leaves out those in use, also by tasks alone."""
    addition = Addition.of(pvmd)
    used = {host.index for host in pvmd.hosts.hosts}
    used |= {host_number(tid) for tid, _, _ in pvmd.hosts.places}
    for one in chosen:
        if len(used) >= HOSTS_MAX:
            _refuse(pvmd, one, c.PvmOutOfRes, f"the machine has {HOSTS_MAX} hosts")
            continue
        while True:
            addition.index = addition.index % HOSTS_MAX + 1
            if addition.index not in used:
                break
        used.add(addition.index)
        one.tid = host_tid(addition.index)


# ---- starting ------------------------------------------------------------------------------


async def _start(pvmd: Pvmd, chosen: list[_Candidate]) -> None:
    """Start the daemons, each by the registered hoster or the built-in one."""
    chosen = [one for one in chosen if not one.code]
    starts = [_order(pvmd, one) for one in chosen]
    if Registry.of(pvmd).roles[c.TM_HOSTER]:
        outcomes = await _ask_hoster(pvmd, starts)
    else:
        names = {one.tid: one.name for one in chosen}
        outcomes = await start_all(pvmd, starts, names)
    known = list(pvmd.hosts.hosts)
    for one in chosen:
        outcome = outcomes.get(one.tid, Outcome("PvmCantStart", "the hoster left it out"))
        _judge(pvmd, one, outcome, known)
        known += [one.host] if one.host is not None else []


def _order(pvmd: Pvmd, one: _Candidate) -> Start:
    """How to start a daemon: the original's command line."""
    assert one.line is not None
    options = one.line.options
    so = options.get("so", "")
    own = pvmd.hosts.own
    mask, switch = pvmd.log.mask & 0xFFFFFFFF, "-S" if so == "ms" else "-s"
    name = one.name if re.fullmatch(_PLAIN, one.name) else _quoted(one.name)
    address = Host(0, "", "", one.address, 0, 0).address_text()
    words = (
        f"{switch} -d{mask:#x} -n{name} {own.index} {own.address_text()} {own.mtu} "
        f"{host_number(one.tid)} {address}"
    )
    windows = os.environ.get("PVM_WINDPATH", "")
    login = options.get("lo", "")
    return Start(
        tid=one.tid,
        so=so,
        login=f"{login}@{one.contact}" if login else one.contact,
        command=f"{options.get('dx') or _daemon_path()} {words}",
        windows=f"{windows} {words}" if windows and "dx" not in options else "",
        vmid=options.get("id") or pvmd.settings.vmid or "",
    )


def _daemon_path() -> str:
    """What to run on other hosts: PVM_DPATH, else this tree's script at the same place there."""
    path = os.environ.get("PVM_DPATH")
    if path:
        return path
    return _quoted(os.path.join(tree(), "lib/pvmd"))


def _quoted(word: str) -> str:
    """A word as a shell takes it."""
    # Only a master that is asked to needs this.
    import shlex  # noqa: PLC0415

    return shlex.quote(word)


async def _ask_hoster(pvmd: Pvmd, starts: list[Start]) -> dict[int, Outcome]:
    """Have the registered hoster start the daemons."""
    hoster = Registry.of(pvmd).roles[c.TM_HOSTER]
    wid = starts[0].tid | Addition.of(pvmd).index
    order = _Order(hoster, wid, pvmd.loop.create_future())
    Addition.of(pvmd).order = order
    body = StartRequest(starts).encode()
    pvmd.send(hoster, c.SM_STHOST, c.BASECONTEXT, body, wid)
    try:
        reply = await order.answer
    finally:
        Addition.of(pvmd).order = None
    known = {start.tid for start in starts}
    if any(result.tid not in known for result in reply.results):
        pvmd.log(f"hoster t{hoster:x} answers for a host that it was not to start")
        raise Refused(c.PvmDSysErr, "the hoster has failed")
    return {result.tid: Outcome(result.text) for result in reply.results}


@handles(c.SM_STHOSTACK, StartReply, reply=False)
def hosts_started(pvmd: Pvmd, request: Request, body: StartReply) -> None:
    """The registered hoster has done what it was asked."""
    order = Addition.of(pvmd).order
    if order is None or (request.src, request.wid) != (order.hoster, order.wid):
        pvmd.log(f"t{request.src:x}: answer to no start of hosts, ignored")
    elif not order.answer.done():
        order.answer.set_result(body)


@on(ROLE_FREE)
def hoster_left(pvmd: Pvmd, role: int, tid: int) -> None:
    """A hoster is gone: what it was to start cannot be."""
    order = Addition.of(pvmd).order
    if role != c.TM_HOSTER or order is None or order.hoster != tid:
        return
    if not order.answer.done():
        pvmd.log(f"hoster t{tid:x} is gone before its hosts were started")
        order.answer.set_exception(Refused(c.PvmDSysErr, "the hoster has failed"))


def _judge(pvmd: Pvmd, one: _Candidate, outcome: Outcome, known: list[Host]) -> None:
    """Whether a start succeeded: then there is a host, at another address than those known."""
    text = outcome.text
    code = getattr(c, text, 0) if re.fullmatch(r"Pvm\w+", text) else 0
    if code < 0:
        _refuse(pvmd, one, code, outcome.why or text)
        return
    try:
        greeting = Greeting.parse(find_greeting(text))
        network.check_host(greeting.port, greeting.mtu)
    except WireError as error:
        _refuse(pvmd, one, c.PvmCantStart, str(error))
        return
    if greeting.protocol != c.DDPROTOCOL:
        why = f"it speaks protocol {greeting.protocol}, this daemon {c.DDPROTOCOL}"
        _refuse(pvmd, one, c.PvmBadVersion, why)
        return
    where = greeting.address, greeting.port
    same = next((host for host in known if (host.address, host.port) == where), None)
    if same is not None:
        why = f"its address {where[0]}:{where[1]} is that of {same.name}"
        _refuse(pvmd, one, c.PvmDupHost, why)
        return
    assert one.line is not None
    one.host = Host(
        one.tid,
        one.name,
        greeting.arch,
        greeting.address,
        speed_of(one.line.options),
        greeting.signature,
        greeting.port,
        greeting.mtu,
        greeting.capabilities,
    )


# ---- the table -----------------------------------------------------------------------------


async def _announce(pvmd: Pvmd, candidates: list[_Candidate]) -> None:
    """Bring the new hosts into all tables.

    Until the commit the others compare the news of lost hosts with the number of the old table,
    and new hosts know none; so all are told again behind the commit.
    """
    hosts = pvmd.hosts
    joining = [one for one in candidates if one.host is not None]
    new = sorted((one.host for one in joining if one.host), key=lambda host: -host.tid)
    old = hosts.others()
    lost: list[int] = []
    Addition.of(pvmd).lost = lost
    HOSTS_ANNOUNCED.tell(pvmd)
    everything = _update(pvmd, [*reversed(hosts.hosts), *new])
    only_new = _update(pvmd, new).encode()
    for host in new:
        hosts.add(host)
        network.link(pvmd, host)
    lines = {one.tid: one.line for one in joining}
    for host in new:
        settings = _settings(pvmd, lines[host.tid], placing.can_move(pvmd, host.tid))
        pvmd.peers.send(host.tid, c.DM_SLCONF, settings)
    body = everything.encode()
    bodies = [(host, body) for host in new] + [(host, only_new) for host in old]
    answers = [
        (host, pvmd.loop.create_task(pvmd.peers.request(host.tid, c.DM_HTUPD, update, UpdateReply)))
        for host, update in bodies
    ]
    HOSTS_ADDED.tell(pvmd, sorted(new, key=lambda host: host.tid))
    await _collect(pvmd, answers, len(new))
    Addition.of(pvmd).lost = None
    hosts.serial += 1
    for host in new:
        if hosts.get(host.tid) is host:
            placing.introduce(pvmd, host)
    for host in hosts.others():
        pvmd.peers.send(host.tid, c.DM_HTCOMMIT, b"")
        if lost:
            pvmd.peers.send(host.tid, c.DM_HTDEL, TableDelete(hosts.serial, lost))
    for one in joining:
        if hosts.get(one.tid) is not one.host:
            one.code = c.PvmCantStart
        else:
            pvmd.log(f"host {one.name} ({one.host.address}) added")  # type: ignore[union-attr]


async def _collect(
    pvmd: Pvmd, answers: list[tuple[Host, asyncio.Task[UpdateReply]]], new: int
) -> None:
    """Wait for all answers to the table; for those of the first `new` hosts only so long.

    Hosts that do not answer or refuse are lost.
    """

    def lost(host: Host, why: str) -> None:
        if pvmd.hosts.get(host.tid) is host:
            failure.host_failed(pvmd, host.tid, why)

    limit = pvmd.settings.patience * ANSWER_FACTOR
    first = answers[:new]
    hint = min(limit, _ANSWER_HINT)
    await asyncio.wait([answer for _, answer in first], timeout=hint)
    late = [(host, answer) for host, answer in first if not answer.done()]
    if late and hint < limit:
        for host, _ in late:
            pvmd.log(
                f"host {host.name}: no answer to its first table yet: {_udp_advice(pvmd, host)}"
            )
        await asyncio.wait([answer for _, answer in late], timeout=limit - hint)
    for host, answer in late:
        if not answer.done():
            # It may hear this daemon although it is not heard.
            pvmd.switch.forget_host(c.TIDPVMD | host.tid, farewell=True)
            why = f"no answer to its first table within {limit:g} s"
            failure.host_failed(pvmd, host.tid, f"{why}: {_udp_advice(pvmd, host)}", closing=True)
    for host, answer in answers:
        with contextlib.suppress(HostFailed):
            code = (await answer).code
            if code is not None and code < 0:
                lost(host, f"it refuses the host table: {c.error_name(code)}")


def _udp_advice(pvmd: Pvmd, host: Host) -> str:
    """What to look at when nothing comes from a daemon that has been started."""
    own = pvmd.hosts.own
    return (
        f"its daemon has died, or a firewall drops UDP packets between {own.address} port "
        f"{own.port} and {host.address} port {host.port}: let them pass in both directions "
        "(PVM_PORT_RANGE keeps to a range of ports)"
    )


@on(HOST_LOST, Step.ADDITION)
def note_loss(pvmd: Pvmd, host: int) -> None:
    """A host is lost while others are being added."""
    lost = Addition.of(pvmd).lost
    if lost is not None:
        lost.append(host)


def _update(pvmd: Pvmd, listed: list[Host]) -> TableUpdate:
    master = pvmd.hosts.own.index
    entries = [host.table_entry() for host in listed]
    can = capability_list({host.index: host.capabilities for host in listed})
    return TableUpdate(pvmd.hosts.serial + 1, master, master, entries, can)


def _settings(pvmd: Pvmd, line: HostLine | None, can_move: bool) -> SlaveSettings:
    """What a new host is told of its host file line and of the roles here."""
    options = line.options if line is not None else {}
    fields = [(c.DM_SLCONF_EP, "ep"), (c.DM_SLCONF_BP, "bx"), (c.DM_SLCONF_WD, "wd")]
    fields += [(c.WIRE_SLCONF_OWNER, "ow")] if can_move else []
    items = [(number, options[name]) for number, name in fields if name in options]
    return SlaveSettings(items + Registry.of(pvmd).settings())
