# SPDX-License-Identifier: MIT
"""Packets that arrive once more when the 16 bits of their sequence number have come around."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

import pytest
from support.impostors.linkbed import Pair, Relay, task_message
from support.impostors.packets import Packet, check, parse
from support.impostors.switchbed import Peer, cut

from pvm3py.wire import constants as c

ROUND = 1 << 16
COUNT = ROUND + 3000
# The packet whose number comes around.
NUMBER = 1500
_BLOCK = struct.Struct("!IHHIII")


def numbered(count: int) -> bytes:
    """Messages to task 0x80001 with their numbers."""
    return b"".join(task_message(0x80001, struct.pack("!Q", i)) for i in range(count))


def numbers(peer: Peer) -> list[int]:
    """The numbers that have arrived."""
    peer.drain()
    return [int.from_bytes(f.payload[c.MSGHDRLEN :]) for f in cut(peer.stream)[0]]


def expected_of(seen: Packet) -> int | None:
    """What a packet acknowledges up to: the next number expected."""
    if seen.flags & c.FFDAT:
        return (seen.ack + 1) % ROUND if seen.flags & c.FFACK else None
    return _BLOCK.unpack_from(seen.data)[2] if len(seen.data) >= _BLOCK.size else None


class Late:
    """What the network between the hosts does: it keeps a packet, and loses one when it is late."""

    def __init__(self, chosen: Callable[[Packet, int], int | None]) -> None:
        self.chosen = chosen
        self.kept: tuple[int, bytes, int] | None = None
        self.newest = 0
        self.come = False
        self.lost = 0

    def __call__(self, way: int, data: bytes) -> list[tuple[int, bytes]]:
        """What of a packet goes on, and which way: 0 from the first host, 1 from the second."""
        seen = parse(data)
        if way == 0 and seen.flags & c.FFDAT:
            self.newest += max((seen.seq - self.newest + ROUND // 2) % ROUND - ROUND // 2, 0)
        if self.kept is None:
            number = self.chosen(seen, way)
            if number is not None:
                self.kept = way, data, number
            return [(way, data)]
        kept_way, kept, number = self.kept
        due = way == 0 and self.newest >= ROUND + number and seen.seq == number
        if not due or self.come:
            return [(way, data)]
        self.come = True
        if kept_way == 0:
            return [(0, kept), (0, data)]
        self.lost += 1
        return [(1, kept)]


def data_packet(seen: Packet, way: int) -> int | None:
    """A packet with data."""
    return NUMBER if way == 0 and seen.flags & c.FFDAT and seen.seq == NUMBER else None


def acknowledgement(seen: Packet, way: int) -> int | None:
    """A packet that only acknowledges."""
    up_to = expected_of(seen) if way == 1 and not seen.flags & c.FFDAT else None
    return up_to - 1 if up_to and up_to >= NUMBER else None


def data_that_acknowledge(seen: Packet, way: int) -> int | None:
    """A packet with data, of the receiver, that acknowledges."""
    up_to = expected_of(seen) if way == 1 and seen.flags & c.FFDAT else None
    return up_to - 1 if up_to and up_to >= NUMBER else None


@pytest.fixture
def relayed(request: pytest.FixtureRequest) -> Iterator[tuple[Pair, Late]]:
    late = Late(request.param)
    with Relay(late) as relay, Pair(relay=relay) as pair:
        yield pair, late


@pytest.mark.parametrize(
    "relayed", [data_packet, acknowledgement, data_that_acknowledge], indirect=True
)
def test_packet_that_is_late_by_a_round_of_numbers_changes_nothing(
    relayed: tuple[Pair, Late],
) -> None:
    pair, late = relayed
    one, two = pair.hosts
    sender, receiver = one.peer(0x40001), two.peer(0x80001)
    echo = two.peer(0x80002)
    sender.start(numbered(COUNT))
    here = 0

    def arrived() -> bool:
        nonlocal here
        if late.kept is None:
            echo.start(task_message(0x40001, b"answer"))
        sender.drain()
        if receiver.drain() and len(receiver.stream) >= COUNT * len(numbered(1)):
            here = len(numbers(receiver))
        return here >= COUNT

    pair.until(arrived)
    assert late.come
    assert numbers(receiver) == list(range(COUNT))


def test_link_with_a_daemon_of_version_0_1_0_goes_on_without_wraps() -> None:
    """Both hosts take the other for one: the relay takes from the blocks what tells."""
    checks: list[tuple[int, int]] = []

    def rule(way: int, data: bytes) -> list[tuple[int, bytes]]:
        seen = parse(data)
        if not seen.flags & (c.FFDAT | c.FFFIN) and seen.data:
            length = _BLOCK.size + 4 * _BLOCK.unpack_from(seen.data)[1]
            assert int.from_bytes(seen.data[length:]) == c.WIRE_LINK_CAN_WRAP
            data = data[: c.DDFRAGHDR + length]
            return [(way, data[:13] + check(data).to_bytes(3) + data[16:])]
        if seen.flags & c.FFDAT and seen.seq == NUMBER:
            checks.append((int.from_bytes(data[13:16]), check(data)))
        return [(way, data)]

    with Relay(rule) as relay, Pair(relay=relay) as pair:
        one, two = pair.hosts
        sender, receiver = one.peer(0x40001), two.peer(0x80001)
        sender.start(numbered(COUNT))
        size = COUNT * len(numbered(1))
        pair.until(lambda: receiver.drain() is None or len(receiver.stream) >= size)
        assert numbers(receiver) == list(range(COUNT))
    assert len(checks) >= 2
    assert all(found == right for found, right in checks)
