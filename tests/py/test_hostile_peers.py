# SPDX-License-Identifier: MIT
"""Our daemon against other daemons that break the protocol, as their master and as their slave.

After each test it serves its tasks and the other hosts, and had no internal error; what was wrong
is in the log.
"""

from __future__ import annotations

import itertools
import random
import socket
import struct
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.daemon_vectors import recording
from support.peerdaemon import (
    WHOLE,
    MasterTarget,
    PeerDaemon,
    SlaveTarget,
    daemon,
    head,
    packet,
)
from support.rawtask import RawTask, ints, message, string
from support.vm import wait_until

from pvm3py.wire import constants as c
from pvm3py.wire.hosts import TableDelete, TableEntry, TableUpdate, address_text

# A recorded body for each request but DM_HALT, which ends the machine, and for each answer.
REQUESTS = {
    c.DM_DELHOST: "dm-delhost",
    c.DM_TASK: "dm-task",
    c.DM_SENDSIG: "dm-sendsig",
    c.DM_TASKOUT: "dm-taskout",
    c.DM_PSTAT: "dm-pstat",
    c.DM_MCA: "dm-task",
    c.DM_NOTIFY: "dm-notify",
    c.DM_DB: "dm-db-put",
    c.DM_RESET: "dm-task",
    c.DM_HOSTSYNC: "dm-hostsync",
    c.DM_SLCONF: "slconf-sched",
    c.DM_HTUPD: "htupd-full-table",
    c.DM_HTDEL: "dm-htdel",
    c.DM_NULL: "dm-exec",
    c.DM_EXEC: "dm-exec",
    c.DM_ADD: "dm-add",
    c.SM_EXEC: "sm-exec-remote",
    c.SM_HANDOFF: "dm-task",
    c.SM_TASKX: "sm-taskx-remote",
    c.SM_STHOSTACK: "sm-sthostack",
    c.SM_ADD: "sm-add",
}
ANSWERS = {
    c.DM_ADDACK: "dm-addack",
    c.DM_EXECACK: "dm-execack",
    c.DM_HTUPDACK: "htupdack",
    c.DM_STARTACK: "sm-sthostack",
    c.DM_TASKACK: "dm-taskack",
    c.DM_DELHOSTACK: "dm-execack",
    c.DM_PSTATACK: "dm-pstatack",
    c.DM_NOTIFYACK: "dm-notifyack",
    c.DM_DBACK: "dm-dback-get",
    c.DM_RESETACK: "dm-notifyack",
    c.DM_HOSTSYNCACK: "dm-hostsyncack",
}
WORDS = (0, -1, 1, 2**31 - 1, -(2**31), 1 << 28, 100_000)

Emit = Callable[[], None]

few = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def ids(tag: int) -> str:
    """Hexadecimal, as logs have it."""
    return f"{tag & 0xFFFFFFFF:x}"


def check_log(target: MasterTarget | SlaveTarget, *texts: str) -> None:
    """Wait until the log has these texts."""
    for text in texts:
        wait_until(lambda text=text: text in target.log(), f"{text!r} in the log\n{target.log()}")


def check_log_of_packets(target: MasterTarget | SlaveTarget, text: str, again: Emit) -> None:
    """The same for what is logged a few times a second only: cause it until it is there."""

    def logged() -> bool:
        again()
        return text in target.log()

    wait_until(logged, f"{text!r} in the log")


def clock_of(task: RawTask, peer: PeerDaemon) -> None:
    """Have the daemon ask that peer for its clock, which answers."""
    wid = task.next_wid()
    task.send(message(c.TM_HOSTSYNC, ints(peer.index << 18), src=task.tid, wid=wid))
    asked = peer.expect(c.DM_HOSTSYNC)
    peer.send(c.DM_HOSTSYNCACK, ints(123, 456), wid=asked.wid)
    while (answer := task.receive()).wid != wid:
        pass
    assert answer.ints() == (0, 123, 456)


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


@pytest.fixture(scope="module")
def shared_slave() -> Iterator[SlaveTarget]:
    target = SlaveTarget()
    yield target
    target.stop()


@pytest.fixture
def slave(shared_slave: SlaveTarget) -> Iterator[SlaveTarget]:
    """A slave whose master is a peer."""
    yield shared_slave
    target = shared_slave
    target.master.sync()
    with target.task() as task:
        clock_of(task, target.master)
        assert task.request(c.TM_CONFIG).ints()[0] >= 2
    assert "Traceback" not in target.log()


# ---- bodies ------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", REQUESTS | ANSWERS, ids=ids)
def test_body_cut_anywhere_or_with_an_impossible_number(master: MasterTarget, tag: int) -> None:
    peer = master.peers[0]
    body = recording((REQUESTS | ANSWERS)[tag]).body
    cuts = [body[:size] for size in range(0, min(len(body), 100) + 1, 3)]
    words = [body[: 4 * at] + ints(word) + body[4 * at + 4 :]
             for word in WORDS for at in range(min(4, len(body) // 4))]
    for bad in [*cuts, *words]:
        peer.send(tag, bad, wid=77)
    answers = {m.tag for m in peer.sync()}
    assert answers <= {tag + 1, c.SM_EXECACK, c.SM_ADDACK, tag, c.DM_NOTIFY}
    if tag in ANSWERS:
        check_log(master, f"{tag & 0xFFFFFFFF:x} from t80080000 to no request (4d)"
                  if tag != c.DM_STARTACK else "not served")


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
    [0, -1, 1, c.DM_NULL + 100, c.DM_ADD - 1, c.DM_HOSTSYNCACK + 1, c.TM_PSTAT, c.TM_HALT,
     c.TM_CONNECT, c.SM_SPAWN, c.SM_SCHED, c.TC_OUTPUT],
    ids=ids,
)
def test_message_that_no_daemon_serves_is_logged(master: MasterTarget, tag: int) -> None:
    master.peers[0].send(tag, ints(1, 2, 3))
    check_log(master, f"t80080000: message {tag & 0xFFFFFFFF:x} not served, dropped")


@pytest.mark.parametrize("tag", [c.SM_EXEC, c.SM_HANDOFF, c.TM_EXIT, c.DM_HALT, c.DM_DB], ids=ids)
def test_task_of_another_host_that_has_no_role_is_refused(master: MasterTarget, tag: int) -> None:
    peer = master.peers[0]
    peer.send(tag, recording("dm-exec").body, src=0x80001, wid=5)
    peer.sync()
    check_log(master, f"{tag & 0xFFFFFFFF:x}")


def test_table_messages_do_not_change_a_master(master: MasterTarget) -> None:
    peer = master.peers[0]
    everything = TableUpdate(9, 2, 2, [master.peers[0].entry("other")]).encode()
    peer.send(c.DM_HTUPD, everything, wid=3)
    peer.send(c.DM_HTCOMMIT)
    peer.send(c.DM_HTDEL, TableDelete(3, [master.peers[1].index << 18]).encode())
    assert peer.sync() == []
    for tag in (c.DM_HTUPD, c.DM_HTCOMMIT, c.DM_HTDEL):
        check_log(master, f"message {tag & 0xFFFFFFFF:x} of t80080000, which is not the master")


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
        check_log(master, f"answer {question + 1 & 0xFFFFFFFF:x} from t80080000: ")


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
    check_log(master, "from t800c0000 to no request", "from t80080000 to no request")


# ---- packets -------------------------------------------------------------------------------


def forgeries(peer: PeerDaemon, other: PeerDaemon) -> list[bytes]:
    """Packets that would harm if they were taken for the peer's."""
    seq = peer._seq + 1
    halt = head(c.DM_HALT)
    return [
        packet(peer.other, peer.tid, seq, WHOLE, halt),
        packet(peer.other, other.tid, other._seq + 1, WHOLE, halt),
        packet(peer.other, peer.tid, 0, c.FFFIN | c.FFACK),
        packet(peer.other, other.tid, 0, c.FFFIN | c.FFACK),
        packet(peer.other, peer.tid, seq, c.FFFIN),
        packet(peer.other, peer.tid, 0, c.FFACK, ack=1),
        *(packet(peer.other, daemon(index), 1, WHOLE, halt) for index in (0, 1, 4, 4095)),
        packet(peer.other, 0x80001, seq, WHOLE, halt),
        packet(peer.other, -1, seq, WHOLE, halt),
        b"",
        bytes(15),
        bytes(16),
        b"\xff" * 100,
    ]


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


# ---- what a master may tell ------------------------------------------------------------------


def odd_entries(slave: SlaveTarget) -> list[TableEntry]:
    """Hosts that cannot be, each for one reason."""
    good = PeerFields(slave.network.address(2))
    return [
        good.but(index=0), good.but(index=-1), good.but(index=4096), good.but(index=2**31 - 1),
        good.but(mtu=0), good.but(mtu=-1), good.but(mtu=20), good.but(mtu=-(2**31)),
        good.but(address=""), good.but(address="7f000001"), good.but(address="zz000001:1000"),
        good.but(address="7f000001:10000"), good.but(address=":"), good.but(address="7f000001:"),
        good.but(address="7f000001:0"),
    ]


class PeerFields:
    """A host of the table that can be changed in one field."""

    def __init__(self, address: str) -> None:
        self._fields = vars(TableEntry(5, "n", "LINUX64", address_text(address, 999), 4080, 1, 1))

    def but(self, **changed: object) -> TableEntry:
        """The host with another value."""
        return TableEntry(**self._fields | changed)


@pytest.mark.parametrize("number", range(15))
def test_slave_refuses_a_table_with_an_impossible_host(slave: SlaveTarget, number: int) -> None:
    bad = odd_entries(slave)[number]
    good = PeerFields(slave.network.address(2)).but(index=6)
    slave.update([*slave.table, good, bad])
    check_log(slave, "host table")
    with slave.task() as task:
        assert task.request(c.TM_CONFIG).ints()[0] == 2, "half of the table was taken"


def test_slave_with_a_table_of_duplicates(slave: SlaveTarget) -> None:
    fields = PeerFields(slave.network.address(2))
    slave.update([fields.but(), fields.but(name="again"), *slave.table, fields.but(arch="X")])
    with slave.task() as task:
        assert task.request(c.TM_CONFIG).ints()[0] == 3
    slave.master.send(c.DM_HTDEL, TableDelete(slave.serial, [5 << 18, 5 << 18, 9 << 18]).encode())
    slave.master.sync()
    with slave.task() as task:
        assert task.request(c.TM_CONFIG).ints()[0] == 2


@pytest.mark.parametrize("hosts", [[1 << 18], [2 << 18], [0, -1, 2**31 - 1], list(range(500))])
def test_slave_told_to_delete_what_it_cannot(slave: SlaveTarget, hosts: list[int]) -> None:
    slave.master.send(c.DM_HTDEL, TableDelete(slave.serial, hosts).encode())
    slave.master.send(c.DM_HTDEL, ints(slave.serial) + b"\0\0\1")


@pytest.mark.parametrize("count", [-1, 2**31 - 1, 3, 1 << 28])
def test_table_that_claims_more_hosts_than_it_has(slave: SlaveTarget, count: int) -> None:
    body = TableUpdate(9, 1, 1, slave.table).encode()
    slave.master.send(c.DM_HTUPD, body[:12] + ints(count) + body[16:], wid=4)
    check_log(slave, f"message {c.DM_HTUPD & 0xFFFFFFFF:x} from t80040000: WireError")


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        (c.DM_SLCONF_WD, "/nonexistent/x", "working directory /nonexistent/x"),
        (c.DM_SLCONF_SCHED, "nonsense", "is no tid"),
        (c.DM_SLCONF_SCHED, "80040000", "is no tid"),
        (c.DM_SLCONF_SCHED, "-5", "is no tid"),
        (c.DM_SLCONF_SCHED, "f" * 5000, "is no tid"),
        (c.DM_SLCONF_TRACE, "", "trace setting"),
        (c.DM_SLCONF_TRACE, "1 2 3", "trace setting"),
        (c.DM_SLCONF_TRACE, "x 0 0 0 0 0 0 0 @", "trace setting"),
        (c.DM_SLCONF_TRACE, f"0 {'9' * 5000} 0 0 0 0 0 0 @", "trace setting"),
        (99, "x", "setting 99 of the master is unknown"),
        (-1, "\udcff\x01", "setting -1 of the master is unknown"),
    ],
)
def test_setting_that_makes_no_sense(slave: SlaveTarget, field: int, text: str, said: str) -> None:
    raw = text.encode("utf-8", "surrogateescape")
    slave.master.send(c.DM_SLCONF, ints(field) + string(raw))
    check_log(slave, said)


@pytest.mark.parametrize("tag", sorted(REQUESTS | ANSWERS), ids=ids)
def test_slave_gets_bodies_cut_anywhere(slave: SlaveTarget, tag: int) -> None:
    body = recording((REQUESTS | ANSWERS)[tag]).body
    for size in itertools.chain(range(0, min(len(body), 60), 5), [max(0, len(body) - 1)]):
        if tag != c.DM_HTUPD or size < 16:
            slave.master.send(tag, body[:size], wid=0x80001)
    slave.master.sync()


@pytest.mark.parametrize("answer", [b"", b"\0\0", ints(-(2**31)), ints(2**31 - 1) * 3])
@pytest.mark.parametrize("tag", [c.TM_DB, c.TM_ADDHOST, c.TM_DELHOST], ids=ids)
def test_malformed_answer_of_a_master_ends_the_wait(
    slave: SlaveTarget, tag: int, answer: bytes
) -> None:
    asks = {c.TM_DB: (c.DM_DB, "dm-db-get"), c.TM_ADDHOST: (c.DM_ADD, "dm-add"),
            c.TM_DELHOST: (c.DM_DELHOST, "dm-delhost")}
    question, vector = asks[tag]
    with slave.task() as task:
        task.send(message(tag, recording(vector).body, src=task.tid, wid=8))
        asked = slave.master.expect(question)
        slave.master.send(question + 1, answer, wid=asked.wid)
        assert task.receive().wid == 8


@pytest.mark.parametrize("where", ["other address", "other port"])
def test_strangers_are_no_masters(slave: SlaveTarget, where: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        address = slave.network.address(3) if where == "other address" else slave.master.address
        stranger.bind((address, slave.master.port if where == "other address" else 0))
        for forged in forgeries(slave.master, slave.master):
            slave.master.emit(forged, stranger)
        slave.master.sync()
        said = f"packet of a stranger from {address}:"
        check_log_of_packets(slave, said, lambda: slave.master.emit(bytes(16), stranger))
