# SPDX-License-Identifier: MIT
"""Networks that tests make: namespaces joined by a bridge, or addresses of the loopback.

Namespaces need root; each host has an interface, an address and a name of its own there, and
nothing outside is touched. Loopback addresses need nothing; hosts are named by their address.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Literal, Protocol

from support.system import missing, require_program

NetworkKind = Literal["namespaces", "loopback"]

_ETC = Path("/etc/netns")
_NAMESPACES = Path("/run/netns")
_PREFIX = "pvmtest"
_serial = itertools.count(1)


class Network(Protocol):
    """Some hosts that reach each other; a host is known by its number, from 0."""

    def name(self, host: int) -> str:
        """What the other hosts call it."""

    def address(self, host: int) -> str:
        """Its IPv4 address."""

    def enter(self, host: int) -> list[str]:
        """First words of a command that runs on it."""

    def close(self) -> None:
        """Remove everything; assert that it is gone."""


class Loopback:
    """Hosts are addresses 127.x.y.z of this machine, chosen so that tests do not meet."""

    def __init__(self, count: int) -> None:
        assert count < 250
        number = os.getpid() * 61 + next(_serial)
        self._prefix = f"127.{1 + number // 250 % 250}.{number % 250}"

    def name(self, host: int) -> str:
        return self.address(host)

    def address(self, host: int) -> str:
        return f"{self._prefix}.{host + 1}"

    def enter(self, host: int) -> list[str]:
        return []

    def close(self) -> None:
        return


class Namespaces:
    """A namespace a host, and one with the bridges; host 0 is called h1 and has 10.77.0.1.

    hosts     lines for everybody's /etc/hosts besides the hosts' own
    networks  so many: on the second one, host 0 has 10.78.0.1 at its interface eth1
    named     gethostname() gives the name, too
    """

    def __init__(
        self, count: int, *, hosts: str = "", networks: int = 1, named: bool = False
    ) -> None:
        require_namespaces()
        _remove_abandoned()
        self._stem = f"{_PREFIX}{os.getpid()}-{next(_serial)}-"
        self._bridge = self._stem + "br"
        self._networks = range(networks)
        self._named = named
        self._names = [self._stem + str(i + 1) for i in range(count)]
        try:
            self._make(hosts)
        except BaseException:
            self._remove()
            raise

    def _make(self, hosts: str) -> None:
        everyone = [self._bridge, *self._names]
        _ip([f"netns add {name}" for name in everyone])
        for name in self._names:
            _ip(["link set lo up"], name)
        for n in self._networks:
            _ip([f"link add br{n} type bridge", f"link set br{n} up"], self._bridge)
            for i, name in enumerate(self._names):
                _ip(
                    [
                        f"link add eth{n} type veth peer name p{n}-{i} netns {self._bridge}",
                        f"addr add {self.address(i, n)}/24 dev eth{n}",
                        f"link set eth{n} addrgenmode none",  # IPv6 would send packets by itself
                        f"link set eth{n} up",
                    ],
                    name,
                )
            ports = [f"link set p{n}-{i} master br{n} up" for i in range(len(self._names))]
            _ip(ports, self._bridge)
        table = "".join(f"{self.address(i)} {self.name(i)}\n" for i in range(len(self._names)))
        for i, name in enumerate(self._names):
            (_ETC / name).mkdir(parents=True)
            self.names(i, table + hosts)

    def names(self, host: int, table: str) -> None:
        """Replace the lines of a host's /etc/hosts, for what starts there from now on."""
        (_ETC / self._names[host] / "hosts").write_text("127.0.0.1 localhost\n" + table)

    def ip(self, host: int, *lines: str) -> None:
        """Run lines of ip(8) on a host."""
        _ip(list(lines), self._names[host])

    def name(self, host: int) -> str:
        return f"h{host + 1}"

    def address(self, host: int, network: int = 0) -> str:
        return f"10.{77 + network}.0.{host + 1}"

    def enter(self, host: int) -> list[str]:
        words = ["ip", "netns", "exec", self._names[host]]
        if self._named:
            name = f'echo {self.name(host)} >/proc/sys/kernel/hostname && exec "$@"'
            words += ["unshare", "--uts", "sh", "-c", name, "sh"]
        return words

    def close(self) -> None:
        self._remove()
        left = [name for name in (self._bridge, *self._names) if (_NAMESPACES / name).exists()]
        assert not left, f"namespaces left: {left}"

    def _remove(self) -> None:
        for name in (self._bridge, *self._names):
            _remove_namespace(name)


@cache
def can_make_namespaces() -> bool:
    """Whether this user may make network namespaces, and the commands are there."""
    if shutil.which("ip") is None:
        return False
    probe = f"{_PREFIX}{os.getpid()}-probe"
    made = subprocess.run(["ip", "netns", "add", probe], capture_output=True).returncode == 0
    _remove_namespace(probe)
    return made


def require_namespaces() -> None:
    """Skip unless network namespaces can be made."""
    require_program("ip", "iproute2")
    if not can_make_namespaces():
        missing("this user may not make network namespaces (needs root)")


def make_network(kind: NetworkKind, count: int) -> Network:
    """A network of `count` hosts."""
    return Namespaces(count) if kind == "namespaces" else Loopback(count)


def _ip(lines: list[str], namespace: str | None = None) -> None:
    where = ["-n", namespace] if namespace else []
    done = subprocess.run(
        ["ip", *where, "-batch", "-"],
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"ip: {done.stderr}\n" + "\n".join(lines)


def _remove_namespace(name: str) -> None:
    if (_NAMESPACES / name).exists():
        subprocess.run(["ip", "netns", "del", name], check=False)
    if (_ETC / name).exists():
        shutil.rmtree(_ETC / name)
        try:
            _ETC.rmdir()
        except OSError:
            pass


def _remove_abandoned() -> None:
    """Remove the namespaces of test runs that were killed."""
    for directory in (_NAMESPACES, _ETC):
        for entry in directory.glob(f"{_PREFIX}*-*"):
            maker = entry.name.removeprefix(_PREFIX).partition("-")[0]
            if maker.isdigit() and not Path(f"/proc/{maker}").exists():
                _remove_namespace(entry.name)
