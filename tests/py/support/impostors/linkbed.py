# SPDX-License-Identifier: MIT
"""Switches in the test's own process that are hosts to each other, over loopback."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from typing import Any

from pvm3py.wire import constants as c
from support.impostors.packets import daemon
from support.impostors.switchbed import Bed, fragment
from support.scoped import Scoped
from support.system import PATIENCE

FRAGMENT = 65520


def task_message(dst: int, body: bytes) -> bytes:
    """A task's message as its library writes it."""
    data = bytes(c.MSGHDRLEN) + body
    pieces = [data[at : at + FRAGMENT] for at in range(0, len(data), FRAGMENT)]
    last = len(pieces) - 1
    return b"".join(
        fragment(dst, piece, (c.FFSOM if i == 0 else 0) | (c.FFEOM if i == last else 0))
        for i, piece in enumerate(pieces)
    )


class Host(Bed):
    """A switch with a UDP socket."""

    def __init__(self, index: int, **options: Any) -> None:
        super().__init__(own_tid=daemon(index), **options)
        self.index = index
        self.tid = daemon(index)
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.udp.setblocking(False)
        self.port: int = self.udp.getsockname()[1]
        self.switch.network(self.udp.fileno(), c.WIRE_PKT_DEFAULT)

    def leave(self, failed: bool) -> None:
        super().leave(failed)
        self.udp.close()

    def knows(self, other: Host, *, moves: bool = False) -> None:
        """The other one is a host of the machine from now on; moves as `Switch.host` has it."""
        self.switch.host(other.tid, "127.0.0.1", other.port, c.WIRE_PKT_DEFAULT, moves=moves)

    def found(self, kind: type[Any]) -> list[Any]:
        """The events of a kind so far."""
        return [e for e in self.events if isinstance(e, kind)]


class Relay(Scoped):
    """A network between two hosts that hands every packet to a function.

    It is told which way the packet goes, 0 or 1, and returns what is to go which way instead.
    """

    def __init__(self, rule: Callable[[int, bytes], list[tuple[int, bytes]]]) -> None:
        self.rule = rule
        self.socks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
        for sock in self.socks:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            sock.bind(("127.0.0.1", 0))
            sock.setblocking(False)
        self.ports: list[int] = [sock.getsockname()[1] for sock in self.socks]
        self.targets: list[tuple[str, int]] = []

    def leave(self, failed: bool) -> None:
        for sock in self.socks:
            sock.close()

    def pump(self) -> None:
        """Hand on what is there. A host sends to the socket that stands for the other."""
        for way in (0, 1):
            try:
                while data := self.socks[1 - way].recv(65536):
                    for towards, packet in self.rule(way, data):
                        self.socks[towards].sendto(packet, self.targets[1 - towards])
            except BlockingIOError:
                continue


class Hosts(Scoped):
    """Hosts that run together."""

    hosts: Sequence[Host]
    relay: Relay | None = None

    def leave(self, failed: bool) -> None:
        for host in self.hosts:
            host.leave(failed)

    def turn(self) -> None:
        """Let writers write what goes, and run each switch once."""
        for host in self.hosts:
            for peer in host.peers:
                peer.pump()
            if self.relay:
                self.relay.pump()
            host.run(0.0005)

    def until(self, condition: Callable[[], Any]) -> None:
        """Run the switches until the condition holds."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, "condition never held"
            self.turn()


class Mesh(Hosts):
    """So many hosts that know each other, and that tasks move; options: limits of the switches."""

    def __init__(self, count: int, **options: Any) -> None:
        self.hosts = [Host(index, **options) for index in range(1, count + 1)]
        for host in self.hosts:
            for other in self.hosts:
                if other is not host:
                    host.knows(other, moves=True)


class Pair(Hosts):
    """Two hosts that know each other, directly or through a relay; `silence` as `Switch.host`.

    options: limits of both switches.
    """

    def __init__(self, silence: float = 0.0, relay: Relay | None = None, **options: Any) -> None:
        self.hosts = Host(1, **options), Host(2, **options)
        self.relay = relay
        one, two = self.hosts
        ports = relay.ports if relay else [one.port, two.port]
        if relay:
            relay.targets = [("127.0.0.1", one.port), ("127.0.0.1", two.port)]
        one.switch.host(two.tid, "127.0.0.1", ports[1], c.WIRE_PKT_DEFAULT, silence=silence)
        two.switch.host(one.tid, "127.0.0.1", ports[0], c.WIRE_PKT_DEFAULT, silence=silence)
