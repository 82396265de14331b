# SPDX-License-Identifier: MIT
"""The host table of the virtual machine."""

from __future__ import annotations

import asyncio
import bisect

from pvm3py.places import Places, host_number, host_tid
from pvm3py.wire import constants as c
from pvm3py.wire.hosts import OWN_CAPABILITIES, TableEntry, address_text
from pvm3py.wire.task import HostEntry

from .plain import Plain

LOOPBACK = "127.0.0.1"
FIRST_INDEX = 1
HOSTS_MAX = 4095
FIRST_HOST = host_tid(FIRST_INDEX)


class Host(Plain):
    """One host. tid has the S bit clear; address is IPv4 text.

    port: of the daemon's UDP socket, 0 while it has none; mtu: longest packet that it takes;
    capabilities: WIRE_DAEMON_CAN_ bits, 0: the rules of 3.4.6.
    """

    tid: int
    name: str
    arch: str
    address: str
    speed: int
    signature: int
    port: int = 0
    mtu: int = c.WIRE_FRAG_DEFAULT
    capabilities: int = 0

    @property
    def index(self) -> int:
        """The host's number in the table."""
        return host_number(self.tid)

    def address_text(self) -> str:
        """Address and port in the form that the wire carries."""
        return address_text(self.address, self.port)

    def entry(self) -> HostEntry:
        """As the configuration lists it."""
        return HostEntry(self.tid, self.name, self.arch, self.speed, self.signature)

    def table_entry(self) -> TableEntry:
        """As table updates carry it."""
        return TableEntry(
            self.index,
            self.name,
            self.arch,
            self.address_text(),
            self.mtu,
            self.speed,
            self.signature,
        )


class HostTable:
    """The hosts of the virtual machine.

    own: this daemon's; master: tid of the master's; serial: number of the last addition;
    hosts: all, in the order of their tids; places: where tasks run.
    """

    def __init__(self, own: Host) -> None:
        own.capabilities = OWN_CAPABILITIES
        self.own = own
        self.master = own.tid
        self.serial = 1
        self.hosts = [own]
        self.places = Places()
        # Of a slave: the hosts announced and not committed, the number of that addition, and
        # the end of its patience until the first table.
        self.pending: dict[int, Host] = {}
        self.pending_serial = 0
        self.join_timer: asyncio.TimerHandle | None = None
        self._by_tid = {own.tid: own}

    @property
    def is_master(self) -> bool:
        """Whether this daemon is the master."""
        return self.master == self.own.tid

    def add(self, host: Host) -> None:
        """A new host. Its tid must be free."""
        assert host.tid not in self._by_tid
        bisect.insort(self.hosts, host, key=lambda known: known.tid)
        self._by_tid[host.tid] = host

    def remove(self, tid: int) -> None:
        """A host is gone."""
        self.hosts.remove(self._by_tid.pop(tid))
        self.places.host_lost(tid)

    def others(self) -> list[Host]:
        """All hosts but this daemon's, from the highest tid down, the order of updates."""
        return [host for host in reversed(self.hosts) if host is not self.own]

    def get(self, tid: int) -> Host | None:
        """The host where a task runs, or that of a daemon's or host's tid."""
        return self._by_tid.get(self.places.place(tid))

    def capabilities(self, tid: int) -> int:
        """What the daemon of that host can, WIRE_DAEMON_CAN_ bits; 0: no more than 3.4.6."""
        host = self.get(tid)
        return host.capabilities if host is not None else 0

    def named(self, name: str) -> Host | None:
        """The host of this name; "." is this daemon's."""
        if name == ".":
            return self.own
        return next((host for host in self.hosts if host.name == name), None)
