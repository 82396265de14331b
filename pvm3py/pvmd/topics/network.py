# SPDX-License-Identifier: MIT
"""This host's address, its UDP socket, and the links to the other hosts."""

from __future__ import annotations

import array
import asyncio
import contextlib
import errno
import fcntl
import socket
import struct
import threading
from collections.abc import Callable, Iterable

from pvm3py.wire import constants as c
from pvm3py.wire.codec import WireError
from pvm3py.wire.hosts import is_host_address

from ..core import Pvmd
from ..io.greeting import bind
from ..occasions import END, Step, on
from ..state.hosts import Host

_SIOCGIFCONF = 0x8912
# struct ifreq: a name, and a union whose longest member depends on the size of pointers.
_IFREQ = 40 if struct.calcsize("P") == 8 else 32
_INTERFACES_MAX = 4096
# An address for documentation: asking which interface leads there sends nothing.
_ANYWHERE = "198.51.100.1"
_RESOLVERS = 16
# Seconds that name servers have.
RESOLVE_SECONDS = 30.0


# ---- addresses -----------------------------------------------------------------------------


def is_loopback(address: str) -> bool:
    """Whether no other machine can reach this address."""
    return address.startswith("127.")


def usable(address: str) -> bool:
    """Whether a host can be known by this address and this machine has it.

    The address of a name may be that of another network, of a router or of a VPN that is down.
    """
    if not is_host_address(address):
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.bind((address, 0))
        except OSError as error:
            return error.errno != errno.EADDRNOTAVAIL
    return True


def address_advice(name: str, address: str) -> str:
    """What to do when this machine does not have the address that its name means."""
    others = sorted({a for a in local_addresses() if not is_loopback(a)})
    has = f"it has {', '.join(others)}" if others else "no network is up"
    return (
        f"host name {name} has address {address}, which no interface of this machine has "
        f"({has}): start the master with -nADDRESS, or correct /etc/hosts or DNS"
    )


def local_addresses() -> list[str]:
    """The IPv4 addresses of this machine's interfaces that are up."""
    table = array.array("B", bytes(_INTERFACES_MAX * _IFREQ))
    where, _ = table.buffer_info()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        answer = fcntl.ioctl(sock, _SIOCGIFCONF, struct.pack("iP", len(table), where))
    (size,) = struct.unpack_from("i", answer)
    raw = table.tobytes()
    return [socket.inet_ntoa(raw[at + 20 : at + 24]) for at in range(0, size, _IFREQ)]


def address_towards(address: str) -> str | None:
    """Which of this machine's addresses packets to `address` leave with; None: there is no way."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect((address, 9))
        except OSError:
            return None
        return str(sock.getsockname()[0])


def reachable_address() -> str | None:
    """The address under which other machines know this one, as far as that is certain.

    It is the only one that is no loopback address, else the one on the way to everywhere else.
    """
    addresses = {a for a in local_addresses() if not is_loopback(a)}
    if len(addresses) == 1:
        return addresses.pop()
    way = address_towards(_ANYWHERE) if addresses else None
    return way if way in addresses else None


def resolve(name: str) -> str | None:
    """IPv4 address of a name, as text. Blocks while a name server is asked."""
    if "\0" in name:
        return None
    try:
        return socket.gethostbyname(name)
    except (OSError, UnicodeError):
        return None


def _addresses(names: Iterable[str]) -> tuple[dict[str, str | None], list[str]]:
    """The names that are addresses, with these, and the others."""
    found: dict[str, str | None] = {}
    missing = []
    for name in names:
        try:
            found[name] = socket.inet_ntoa(socket.inet_pton(socket.AF_INET, name))
        except (OSError, ValueError):
            missing.append(name)
    return found, missing


def resolve_in_time(names: list[str], seconds: float) -> dict[str, str | None]:
    """Addresses of names, as many as can be had in that time. Names in files take little.

    What is an address needs no time: a busy machine may not run the thread soon enough.
    """
    found, missing = _addresses(names)
    if not missing:
        return found

    def work() -> None:
        for name in missing:
            found[name] = resolve(name)

    thread = threading.Thread(target=work, daemon=True)
    try:
        thread.start()
    except RuntimeError:  # Too little memory, or too few processes: nobody else can wait.
        work()
    else:
        thread.join(seconds)
    return dict(found)


async def resolve_all(
    loop: asyncio.AbstractEventLoop, names: Iterable[str]
) -> dict[str, str | None]:
    """The addresses of names, several asked for at a time; those without one may be left out.

    An executor would keep the daemon from ending while a name server is silent.
    """
    found, missing = _addresses(set(names))
    if missing:
        done: asyncio.Future[None] = loop.create_future()
        left = len(missing)

        def tell(name: str, address: str | None) -> None:
            nonlocal left
            found[name] = address
            left -= 1
            if left == 0 and not done.done():
                done.set_result(None)

        _resolve_in_threads(loop, missing, tell)
        await asyncio.wait({done}, timeout=RESOLVE_SECONDS)
    return dict(found)


def _resolve_in_threads(
    loop: asyncio.AbstractEventLoop, names: list[str], tell: Callable[[str, str | None], None]
) -> None:
    waiting = list(names)

    def work() -> None:
        with contextlib.suppress(IndexError, RuntimeError):
            while True:
                name = waiting.pop()
                loop.call_soon_threadsafe(tell, name, resolve(name))

    try:
        for _ in range(min(_RESOLVERS, len(names))):
            threading.Thread(target=work, daemon=True).start()
    except RuntimeError:  # None may have been started, and the loop must not wait itself.
        while waiting:
            tell(waiting.pop(), None)


# ---- the socket ----------------------------------------------------------------------------


def attach(pvmd: Pvmd, sock: socket.socket) -> None:
    """The daemon has this UDP socket from now on, and closes it at its end."""
    own = pvmd.hosts.own
    own.port = sock.getsockname()[1]
    pvmd.udp = sock
    pvmd.switch.forget_child_welcome()
    pvmd.switch.network(sock.fileno(), own.mtu)
    pvmd.log(f"{own.name} ({own.address}:{own.port}) talks to other hosts")


def open_network(pvmd: Pvmd) -> None:
    """Give a master its UDP socket, if it has none yet. Raises OSError."""
    if pvmd.udp is None:
        attach(pvmd, bind(pvmd.hosts.own.address, pvmd.settings.ports))


# ---- links ---------------------------------------------------------------------------------


def check_host(port: int, mtu: int) -> None:
    """WireError: no packets can be exchanged with a daemon that names this port and MTU."""
    if not 0 < port <= 0xFFFF:
        raise WireError(f"UDP port {port}")
    if mtu < c.WIRE_PKT_LEAST:
        raise WireError(f"MTU {mtu} is less than {c.WIRE_PKT_LEAST}")


def link(pvmd: Pvmd, host: Host, *, pending: bool = False) -> None:
    """Tell the switch of a host, or that it has changed.

    pending: it is not committed, so nothing is taken from it. Between a master and its slaves
    silence is noticed soon; two slaves do not probe each other.
    """
    watched = pvmd.hosts.is_master or host.tid == pvmd.hosts.master
    silence = pvmd.settings.silence if watched else 0.0
    pvmd.switch.host(
        c.TIDPVMD | host.tid,
        host.address,
        host.port,
        host.mtu,
        pending=pending,
        moves=bool(host.capabilities & c.WIRE_DAEMON_CAN_MOVE),
        silence=silence,
    )


@on(END, Step.PEERS)
def leave(pvmd: Pvmd) -> None:
    """This daemon ends: say so to every other, and close the socket."""
    for host in pvmd.hosts.others():
        pvmd.switch.forget_host(c.TIDPVMD | host.tid, farewell=True)


def is_settled(pvmd: Pvmd) -> bool:
    """Whether the address of this host stays: it is in use, was asked for, or others reach it."""
    own = pvmd.hosts.own
    if pvmd.udp is not None or pvmd.settings.name:
        return True
    return not is_loopback(own.address) and usable(own.address)


def settle_address(pvmd: Pvmd, targets: list[str]) -> None:
    """Before the first hosts are added: the address on the way to them, if there was no better.

    That is where the host's name has only one like 127.0.1.1, or one that this machine does not
    have (any more), and several interfaces are up.
    """
    own = pvmd.hosts.own
    if is_settled(pvmd):
        return
    ways = {address_towards(target) for target in targets if not is_loopback(target)}
    way = ways.pop() if len(ways) == 1 else None
    if way is not None:
        pvmd.log(f"host name {own.name} has address {own.address}, using {way} for other hosts")
        own.address = way
        pvmd.switch.forget_child_welcome()


def loopback_advice(pvmd: Pvmd, target: str) -> str:
    """What to do when the host at `target` cannot reach the address of this one."""
    own = pvmd.hosts.own
    others = sorted({a for a in local_addresses() if not is_loopback(a)})
    if not others:
        return f"this host's name {own.name} has only address {own.address}, and no network is up"
    way = address_towards(target)
    choice = way if way in others else f"ADDRESS, one of {', '.join(others)}"
    return (
        f"this host's name {own.name} has address {own.address}, which other machines cannot "
        f"reach: start the master with -n{choice}, or correct /etc/hosts; "
        f"host file: ip= names the address of a host to add"
    )
