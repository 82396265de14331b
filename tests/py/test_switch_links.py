# SPDX-License-Identifier: MIT
"""Links between hosts: two switches on loopback, and a switch with a peer that is as 3.4.6."""

from __future__ import annotations

import os
import random
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.linkbed import Host, Pair, daemon, task_message
from support.switchbed import cut

from pvm3py.pvmd import switch as sw
from pvm3py.wire import constants as c

HEAD = struct.Struct(">iiHHB3x")


def packet(seq: int, body: bytes, flags: int = c.FFDAT, dst: int = daemon(1)) -> bytes:
    return HEAD.pack(dst, daemon(2), seq, 0, flags) + body


def message(tag: int, body: bytes) -> bytes:
    return struct.pack(">iiiiiiii", c.WIRE_ENC_XDR, tag, 0, 0, 7, 0, 0, 0) + body


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

    def receive(self) -> tuple[int, int, int, int, int, bytes]:
        """The next packet: dst, src, seq, ack, flags, the rest."""
        got: list[bytes] = []

        def arrived() -> bool:
            try:
                got.append(self.sock.recv(65536))
            except BlockingIOError:
                return False
            return True

        self.host.until(arrived)
        return (*HEAD.unpack_from(got[0]), got[0][16:])

    def acknowledge(self, seq: int) -> None:
        self.send(HEAD.pack(daemon(1), daemon(2), 0, seq, c.FFACK))


@pytest.fixture
def host() -> Iterator[Host]:
    with Host(1) as made:
        yield made


@pytest.fixture
def old(host: Host) -> Iterator[OldPeer]:
    peer = OldPeer(host)
    yield peer
    peer.sock.close()


WHOLE = c.FFDAT | c.FFSOM | c.FFEOM


def test_each_packet_is_acknowledged_by_itself_and_taken_once(host: Host, old: OldPeer) -> None:
    bodies = [message(100 + i, b"%04d" % i) for i in range(20)]
    order = list(range(20)) * 2
    random.Random(1).shuffle(order)
    for i in order:
        old.send(packet(i + 1, bodies[i], WHOLE))
    acks = [old.receive() for _ in order]
    assert sorted(a[3] for a in acks) == sorted(i + 1 for i in order)
    assert {a[4] for a in acks} == {c.FFACK}
    assert [e.tag for e in host.wait(sw.MessageEvent, 20)] == [100 + i for i in range(20)]


def test_unacknowledged_packet_comes_again_unchanged(host: Host, old: OldPeer) -> None:
    host.switch.send(daemon(2), daemon(1), 5, 0, 9, b"body")
    first = old.receive()
    assert first[2] == 1
    old.acknowledge(1)
    host.switch.send(daemon(2), daemon(1), 6, 0, 9, b"body")
    second = old.receive()
    assert old.receive() == second


def test_stranger_changes_nothing(host: Host, old: OldPeer) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(packet(1, message(1, b""), WHOLE), ("127.0.0.1", host.port))
        host.wait(sw.LogEvent)
    old.send(packet(1, message(2, b""), WHOLE))
    assert [e.tag for e in host.wait(sw.MessageEvent)] == [2]


def test_end_of_the_peer_is_reported(host: Host, old: OldPeer) -> None:
    old.send(HEAD.pack(daemon(1), daemon(2), 0, 0, c.FFFIN | c.FFACK))
    (event,) = host.wait(sw.HostEvent)
    assert (event.tid, event.reason) == (daemon(2), sw.HOST_LEFT)


def test_garbage_behind_the_flags_of_a_bare_header_is_ignored(host: Host, old: OldPeer) -> None:
    old.send(HEAD.pack(daemon(1), daemon(2), 0, 0, c.FFFIN | c.FFACK)[:13] + b"\xa5\x5a\x01")
    assert host.wait(sw.HostEvent)[0].reason == sw.HOST_LEFT


def test_closing_is_agreed_upon(host: Host, old: OldPeer) -> None:
    host.switch.close_host(daemon(2))
    fin = old.receive()
    assert (fin[2], fin[4]) == (1, c.FFFIN)
    old.acknowledge(1)
    assert old.receive()[4] == c.FFFIN | c.FFACK
    assert host.wait(sw.HostEvent)[0].reason == sw.HOST_CLOSED


FAULTS = [
    "",
    "loss=0.2,seed=3",
    "dup=0.3,reorder=0.3,seed=4",
    "delay=20",
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


def test_partition_makes_the_host_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    barrier = tmp_path / "cut"
    monkeypatch.setenv("PVM_TEST_NETFAULT", f"file={barrier}")
    with Pair(silence=0.5) as pair:
        one, two = pair.hosts
        one.switch.send(two.tid, one.tid, 5, 0, 9, b"")
        pair.until(lambda: two.found(sw.MessageEvent))
        two.switch.send(one.tid, two.tid, 5, 0, 9, b"")
        pair.until(lambda: one.found(sw.MessageEvent))
        barrier.touch()
        pair.until(lambda: one.found(sw.HostEvent) and two.found(sw.HostEvent))
        assert one.found(sw.HostEvent)[0].reason == sw.HOST_SILENT


def test_multicast_crosses_once_for_each_host() -> None:
    with Pair() as pair:
        one, two = pair.hosts
        sender, near = one.peer(0x40001), one.peer(0x40002)
        far = [two.peer(0x80001), two.peer(0x80002)]
        tids = [0x80001, 0x40002, 0x80002]
        announcement = struct.pack(">8i", c.WIRE_ENC_XDR, c.TM_MCA, 0, 0, 0, 0, 0, 0)
        announcement += struct.pack(">4i", len(tids), *tids)
        head = struct.pack(">iiiB3x", daemon(1), -1, len(announcement), c.FFSOM | c.FFEOM)
        body = os.urandom(200000)
        sender.start(head + announcement + task_message(0x40001 | c.TIDGID, body))
        for peer in (near, *far):
            pair.until(peer.messages_here)
            fragments, _ = cut(peer.stream)
            assert b"".join(f.payload for f in fragments)[c.MSGHDRLEN :] == body


def test_slow_receiver_parks_senders_of_other_hosts() -> None:
    with Pair() as pair:
        one, two = pair.hosts
        sender, receiver = one.peer(0x40001), two.peer(0x80001)
        body = bytes(60 << 20)
        sender.start(task_message(0x80001, body))
        pair.until(lambda: one.switch.statistics().parked and two.switch.statistics().parked)
        pair.until(lambda: receiver.drain() is None or len(receiver.stream) >= len(body))


def test_packet_for_another_host_is_not_taken(host: Host, old: OldPeer) -> None:
    """One that was on its way to a daemon that had our address before."""
    old.send(packet(1, message(1, b""), WHOLE, dst=daemon(3)))
    host.wait(sw.LogEvent)
    old.send(packet(1, message(2, b""), WHOLE))
    assert [e.tag for e in host.wait(sw.MessageEvent)] == [2]


def test_multicast_that_was_not_finished_does_not_get_the_next_ones_place(host: Host) -> None:
    old, tids = OldPeer(host), (0x40001, 0x40002)
    peers = [host.peer(tid) for tid in tids]
    gid = 0x80001 | c.TIDGID
    for tid in tids:
        receivers = message(c.DM_MCA, struct.pack(">iii", gid, 1, tid))
        old.send(packet(2 * tids.index(tid) + 1, receivers, WHOLE))
        if tid == tids[0]:
            old.send(packet(2, message(5, b"begun"), c.FFDAT | c.FFSOM, dst=gid))
    old.send(HEAD.pack(gid, 0x80001, 4, 0, WHOLE) + message(6, b"whole"))
    host.until(peers[1].messages_here)
    assert cut(peers[1].stream)[0][0].payload[c.MSGHDRLEN :] == b"whole"
    assert not peers[0].messages_here()
    old.sock.close()


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
        before = _resident()
        one_of_each = task_message(0x80001, bytes(9000)) + task_message(0x40002, bytes(250000))
        while one.switch.queued(0x80001) < 100 * 9000:
            sender.start(one_of_each)
            pair.until(near.messages_here)
            near.stream = b""
        pair.until(lambda: _resident() - before < 8 << 20)


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
