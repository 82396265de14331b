# SPDX-License-Identifier: MIT
"""Which hosts a spawn goes to: exactly as 3.4.6 chooses them."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

from pvm3py.wire import constants as c


class Numbered(Protocol):
    """Something with a host's tid."""

    tid: int


class Described(Numbered, Protocol):
    """A host with the names that a spawn may give."""

    name: str
    arch: str


AnyHost = TypeVar("AnyHost", bound=Numbered)
NamedHost = TypeVar("NamedHost", bound=Described)


class Block(Generic[AnyHost]):
    """Consecutive tasks of a spawn that one host starts; `start` is the number of the first."""

    def __init__(self, host: AnyHost, start: int, count: int) -> None:
        self.host, self.start, self.count = host, start, count


def selected(
    hosts: list[NamedHost], flags: int, where: str, own: NamedHost | None
) -> list[NamedHost]:
    """Those of some hosts that a spawn names, in their order; "." is the host `own`."""
    if flags & c.PvmTaskHost:
        chosen = [host for host in hosts if (host is own if where == "." else host.name == where)]
        del chosen[1:]
    elif flags & c.PvmTaskArch:
        chosen = [host for host in hosts if host.arch == where]
    else:
        chosen = list(hosts)
    if flags & c.PvmHostCompl:
        return [host for host in hosts if host not in chosen]
    return chosen


class Placement:
    """Where the next spawn goes on: the hosts take turns over all spawns of this daemon.

    After a spawn that is limited to some hosts, that is the one that would be next among these.
    """

    def __init__(self, own: int) -> None:
        self._next = own + 1

    def blocks(self, hosts: list[AnyHost], count: int) -> list[Block[AnyHost]]:
        """Spread `count` tasks over hosts, which are in the order of their tids."""
        part = min(len(hosts), count)
        at = next((i for i, host in enumerate(hosts) if host.tid >= self._next), 0)
        blocks: list[Block[AnyHost]] = []
        start = share = 0
        for task in range(count):
            share += part
            if share >= count:
                share -= count
                blocks.append(Block(hosts[at], start, task + 1 - start))
                start = task + 1
                at = (at + 1) % len(hosts)
        self._next = hosts[at].tid
        return blocks
