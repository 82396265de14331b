# SPDX-License-Identifier: MIT
"""The host table, and requests about hosts: configuration, status, clocks, adding, deleting."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pvm3py.wire import constants as c
from pvm3py.wire.constants import signed
from pvm3py.wire.record import Record
from pvm3py.wire.task import (
    AddHostReply,
    Codes,
    ConfigReply,
    Empty,
    HostEntry,
    HostName,
    HostNames,
    HostSyncReply,
    Status,
    TidBody,
)

from .dispatch import Refused, Request, handles
from .hostfile import parse_host

if TYPE_CHECKING:
    from .daemon import Pvmd

LOOPBACK = "127.0.0.1"
FIRST_HOST = 1 << 18
_HOSTS_MAX = 4095


@dataclass
class Host:
    """One host. tid has the S bit clear; address is IPv4 text."""

    tid: int
    name: str
    arch: str
    address: str
    speed: int
    signature: int

    def address_text(self) -> str:
        """The form that the wire carries; no port is open while the machine has one host."""
        return f"{socket.inet_aton(self.address).hex()}:0000"

    def entry(self) -> HostEntry:
        """As the configuration lists it."""
        return HostEntry(self.tid, self.name, self.arch, self.speed, self.signature)


@dataclass
class HostTable:
    """The hosts of the virtual machine, in order of their tids."""

    own: Host
    hosts: list[Host] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.hosts = [self.own]

    def get(self, tid: int) -> Host | None:
        """The host that a tid of a task, a daemon or a host belongs to."""
        part = tid & c.TIDHOST
        return next((host for host in self.hosts if host.tid == part), None)

    def named(self, name: str) -> Host | None:
        """The host of this name; "." is this daemon's."""
        if name == ".":
            return self.own
        return next((host for host in self.hosts if host.name == name), None)


def resolve(name: str) -> str | None:
    """IPv4 address of a name, as text. Blocks while a name server is asked."""
    try:
        return socket.gethostbyname(name)
    except (OSError, UnicodeError):
        return None


def resolve_in_time(names: list[str], seconds: float) -> dict[str, str | None]:
    """Addresses of names, as many as can be had in that time. Names in files take none."""
    found: dict[str, str | None] = {}

    def work() -> None:
        for name in names:
            found[name] = resolve(name)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    return dict(found)


async def _resolved(loop: asyncio.AbstractEventLoop, name: str) -> str | None:
    """The address of a name. An executor would keep the daemon from ending while it waits."""
    done: asyncio.Future[str | None] = loop.create_future()

    def tell(address: str | None) -> None:
        if not done.done():
            done.set_result(address)

    def work() -> None:
        address = resolve(name)
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(tell, address)

    threading.Thread(target=work, daemon=True).start()
    return await done


@handles(c.TM_CONFIG)
def config(pvmd: Pvmd, _request: Request, _body: Empty) -> ConfigReply:
    """The host table."""
    return ConfigReply([host.entry() for host in pvmd.hosts.hosts])


@handles(c.TM_MSTAT, HostName)
def mstat(pvmd: Pvmd, _request: Request, body: HostName) -> Status:
    """Whether a host is in the machine."""
    return Status(c.PvmOk if pvmd.hosts.named(body.name) else c.PvmNoHost)


@handles(c.TM_HOSTSYNC, TidBody)
def hostsync(pvmd: Pvmd, _request: Request, body: TidBody) -> Record:
    """The clock of a host."""
    if pvmd.hosts.get(body.tid) is None:
        return Status(c.PvmNoHost)
    microseconds = time.time_ns() // 1000
    return HostSyncReply(0, signed(microseconds // 1000000), microseconds % 1000000)


def _check_count(names: list[str]) -> None:
    if not 1 <= len(names) <= _HOSTS_MAX:
        raise Refused(c.PvmBadParam)


@handles(c.TM_ADDHOST, HostNames)
async def add_hosts(pvmd: Pvmd, _request: Request, body: HostNames) -> AddHostReply:
    """Why each host cannot be added: this daemon forms machines of one host."""
    _check_count(body.names)
    codes = [await _add_host(pvmd, line) for line in body.names]
    return AddHostReply([HostEntry(code, "", "", 0, 0) for code in codes])


async def _add_host(pvmd: Pvmd, line: str) -> int:
    own = pvmd.hosts.own
    if own.address.startswith("127."):
        return c.PvmIPLoopback
    try:
        host = parse_host(line, {})
    except ValueError as error:
        pvmd.log(f"add host {line!r}: {error}")
        return c.PvmBadParam
    if host.name == own.name:
        return c.PvmDupHost
    name = host.options.get("ip", host.name)
    address = await _resolved(pvmd.loop, name)
    if address is None:
        return c.PvmNoHost
    if address == own.address:
        return c.PvmDupHost
    pvmd.log(f"cannot start a pvmd on {host.name}: this machine has one host")
    return c.PvmCantStart


@handles(c.TM_DELHOST, HostNames)
def delete_hosts(pvmd: Pvmd, _request: Request, body: HostNames) -> Codes:
    """Delete hosts; this one, which answers, cannot be deleted."""
    _check_count(body.names)
    codes = []
    for position, name in enumerate(body.names):
        if pvmd.hosts.named(name) is None:
            codes.append(c.PvmNoHost)
        elif name in body.names[:position]:
            codes.append(c.PvmDupHost)
        else:
            codes.append(c.PvmBadParam)
    return Codes(codes)
