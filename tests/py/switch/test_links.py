# SPDX-License-Identifier: MIT
"""Links between hosts: two switches on loopback, and a switch with a peer that is as 3.4.6."""

from __future__ import annotations

import os
import random
import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from support.impostors.linkbed import Host, Pair, task_message
from support.impostors.packets import WHOLE, Packet, daemon, head, packet, parse
from support.impostors.switchbed import cut, fragment
from support.system import resident

from pvm3py.pvmd.io import switch as sw
from pvm3py.pvmd.state.events import CloseEvent, HostEvent, LogEvent, MessageEvent
from pvm3py.wire import constants as c

# The last word of a daemon that ends.
FAREWELL = packet(daemon(1), daemon(2), 0, c.FFFIN | c.FFACK)


def whole(seq: int, tag: int, body: bytes = b"") -> bytes:
    """A message in one packet."""
    return packet(daemon(1), daemon(2), seq, WHOLE, head(tag) + body)


class OldPeer:
    """A daemon that knows no extension: a plain socket."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.sock.setblocking(False)
        host.switch.host(daemon(2), "127.0.0.1", self.sock.getsockname()[1], 4080)

    def send(self, data: bytes) -> None:
        self.sock.sendto(data, ("127.0.0.1", self.host.port))

    def receive(self) -> Packet:
        """The next packet."""
        got: list[bytes] = []

        def arrived() -> bool:
            try:
                got.append(self.sock.recv(65536))
            except BlockingIOError:
                return False
            return True

        self.host.until(arrived)
        return parse(got[0])

    def acknowledge(self, seq: int) -> None:
        self.send(packet(daemon(1), daemon(2), 0, c.FFACK, ack=seq))

    def close(self) -> None:
        self.sock.close()


@pytest.fixture
def host() -> Iterator[Host]:
    with Host(1) as made:
        yield made


@pytest.fixture
def old(host: Host) -> Iterator[OldPeer]:
    with closing(OldPeer(host)) as peer:
        yield peer


def test_each_packet_is_acknowledged_by_itself_and_taken_once(host: Host, old: OldPeer) -> None:
    order = list(range(20)) * 2
    random.Random(1).shuffle(order)
    for i in order:
        old.send(whole(i + 1, 100 + i, b"%04d" % i))
    acks = [old.receive() for _ in order]
    assert sorted(a.ack for a in acks) == sorted(i + 1 for i in order)
    assert {a.flags for a in acks} == {c.FFACK}
    assert [e.tag for e in host.wait(MessageEvent, 20)] == [100 + i for i in range(20)]


def test_unacknowledged_packet_comes_again_unchanged(host: Host, old: OldPeer) -> None:
    host.switch.send(daemon(2), daemon(1), 5, 0, 9, b"body")
    first = old.receive()
    assert first.seq == 1
    old.acknowledge(1)
    host.switch.send(daemon(2), daemon(1), 6, 0, 9, b"body")
    second = old.receive()
    assert old.receive() == second


def test_stranger_changes_nothing(host: Host, old: OldPeer) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(whole(1, 1), ("127.0.0.1", host.port))
        host.wait(LogEvent)
    old.send(whole(1, 2))
    assert [e.tag for e in host.wait(MessageEvent)] == [2]


def test_peer_without_pause_fills_a_queue_to_the_bound_of_all_queues() -> None:
    limit, size = 100_000, 4000
    with Host(1, queue_low=20_000, queue_total=limit) as host, closing(OldPeer(host)) as old:
        task = host.peer(0x40001)

        def state() -> tuple[int, int]:
            stats = host.switch.statistics()
            return stats.packets_received, stats.packets_dropped

        def send(seq: int) -> bool:
            """Whether it is taken."""
            received, dropped = state()
            data = head(seq) + bytes(size)
            old.send(packet(0x40001, 0x80001, seq, WHOLE, data))
            host.until(lambda: state()[0] > received)
            return state()[1] == dropped

        seq = 1
        while send(seq):
            assert old.receive().ack == seq
            seq += 1
            assert host.switch.statistics().queued_bytes < limit + 2 * size
        assert not send(seq), "as long as it is full"
        old.send(packet(0x40005, 0x80001, seq + 1, WHOLE, head(1)))
        assert old.receive().ack == seq + 1, "the packet behind it is kept"
        host.until(lambda: task.messages_here() == seq - 1)
        assert send(seq)
        assert old.receive().ack == seq
        host.until(lambda: task.messages_here() == seq)


def test_end_of_the_peer_is_reported(host: Host, old: OldPeer) -> None:
    old.send(FAREWELL)
    (event,) = host.wait(HostEvent)
    assert (event.tid, event.reason) == (daemon(2), sw.HOST_LEFT)


def test_garbage_behind_the_flags_of_a_bare_header_is_ignored(host: Host, old: OldPeer) -> None:
    old.send(FAREWELL[:13] + b"\xa5\x5a\x01")
    assert host.wait(HostEvent)[0].reason == sw.HOST_LEFT


def test_closing_is_agreed_upon(host: Host, old: OldPeer) -> None:
    host.switch.close_host(daemon(2))
    fin = old.receive()
    assert (fin.seq, fin.flags) == (1, c.FFFIN)
    old.acknowledge(1)
    assert old.receive().flags == c.FFFIN | c.FFACK
    assert host.wait(HostEvent)[0].reason == sw.HOST_CLOSED


FAULTS = [
    "",
    "loss=0.2,seed=3",
    "dup=0.3,reorder=0.3,seed=4",
    "delay=20",
    "late=0.2,lateness=100,seed=8",
    "corrupt=0.1,seed=5",
    "loss=0.1,dup=0.1,reorder=0.2,delay=5,corrupt=0.05,seed=6",
]


@pytest.mark.parametrize("fault", FAULTS)
def test_messages_survive_a_bad_network(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PVM_TEST_NETFAULT", fault)
    with Pair() as pair:
        one, two = pair.hosts
        sender, receiver = one.peer(0x40001), two.peer(0x80001)
        bodies = [os.urandom(size) for size in (0, 8, 5000, 70000, 300000) * 4]
        sender.start(b"".join(task_message(0x80001, body) for body in bodies))
        pair.until(lambda: receiver.drain() is None or receiver.messages_here() >= len(bodies))
        fragments, _ = cut(receiver.stream)
        joined = b"".join(
            f.payload[c.MSGHDRLEN :] if f.flags & c.FFSOM else f.payload for f in fragments
        )
        assert joined == b"".join(bodies)
        assert {f.src for f in fragments} == {0x40001}


def test_sequence_numbers_wrap_around() -> None:
    with Pair() as pair:
        one, two = pair.hosts
        sender, receiver = one.peer(0x40001), two.peer(0x80001)
        count = 70000
        sender.start(task_message(0x80001, b"12345678") * count)
        size = count * (16 + c.MSGHDRLEN + 8)
        pair.until(lambda: receiver.drain() is None or len(receiver.stream) >= size)
        assert len(cut(receiver.stream)[0]) == count


def test_longer_message_of_another_host_is_reported_without_its_body() -> None:
    with Pair(message_max=100000) as pair:
        one, two = pair.hosts
        one.switch.send(two.tid, one.tid, 5, 0, 9, bytes(100001))
        one.switch.send(two.tid, one.tid, 6, 0, 9, bytes(100000))
        pair.until(lambda: len(two.found(MessageEvent)) == 2)
        found = [(e.tag, e.wid, len(e.body), e.too_long) for e in two.found(MessageEvent)]
        assert found == [(5, 9, 0, True), (6, 9, 100000, False)]


def test_partition_makes_the_host_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    barrier = tmp_path / "cut"
    monkeypatch.setenv("PVM_TEST_NETFAULT", f"file={barrier}")
    with Pair(silence=0.5) as pair:
        one, two = pair.hosts
        one.switch.send(two.tid, one.tid, 5, 0, 9, b"")
        pair.until(lambda: two.found(MessageEvent))
        two.switch.send(one.tid, two.tid, 5, 0, 9, b"")
        pair.until(lambda: one.found(MessageEvent))
        barrier.touch()
        pair.until(lambda: one.found(HostEvent) and two.found(HostEvent))
        assert one.found(HostEvent)[0].reason == sw.HOST_SILENT


def announcement(tids: Sequence[int]) -> bytes:
    """TM_MCA as a task's library writes it."""
    data = struct.pack(">8i", c.WIRE_ENC_XDR, c.TM_MCA, 0, 0, 0, 0, 0, 0)
    data += struct.pack(f">{len(tids) + 1}i", len(tids), *tids)
    return struct.pack(">iiiB3x", daemon(1), -1, len(data), c.FFSOM | c.FFEOM) + data


def multicast(sender: int, tids: Sequence[int], body: bytes) -> bytes:
    """A whole multicast of a task."""
    return announcement(tids) + task_message(sender | c.TIDGID, body)


def test_multicast_crosses_once_for_each_host() -> None:
    with Pair() as pair:
        one, two = pair.hosts
        sender_tid = 0x40001
        sender, near = one.peer(sender_tid), one.peer(0x40002)
        far = [two.peer(0x80001), two.peer(0x80002)]
        body = os.urandom(200000)
        sender.start(multicast(sender_tid, [0x80001, 0x40002, 0x80002], body))
        for peer in (near, *far):
            pair.until(peer.messages_here)
            fragments, _ = cut(peer.stream)
            assert b"".join(f.payload for f in fragments)[c.MSGHDRLEN :] == body


@pytest.mark.parametrize("fault", ["", "loss=0.2,dup=0.1,reorder=0.3,delay=2,seed=7"])
def test_multicast_waits_for_tasks_that_are_yet_to_connect(
    fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PVM_TEST_NETFAULT", fault)
    with Pair() as pair:
        one, two = pair.hosts
        sender = one.peer(0x40001)
        # A list longer than one packet, and two multicasts one after the other.
        expected = range(0x80001, 0x80001 + 1500)
        for tid in expected:
            two.switch.expect(tid)
        bodies = [b"first" * 20, os.urandom(9000)]
        sender.start(b"".join(multicast(0x40001, expected, body) for body in bodies))
        whole = sum(c.TDFRAGHDR + c.MSGHDRLEN + len(body) for body in bodies)
        pair.until(lambda: two.switch.queued(expected[-1]) >= whole)
        queued = {two.switch.queued(tid) for tid in expected}
        assert len(queued) == 1, "every task has the same waiting"
        for tid in (expected[0], expected[700], expected[-1]):
            peer = two.peer(tid)
            pair.until(lambda p=peer: p.messages_here() == 2)
            parts = [f.payload for f in cut(peer.stream)[0]]
            heads = bytes(c.MSGHDRLEN)
            assert b"".join(parts) == heads + bodies[0] + heads + bodies[1]


def test_list_of_a_multicast_that_never_ended_is_replaced() -> None:
    with Pair() as pair:
        one, two = pair.hosts
        first, second = two.peer(0x80001), two.peer(0x80002)
        broken = one.peer(0x40001)
        begun = fragment(0x40001 | c.TIDGID, bytes(c.MSGHDRLEN) + b"begun", c.FFSOM)
        broken.send(announcement([0x80001]) + begun)
        pair.until(first.drain)
        broken.sock.close()
        pair.until(lambda: one.found(CloseEvent))
        sender = one.peer(0x40001)
        sender.start(multicast(0x40001, [0x80002], b"whole"))
        pair.until(second.messages_here)
        assert [f.payload for f in cut(second.stream)[0]] == [bytes(c.MSGHDRLEN) + b"whole"]
        first.drain()
        assert len(cut(first.stream)[0]) == 1


def test_slow_receiver_parks_senders_of_other_hosts() -> None:
    with Pair() as pair:
        one, two = pair.hosts
        sender, receiver = one.peer(0x40001), two.peer(0x80001)
        body = bytes(60 << 20)
        sender.start(task_message(0x80001, body))
        pair.until(lambda: one.switch.statistics().parked and two.switch.statistics().parked)
        pair.until(lambda: receiver.drain() is None or len(receiver.stream) >= len(body))


def test_sender_that_waits_for_a_lost_host_goes_on() -> None:
    with Pair() as pair:
        one, two = pair.hosts
        sender, receiver = one.peer(0x40001), two.peer(0x80001)
        near = one.peer(0x40002)
        sender.start(task_message(0x80001, bytes(60 << 20)) + task_message(0x40002, b"near"))
        pair.until(lambda: one.switch.statistics().parked and two.switch.statistics().parked)
        assert not receiver.messages_here()
        one.switch.forget_host(two.tid)
        assert near.message() == (0x40001, b"near")


def test_packet_for_another_host_is_not_taken(host: Host, old: OldPeer) -> None:
    """One that was on its way to a daemon that had our address before."""
    old.send(packet(daemon(3), daemon(2), 1, WHOLE, head(1)))
    host.wait(LogEvent)
    old.send(whole(1, 2))
    assert [e.tag for e in host.wait(MessageEvent)] == [2]


def test_what_waits_for_a_silent_host_does_not_keep_other_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    barrier = tmp_path / "cut"
    monkeypatch.setenv("PVM_TEST_NETFAULT", f"file={barrier}")
    with Pair() as pair:
        one, two = pair.hosts
        sender, near, far = one.peer(0x40001), one.peer(0x40002), two.peer(0x80001)
        sender.start(task_message(0x80001, b""))
        pair.until(lambda: far.drain() is None or far.messages_here())
        barrier.touch()
        before = resident(os.getpid())
        one_of_each = task_message(0x80001, bytes(9000)) + task_message(0x40002, bytes(250000))
        while one.switch.queued(0x80001) < 100 * 9000:
            sender.start(one_of_each)
            pair.until(near.messages_here)
            near.stream.clear()
        pair.until(lambda: resident(os.getpid()) - before < 8 << 20)
