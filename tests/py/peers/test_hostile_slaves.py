# SPDX-License-Identifier: MIT
"""Our daemon as the master of hosts whose daemons break the protocol.

After each test it serves its tasks and all hosts, and had no internal error; what was wrong is in
the log.
"""

from __future__ import annotations

import random
import socket
import struct
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.impostors.hostility import (
    ANSWERS,
    REQUESTS,
    check_log,
    check_log_of_packets,
    clock_of,
    forgeries,
    ids,
)
from support.impostors.packets import WHOLE, head, packet
from support.impostors.peerdaemon import MasterTarget
from support.impostors.rawtask import ints, message, string
from support.impostors.target import attacks
from support.vectors.daemon_vectors import recording

from pvm3py.wire import constants as c
from pvm3py.wire.hosts import TableDelete, TableUpdate

WORDS = (0, -1, 1, 2**31 - 1, -(2**31), 1 << 28, 100_000)

few = attacks(40)


@pytest.fixture(scope="module")
def shared_master() -> Iterator[MasterTarget]:
    target = MasterTarget(2)
    yield target
    target.stop()


@pytest.fixture
def master(shared_master: MasterTarget) -> Iterator[MasterTarget]:
    """A master with two peers."""
    yield shared_master
    for peer in shared_master.peers:
        peer.sync()
    with shared_master.task() as task:
        assert task.request(c.TM_CONFIG).ints()[0] == 3
        for peer in shared_master.peers:
            clock_of(task, peer)
    assert "Traceback" not in shared_master.log()


# ---- bodies ------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", REQUESTS | ANSWERS, ids=ids)
def test_body_cut_anywhere_or_with_an_impossible_number(master: MasterTarget, tag: int) -> None:
    peer = master.peers[0]
    body = recording((REQUESTS | ANSWERS)[tag]).body
    cuts = [body[:size] for size in range(0, min(len(body), 100) + 1, 3)]
    words = [
        body[: 4 * at] + ints(word) + body[4 * at + 4 :]
        for word in WORDS
        for at in range(min(4, len(body) // 4))
    ]
    for bad in [*cuts, *words]:
        peer.send(tag, bad, wid=77)
    # An addition that another case has asked for may be answered only now.
    answers = {m.tag for m in peer.sync()} - {c.DM_ADDACK}
    assert answers <= {tag + 1, c.SM_EXECACK, c.SM_ADDACK, tag, c.DM_NOTIFY}
    if tag in ANSWERS:
        check_log(
            master,
            f"{c.message_name(tag)} of t80080000 answers no request (4d)"
            if tag != c.DM_STARTACK
            else "not served",
        )


@few
@given(seed=st.integers(0, 2**32 - 1))
def test_mutated_bodies(master: MasterTarget, seed: int) -> None:
    rng = random.Random(seed)
    peer = rng.choice(master.peers)
    tags = [tag for tag in REQUESTS | ANSWERS if tag not in (c.DM_ADD, c.DM_DELHOST, c.SM_ADD)]
    for _ in range(8):
        tag = rng.choice(tags)
        body = bytearray(recording((REQUESTS | ANSWERS)[tag]).body)
        for _ in range(rng.randint(0, 3)):
            if body:
                body[rng.randrange(len(body))] = rng.choice((0, 255, 127, 128, 47, 1))
        if rng.random() < 0.3:
            del body[rng.randrange(len(body) + 1) :]
        peer.send(tag, bytes(body), wid=rng.choice((0, 1, 0x40001, 0x40002, -1)))
    peer.sync()


@pytest.mark.parametrize(
    "tag",
    [
        0,
        -1,
        1,
        c.DM_NULL + 300,
        c.DM_ADD - 1,
        c.DM_HOSTSYNCACK + 1,
        c.TM_PSTAT,
        c.TM_HALT,
        c.TM_CONNECT,
        c.SM_SPAWN,
        c.SM_SCHED,
        c.TC_OUTPUT,
    ],
    ids=ids,
)
def test_message_that_no_daemon_serves_is_logged(master: MasterTarget, tag: int) -> None:
    master.peers[0].send(tag, ints(1, 2, 3))
    check_log(master, f"{c.message_name(tag)} of t80080000 is not served, dropped")


@pytest.mark.parametrize("tag", [c.SM_EXEC, c.SM_HANDOFF, c.TM_EXIT, c.DM_HALT, c.DM_DB], ids=ids)
def test_task_of_another_host_that_has_no_role_is_refused(master: MasterTarget, tag: int) -> None:
    peer = master.peers[0]
    peer.send(tag, recording("dm-exec").body, src=0x80001, wid=5)
    peer.sync()
    check_log(master, f"{c.message_name(tag)} of t80001")


def test_malformed_request_of_another_hosts_task_is_answered(master: MasterTarget) -> None:
    peer = master.peers[0]
    peer.send(c.SM_EXEC, b"\0", src=0x80001, wid=6)
    assert peer.expect(c.SM_EXECACK, 6).ints() == (c.PvmBadParam,)


def test_table_messages_do_not_change_a_master(master: MasterTarget) -> None:
    peer = master.peers[0]
    everything = TableUpdate(9, 2, 2, [master.peers[0].entry("other")]).encode()
    peer.send(c.DM_HTUPD, everything, wid=3)
    peer.send(c.DM_HTCOMMIT)
    peer.send(c.DM_HTDEL, TableDelete(3, [master.peers[1].index << 18]).encode())
    assert peer.sync() == []
    for tag in (c.DM_HTUPD, c.DM_HTCOMMIT, c.DM_HTDEL):
        check_log(master, f"{c.message_name(tag)} of t80080000, which is not the master")


def test_many_messages_in_one_go_are_all_answered(master: MasterTarget) -> None:
    peer = master.peers[0]
    first = peer.next_seq()
    for number in range(500):
        seq = first if number == 0 else peer.next_seq()
        peer.emit(packet(peer.other, peer.tid, seq, WHOLE, head(c.DM_PSTAT, number) + ints(5)))
        if number % 16 == 15:
            peer.pump(lambda number=number: f"{number}" and len(peer.messages) > number - 16)
    peer.pump(lambda: len(peer.messages) >= 500)
    assert sorted(m.wid for m in peer.messages) == list(range(500))
    peer.messages.clear()


# ---- answers that are waited for ----------------------------------------------------------


@pytest.mark.parametrize(
    ("request_tag", "body", "question"),
    [
        (c.TM_HOSTSYNC, ints(2 << 18), c.DM_HOSTSYNC),
        (c.TM_PSTAT, ints(0x80001), c.DM_PSTAT),
        (c.TM_TASK, ints(2 << 18), c.DM_TASK),
    ],
    ids=["HOSTSYNC", "PSTAT", "TASK"],
)
@pytest.mark.parametrize("answer", [b"", b"\0", ints(5, -1)[:7], b"\xff" * 11])
def test_malformed_answer_ends_the_wait(
    master: MasterTarget, request_tag: int, body: bytes, question: int, answer: bytes
) -> None:
    peer = master.peers[0]
    with master.task() as task:
        wid = task.next_wid()
        task.send(message(request_tag, body, src=task.tid, wid=wid))
        asked = peer.expect(question)
        peer.send(question + 1, answer, wid=asked.wid)
        reply = task.receive()
        least = {c.TM_HOSTSYNC: 8, c.TM_PSTAT: 4, c.TM_TASK: 0}[request_tag]
        good = len(answer) >= least
        assert reply.wid == wid and (good or reply.ints() == (c.PvmDSysErr,))
    if not good:
        check_log(master, f"{c.message_name(question + 1)} of t80080000, malformed: ")


@pytest.mark.parametrize("codes", [(), (1,), (1, 2, 3, 4, 5), (-1,), (2**31 - 1,), (1, -7)])
def test_malformed_answer_to_a_spawn_ends_the_wait(
    master: MasterTarget, codes: tuple[int, ...]
) -> None:
    peer = master.peers[0]
    spawn = string(b"nothing") + ints(c.PvmTaskHost) + string(peer.address.encode())
    with master.task() as task:
        wid = task.next_wid()
        body = spawn + ints(2, 0, 0, 0, 0, 0, 0, 0, 0)
        task.send(message(c.TM_SPAWN, body, src=task.tid, wid=wid))
        asked = peer.expect(c.DM_EXEC)
        peer.send(c.DM_EXECACK, ints(*codes), wid=asked.wid)
        answer = task.receive()
        assert (answer.wid, answer.ints()[0], len(answer.body)) == (wid, 2, 12)


def test_only_the_host_that_was_asked_can_answer(master: MasterTarget) -> None:
    peer, other = master.peers
    with master.task() as task:
        task.send(message(c.TM_HOSTSYNC, ints(2 << 18), src=task.tid, wid=1))
        asked = peer.expect(c.DM_HOSTSYNC)
        other.send(c.DM_HOSTSYNCACK, ints(6, 6), wid=asked.wid)
        peer.send(c.DM_PSTATACK, ints(0), wid=asked.wid)
        peer.send(c.DM_HOSTSYNCACK, ints(6, 6), wid=asked.wid, src=0x80001)
        peer.send(c.DM_HOSTSYNCACK, ints(1, 2), wid=asked.wid)
        assert task.receive().ints() == (0, 1, 2)
        peer.send(c.DM_HOSTSYNCACK, ints(1, 2), wid=asked.wid)
    check_log(master, "of t800c0000 answers no request", "of t80080000 answers no request")


LINES = {
    b"": c.PvmBadParam,
    b"   ": c.PvmBadParam,
    b"&$": c.PvmBadParam,
    b"host lo": c.PvmBadParam,
    b"host xy=1": c.PvmBadParam,
    b"host " + b"sp=1 " * 20: c.PvmBadParam,
    b"x" * 5000: c.PvmNoHost,
    b"\xff\xfe": c.PvmNoHost,
    b"h ip=" + b"y." * 300: c.PvmNoHost,
    b"0.0.0.0": c.PvmNoHost,
    b"224.0.0.1": c.PvmNoHost,
    b"255.255.255.255 sp=-1": c.PvmNoHost,
}


def test_host_lines_that_make_no_sense(master: MasterTarget) -> None:
    peer = master.peers[0]
    peer.send(c.DM_ADD, ints(len(LINES)) + b"".join(map(string, LINES)), wid=3)
    words = peer.expect(c.DM_ADDACK, 3).ints()
    assert words[:2] == (len(LINES), 0) and list(words[2::7]) == list(LINES.values())
    for count in (0, 4096):
        peer.send(c.DM_ADD, ints(count) + string(b"x") * count, wid=4)
        assert peer.expect(c.DM_ADDACK, 4).ints() == (c.PvmBadParam,)


def test_new_host_that_refuses_the_table_is_not_added() -> None:
    master = MasterTarget(1)
    peer, fresh = master.peers[0], master.make_peer(3)
    try:
        fresh.there = peer.there
        master.greet(fresh.address, fresh.greeting().encode() + b"\n")
        peer.send(c.DM_ADD, ints(1) + string(fresh.address.encode()), wid=5)
        fresh.send(c.DM_HTUPDACK, ints(c.PvmBadParam), wid=fresh.expect(c.DM_HTUPD).wid)
        peer.send(c.DM_HTUPDACK, wid=peer.expect(c.DM_HTUPD).wid)
        peer.expect(c.DM_HTCOMMIT)
        assert peer.expect(c.DM_ADDACK, 5).ints()[:3] == (1, 0, c.PvmCantStart)
        check_log(master, "is gone: it refuses the host table: PvmBadParam")
    finally:
        fresh.close()
        master.stop()


# ---- packets -------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["other address", "other port"])
def test_packets_of_strangers_change_nothing(master: MasterTarget, where: str) -> None:
    peer, other = master.peers
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        address = master.network.address(40) if where == "other address" else peer.address
        stranger.bind((address, peer.port if where == "other address" else 0))
        for forged in forgeries(peer, other):
            peer.emit(forged, stranger)
        stranger.setblocking(False)
        peer.sync()
        said = f"packet of a stranger from {address}:"
        check_log_of_packets(master, said, lambda: peer.emit(bytes(16), stranger))
        with pytest.raises(BlockingIOError):
            stranger.recv(100)


def test_known_host_cannot_speak_for_another(master: MasterTarget) -> None:
    peer, other = master.peers
    for forged in forgeries(peer, other):
        if forged[4:8] != struct.pack("!i", peer.tid) and forged[4:8] != ints(0x80001):
            peer.emit(forged)
    for nobody in (peer.tid | 5, peer.tid | c.TIDGID, 0x80001 | c.TIDGID, 0x80000):
        peer.emit(packet(peer.other, nobody, peer._seq + 1, WHOLE, head(c.DM_HALT)))
    peer.sync()
    assert master.process.poll() is None


def test_replayed_packets_are_acknowledged_and_not_obeyed_again(master: MasterTarget) -> None:
    peer = master.peers[0]
    seq = peer.next_seq()
    again = packet(peer.other, peer.tid, seq, WHOLE, head(c.DM_PSTAT, 9) + ints(1))
    peer.deliver(seq, again)
    for _ in range(5):
        peer.deliver(seq, again)
    assert [m.tag for m in peer.sync()] == [c.DM_PSTATACK]


@pytest.mark.parametrize(
    "parts",
    [
        [(c.FFDAT, b"middle")],
        [(c.FFDAT | c.FFEOM, b"end")],
        [(c.FFDAT | c.FFSOM, head(5)), (WHOLE, head(6)), (c.FFDAT | c.FFEOM, b"")],
        [(c.FFDAT | c.FFSOM, head(5)[:32]), (c.FFDAT | c.FFEOM, b"x")],
    ],
    ids=["middle", "end", "start within", "nothing wrong"],
)
def test_parts_in_disorder(master: MasterTarget, parts: list[tuple[int, bytes]]) -> None:
    peer = master.peers[0]
    for flags, data in parts:
        seq = peer.next_seq()
        peer.deliver(seq, packet(peer.other, peer.tid, seq, flags, data))
    peer.sync()


def test_first_packet_shorter_than_its_header_is_not_taken(master: MasterTarget) -> None:
    peer = master.peers[0]
    for size in range(c.MSGHDRLEN):
        peer.emit(packet(peer.other, peer.tid, peer._seq + 1, WHOLE, bytes(size)))
    peer.sync()
    short = packet(peer.other, peer.tid, peer._seq + 1, WHOLE, bytes(31))
    said = "first packet without a message header"
    check_log_of_packets(master, said, lambda: peer.emit(short))
